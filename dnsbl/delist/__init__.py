"""What a delist request comes to: shared by the portal and the operator's commands.

In the order of a request's way::

    findings    what lists the address, per zone and category
    case        one listing that is to go: all that a decision is told of it
    policy      the built-in decisions, by the configuration of its category
    decision    what each of them says; the strictest holds
    conclusion  takes off what may go, notes the rest, moves the request
    removal     an address taken off a listing, or out of a listed network

It reads and writes through `dnsbl.store`, in the transaction of its caller, and
asks nobody else: what takes time (hooks, reverse names) is asked before.
"""
