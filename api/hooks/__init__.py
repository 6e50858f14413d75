"""What operators build on: hooks that decide about a delisting, and hooks that are told of it.

``message``    what a hook is sent, and what it made of it: two values
``transport``  the three ways to one, behind one method: ``http`` with its ``signature``,
               ``program``, ``plugin`` by the interface in ``spec``
``deciding``   the policy and all hooks asked about a delisting; ``question`` what each is
               asked, and what its answer means
``notifying``  all that tells hooks what happened: ``fan_out`` makes deliveries of events,
               ``delivery`` sends them by the ``schedule``, ``payload`` is what they say
``switch``     a hook that wants no more is switched off, whichever it is
``trial``      a hook that decides is tried
``calls``      the threads in which their code runs that may never return

A hook that decides is asked before a delisting, and its answer counts; one that is told learns
what happened after it was committed, at least once.
"""
