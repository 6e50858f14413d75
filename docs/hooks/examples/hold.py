#!/usr/bin/env python3
"""A program that decides: nothing in the networks of a file is delisted.

hold.py NETWORKS_FILE < message.json
"""

import ipaddress
import json
import sys
from pathlib import Path

YES, NO = 0, 1
BROKEN = 126  # with any other status an error here would be a refusal

case = json.load(sys.stdin)["data"]
address = ipaddress.ip_address(case["address"])
try:
    held = [line.partition(" ") for line in Path(sys.argv[1]).read_text().splitlines() if line]
    reasons = {ipaddress.ip_network(network): why for network, _, why in held}
except (OSError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(BROKEN)
for network, why in reasons.items():
    if address in network:
        print(json.dumps({"reason": why, "note": f"held by {network}"}))
        sys.exit(NO)
sys.exit(YES)
