"""The DNS server, and the core that it shares with the delist sidecar.

A query's way, in order:

``server``   a datagram or a TCP message arrives at a socket
``wire``     its bytes become a query, or it is malformed
``zone``     the zone finds the address in its radix, and every answer is decided
``wire``     the answer becomes bytes, once, cut to the size that the client takes
``server``   they leave by the socket that they came by

What the radix holds comes from ``store``, the SQLite database that is the only
truth: ``zone.follow`` reads its journal and applies what is new. ``verdict`` is
the rule by which covering entries decide, ``network`` the prefix value,
``name`` the value of a domain with its wildcards, ``subject`` either of them,
``config`` the operator's files, ``cli`` the operator's commands.
"""
