"""What a zone knows, and what it says: every answer is decided here.

``zone``     finds the zone of a name, and what of an address is listed in it
``radix``    holds the listings and exclusions, by prefix
``answer``   decides the answer to a query, as a value
``follow``   keeps the zones in step with the database, and ``source`` reads that in a thread
``contents`` what the zones take of it; ``expiry`` what has to go at which time;
             ``skipped`` reports rows that cannot be served
"""
