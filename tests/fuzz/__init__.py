"""The twins are given the same, by chance, and have to agree to the octet.

``zones``    makes configurations, ``entries`` what is listed in them
``packets``  real queries, varied and damaged
``answers``  the compiled answer path beside `zone.answer` and `wire.message`
``changes``  sequences of changes to both twins of the radix
``names``    changes to both twins of a table of names, and rows that they take
``rows``     rows of the database, whole and damaged, taken by both
``images``   radixes as octets, whole and damaged
``rounds``   runs them: a seed, a number of rounds or a time, and how to see a failure again

``python -m fuzz --help`` in ``tests/``, or ``make fuzz``.
"""
