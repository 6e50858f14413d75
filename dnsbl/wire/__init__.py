"""Bytes ↔ values, without I/O: what arrives is hostile, what leaves is exact.

``message``   a message becomes a query, or is dropped; an answer becomes a message
``record``    the values that an answer is made of
``names``     the labels below a zone's origin become the prefixes that they ask about
``numbers``   the numbers of the DNS that are used here, by name
"""
