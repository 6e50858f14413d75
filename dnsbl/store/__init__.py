"""The truth: one SQLite database in WAL mode, and the only place where SQL stands.

A change's path, in order:

``database``    opens it: for the one writer at a time, or read-only
``schema``      numbered migrations: the tables, and the ``triggers`` that write the journal;
                ``version`` tells without them which a database has
``widening``    how an old database learnt names and texts, in place
``listings``    what is listed, and ``exclusions`` from it; ``covering`` finds both by address
``bulk``        what a large feed lists, set by set
``journal``     the ordered log of both, which the DNS process follows
``pruning``     deletes its oldest rows; ``forgetting`` takes away who asked long ago
``news``        what is new in it, as events; ``relapse`` finds what is listed again
``events``      what happened, to be told; ``hooks`` whom, and ``deliveries`` what became of that
``requests``    delist requests: their states, tokens and limits
``outbox``      mail to be sent, committed before it is sent
``bounces``     what a mail that came back does to it; ``replies`` keeps mailboxes out of its words
``overdue``     whether anything has had its time
``keys``        secrets that have to outlive a restart
``access_keys`` the keys that clients ask with, as hashes
``audit``       who did what to which listing, and why
``history``     that and the journal, told as one story
``api_tokens``  what operators log in with, as hashes; ``ended_sessions`` of theirs, left early
``integrity``   whether the file is sound, and its rows belong together
"""
