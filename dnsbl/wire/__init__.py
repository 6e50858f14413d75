"""Bytes ↔ values, without I/O: what arrives is hostile, what leaves is exact.

``message``   a message becomes a query, or is dropped; an answer becomes a message
``edns``      what a query's OPT says, and the OPT of its reply
``cookie``    server cookies, made and verified; ``siphash`` is their hash
``record``    the values that an answer is made of
``rdata``     records as dnslib writes them
``names``     the labels below a zone's origin become the prefixes that they ask about
``numbers``   the numbers of the DNS that are used here, by name
"""
