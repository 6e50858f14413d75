# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.zone.answer`, for the queries that mail servers ask.

One question for a name below an origin, of any type but ANY and transfers, with
or without EDNS, is answered here to the octet as `wire` and `zone` would
answer it. Whatever else comes is declined, and Python's: so this never has to
know more than it does.

A query is read first (`read`), so that a batch can ask for the memory of all of
its radix places before the first is looked at, and answered then (`answer`):
decided, and the reply written.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from dnsbl.native.decision cimport exists4, exists6, listed4, listed6
from dnsbl.native.gate cimport Gate
from dnsbl.native.plan cimport Plan, clear_plan, set_up_plan
from dnsbl.native.query cimport ANSWERED, DECLINED, TRUNCATED, Fate, Query, read_query
from dnsbl.native.radix cimport Radix
from dnsbl.native.reply cimport negative, positive
from dnsbl.native.wire cimport (
    NOERROR, NXDOMAIN, REPLY_OCTETS_MAX, T_A, T_AAAA, T_NS, T_OPT, T_SOA, T_TXT,
)


cdef class Answerer:
    """Answers for the zones whose plans it is given; `gate` guards their radixes.

    A plan is a `dnsbl.zone.plan.Plan`; each radix has the categories of its plan.
    """

    def __cinit__(self, plans, Gate gate):
        cdef unsigned int place
        ordered = sorted(plans, key=lambda plan: -plan.labels)
        self.gate = gate
        self._places = {plan.name: place for place, plan in enumerate(ordered)}
        self._radixes = [None] * len(ordered)
        self.plans = <Plan*>calloc(len(ordered) + 1, sizeof(Plan))
        if self.plans == NULL:
            raise MemoryError
        self.count = len(ordered)
        for place in range(self.count):
            set_up_plan(&self.plans[place], ordered[place])

    def __dealloc__(self):
        cdef unsigned int place
        if self.plans == NULL:
            return
        for place in range(self.count):
            clear_plan(&self.plans[place])
        free(self.plans)

    def attach(self, name, Radix radix not None, serial) -> None:
        """From now on the zone of that name answers from that radix, and says that serial."""
        cdef Plan* plan = &self.plans[self._places[name]]
        if len(radix.categories) != plan.categories_count:
            raise ValueError("a radix of another zone")
        self.gate.close()
        old = self._radixes[self._places[name]]
        self._radixes[self._places[name]] = radix
        plan.values = radix.values
        plan.ipv4 = radix.ipv4
        plan.ipv6 = radix.ipv6
        plan.serial = serial & 0xFFFFFFFF
        self.gate.open()
        radix.guard(self.gate)
        if old is not None and old is not radix:
            old.guard(None)

    def set_serial(self, name, serial) -> None:
        """The serial that the zone's SOA record says from now on, modulo 2^32."""
        self.plans[self._places[name]].serial = serial & 0xFFFFFFFF

    def respond(self, data, now):
        """For tests: what becomes of a message. A reply; None: declined; b"": dropped."""
        cdef const uint8_t[::1] view = data
        cdef uint8_t reply[REPLY_OCTETS_MAX]
        cdef size_t size = 0
        cdef unsigned int rcode = 0
        cdef Query query
        cdef Fate fate = self.read(&view[0] if view.shape[0] else NULL, view.shape[0], &query)
        if fate == ANSWERED:
            fate = self.answer(&query, now, reply, &size, &rcode)
        if fate == DECLINED:
            return None
        return reply[:size] if fate == ANSWERED or fate == TRUNCATED else b""

    cdef Fate read(self, const uint8_t* data, size_t size, Query* query) noexcept nogil:
        """Reads a message; ANSWERED where `answer` has to go on with it."""
        return read_query(self.plans, self.count, data, size, query)

    cdef Fate answer(self, const Query* query, double now, uint8_t* reply, size_t* size,
                     unsigned int* rcode) noexcept nogil:
        """Decides, and writes a reply of at most REPLY_OCTETS_MAX octets."""
        cdef const Plan* plan = query.plan
        cdef uint32_t ttl = plan.ttl_s
        cdef uint64_t listed
        if query.is4:
            if query.length4 == 32:
                listed = listed4(plan, query.bits4, now, &ttl)
                if listed:
                    return positive(query, listed, ttl, reply, size, rcode)
            elif exists4(plan, query.bits4, query.length4, now):
                return negative(query, NOERROR, reply, size, rcode)
        if query.is6:
            if query.length6 == 128:
                listed = listed6(plan, query.bits6, 128, now, &ttl)
                if listed:
                    return positive(query, listed, ttl, reply, size, rcode)
            elif exists6(plan, query.bits6, query.length6, now):
                return negative(query, NOERROR, reply, size, rcode)
        return negative(query, NXDOMAIN, reply, size, rcode)


cdef unsigned int type_slot(unsigned int qtype) noexcept nogil:
    """Where replies to that type are counted; the order of TYPES."""
    if qtype == T_A:
        return 0
    if qtype == T_TXT:
        return 1
    if qtype == T_AAAA:
        return 2
    if qtype == T_NS:
        return 3
    if qtype == T_SOA:
        return 4
    if qtype == T_OPT:
        return 5
    return TYPE_SLOTS - 1


TYPES = ("A", "TXT", "AAAA", "NS", "SOA", "OPT", "other")
