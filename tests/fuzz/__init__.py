"""The twins are given the same, by chance, and have to agree to the octet; a server, anything.

``zones``    makes configurations, ``entries`` what is listed in them
``packets``  real queries, varied and damaged
``answers``  the compiled answer path beside `zone.answer` and `wire.message`
``replies``  any octets, through a whole Responder: nothing fails, each reply is in order
``reading``  says whether one is, by a reader of its own
``framing``  messages over TCP, in writes that are split and merged
``changes``  sequences of changes to both twins of the radix
``names``    changes to both twins of a table of names, and rows that they take
``rows``     rows of the database, whole and damaged, taken by both
``images``   radixes as octets, whole and damaged
``rounds``   runs them: a seed, a number of rounds or a time, and how to see a failure again;
             memory stays as it was

``python -m fuzz --help`` in ``tests/``, or ``make fuzz``. The long mode is
``make fuzz TARGETS=packets COUNT=10000000``.
"""
