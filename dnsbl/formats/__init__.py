"""Feeds: files that others publish, read line by line into networks or names.

``plain``      one network, address or name a line
``harvest``    all that a large one names, in the order of its text
``lookalike``  what else a file may be that names none
"""
