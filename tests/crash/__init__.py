"""Kills of the sidecar at each of its writes and network calls, and what must hold after each.

``scenarios``  what a sender, an operator and the time do, over HTTP
``street``     the portal of a run: begun, killed, begun anew; a stubborn sender's hands
``life``       one life of the sidecar, in a process of its own, forked from a warm parent
``injection``  the points in it at which it may be killed
``world``      the mail server, the name server and the hooks around it, which outlive it
``account``    what must hold in the end, whatever was killed

    PYTHONPATH=.:tests python -m crash plain --kills 50
"""
