"""Sockets, and the processes behind them.

``endpoint``   binds an address and a port, or says in a sentence why not
``udp`` ``tcp``  take messages off sockets, and put replies on them
``respond``    what lies between: decode, answer, encode, count
``counters``   counts what became of every message, ``status`` publishes it
``service``    the DNS process, from the first load to a clean stop
``supervise``  runs the sidecar beside it
"""
