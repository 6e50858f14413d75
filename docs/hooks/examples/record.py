#!/usr/bin/env python3
"""A program that is told what happened, and writes it down, a line of JSON each.

record.py FILE < message.json
"""

import fcntl
import json
import os
import sys
from pathlib import Path

TRY_AGAIN = 75  # EX_TEMPFAIL: tell me later

message = json.load(sys.stdin)
line = json.dumps({"id": os.environ["DNSBL_MESSAGE_ID"], **message})
try:
    with Path(sys.argv[1]).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # several may run at once
        file.write(f"{line}\n")
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(TRY_AGAIN)
