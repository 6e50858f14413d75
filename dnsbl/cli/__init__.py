"""The operator's commands: a file for each family of verbs.

``serve``      the two processes: serve, dns, portal
``listing``    add, remove
``exclusion``  exclude
``key``        key add, list, change, revoke
``hooks``      hooks list, test, deliveries, replay, enable, disable; ``hook_entry`` prints
``requests``   requests list, show, approve, refuse; ``petition`` is how they print one
``token``      token create, list, revoke
``feed``       import
``lookup``     show: everything known of an address or a name
``inventory``  list
``question``   query: asks over DNS, as a mail server would
``top``        top: what the server does just now
``bounce``     bounce: takes a mail that came back
``health``     check

``group`` holds them, and turns every error into one line and an exit code:
0 done, 1 not found or refused, 2 wrong usage or configuration. ``scope``
chooses the zone and category that a command speaks of, ``options`` are the
options that several share, ``report`` is what they print.
"""

from dnsbl.cli.group import commands, main

__all__ = ["commands", "main"]
