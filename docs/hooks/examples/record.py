#!/usr/bin/env python3
"""A program that is told what happened, and writes it down, a line of JSON each.

record.py FILE < message.json
"""

import fcntl
import os
import sys
from pathlib import Path

TRY_AGAIN = 75  # EX_TEMPFAIL: tell me later

try:
    with Path(sys.argv[1]).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # several may run at once
        file.write(f"{os.environ['DNSBL_MESSAGE_ID']} {sys.stdin.read()}\n")
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(TRY_AGAIN)
