# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What became of the messages that a drain took, told to Python."""

from dnsbl.native.answer import TYPES


cdef dict told(const Counts* counts, Answerer answerer):
    """`dnsbl.native.drain.Counts`; the zones are those of the answerer's plans."""
    cdef unsigned int place, slot, category
    cdef const ZoneCounts* held
    replies = {}
    hits = {}
    listed = {}
    ignored = {"": counts.ignored}
    for place, zone in enumerate(answerer.names):
        held = &counts.zones[place]
        for slot in range(TYPE_SLOTS):
            for rcode, name in enumerate(("NOERROR", "NXDOMAIN")):
                count = held.replies[slot][<unsigned int>rcode]
                if count:
                    replies[zone, TYPES[slot], name] = count
        if held.hits:
            hits[zone] = held.hits
        if held.ignored:
            ignored[zone] = held.ignored
        for category, name in enumerate(answerer.categories[place]):
            if held.listed[category]:
                # Of two zones in an aggregate, two categories may bear one name.
                listed[zone, name] = listed.get((zone, name), 0) + held.listed[category]
    return {
        "replies": replies,
        "hits": hits,
        "listed": listed,
        "ignored": ignored,
        "truncated": counts.truncated,
        "slipped": counts.slipped,
        "dropped": {
            "short": counts.short_,
            "response": counts.response,
            "oversized": counts.oversized,
            "unreceived": counts.unreceived,
            "unsent": counts.unsent,
            "ignored": sum(ignored.values()),
            "rate_limited": counts.limited,
        },
        "batches": counts.batches,
        "declined": counts.declined,
    }
