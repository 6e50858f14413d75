"""Sockets, and the processes behind them.

``endpoint``   binds an address and a port, or says in a sentence why not
``workers``    the threads that answer, each with a ``loop`` and sockets of its own
``udp`` ``tcp``  take messages off sockets, and put replies on them
``respond``    what lies between: decode, answer, encode, count
``counters``   counts what became of every message, ``status`` publishes it
``service``    the DNS process, from the first load to a clean stop
``background`` is what goes on beside it
``supervise``  runs the sidecar beside it
"""
