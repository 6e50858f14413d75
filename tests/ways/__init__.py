"""Requests by the thousand ways that they can go, and what must hold on each of them.

Hypothesis calls what the pages, the delivery, the operators and the rounds call, in any order, on a
database; beside it stands a model of what each request has come to.

``ground``    the zone and an empty database, which every way begins with
``petition``  the model: what a request, its links and its listings come to
``world``     the database and the delivery, beside the petitions that are known of
``promises``  what always holds of the two
``machine``   what may happen, and how everything comes to its end
"""
