#!/usr/bin/env python3
"""A program that decides: nothing in the networks of a file is delisted.

hold.py NETWORKS_FILE < message.json
"""

import ipaddress
import json
import sys
from pathlib import Path

YES, NO = 0, 1

case = json.load(sys.stdin)["data"]
address = ipaddress.ip_address(case["address"])
for line in Path(sys.argv[1]).read_text().splitlines():
    network, _, why = line.partition(" ")
    if network and address in ipaddress.ip_network(network):
        print(json.dumps({"reason": why, "note": f"held by {network}"}))
        sys.exit(NO)
sys.exit(YES)
