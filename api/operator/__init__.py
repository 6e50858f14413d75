"""The operators' pages, behind a login, in the order of a visit.

``login``    a token opens a session (``attempts`` bounds the guessing), and leaving ends it
``session``  what the cookie says, signed; ``access`` asks the token's row at every request, so that
             to revoke a token ends its sessions
``queue``    the requests that wait for somebody
``request``  one of them with all that is known; approve, refuse
"""
