"""The delist sidecar: an aiohttp process beside the DNS server, and the writer of the truth.

A delisting's way, in order:

``connections``      who comes gets a connection, and a deadline for whatever it is at
``app``              a request finds its page; ``client_address`` says who asks, ``origin``,
                     ``form`` and ``form_token`` whether its form is one of ours; operators have
                     a ``proxy_notice`` where nobody told the portal of a proxy
``portal.lookup``    is the address listed, why, and what can be done about it; what a request
                     would meet is its ``portal.outlook``
``portal.request``   one mailbox and one address: checked (``mailbox``, whose domain ``suffixes``
                     knows, ``limits``), committed
``portal.status``    how it fares, at an address that only the requester knows
``mail.delivery``    takes the mail from the outbox; ``mail_domain`` says whether it can arrive,
                     ``mail.draft`` has what ``mail.compose`` writes, ``mail.smtp`` or
                     ``mail.file`` carries it; ``mail.meaning`` tells how it fared
``portal.confirm``   the link in it: a page whose button delists, and another for "not me"
``proof``            what shows that the sender controls the address, by the ``resolver``
``hooks.deciding``   the policy and the operator's hooks say what they think of its press
``portal.delisting`` the press of that button, in one transaction
``zone_check``       asks the zone itself whether the address is gone

What waits for an operator is decided about at ``operator``, behind a login, and ``mail.decision``
tells the sender.

``watch`` sees in the journal what anybody changed, and ``hooks`` tells whom it concerns.

``expiry`` ends what has had its time, ``review`` what an operator has settled, ``pruning`` shortens
the journal; ``rounds`` calls them each second. ``dispatch`` keeps mails and messages of hooks
while they are on their way out. ``sidecar`` starts and stops all this in order, ``mail.reminders``
adds at the start what an earlier version did not queue,
``truth`` keeps the database off the event loop, ``pages`` renders the templates in the operator's
``look``; ``portal.statistics`` tells in each ``chart`` what became of listings.

What is said to people is English in the sources. ``negotiation`` chooses a page's ``language``,
whose ``catalogue`` of translations ``extraction`` keeps in step with templates and modules.
"""
