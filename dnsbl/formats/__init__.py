"""Feeds: files that others publish, read line by line into networks.

``plain``  one network or address a line
"""
