"""Sockets, and the processes behind them.

``endpoint``   binds an address and a port, or says in a sentence why not
``workers``    the threads that answer, each with a ``loop`` and sockets of its own
``udp`` ``tcp``  take messages off sockets, and put replies on them
``respond``    what lies between: decode, answer, encode, count
``counters``   counts what became of every message, ``status`` publishes it
``observe``    hands a sample of the queries to a thread that looks at them, each an
               ``observation``: for ``querylog``, and for whoever watches ``live``, which
               tells the most frequent by a ``sketch``
``service``    the DNS process, from the first load to a clean stop
``background`` is what goes on beside it
``supervise``  runs the sidecar beside it
"""
