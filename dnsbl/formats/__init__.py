"""Feeds: files that others publish, read line by line into networks.

``plain``      one network or address a line
``harvest``    all that a large one names, in the order of its text
``lookalike``  what else a file may be that names none
"""
