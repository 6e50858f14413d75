"""Feeds: files that others publish, read line by line into networks.

``plain``      one network or address a line
``lookalike``  what else a file may be that names none
"""
