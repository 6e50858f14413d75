# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.zone.answer`, for the queries that mail servers ask.

One question for a name below an origin, of any type but ANY and transfers, with
or without EDNS and cookies, is answered here to the octet as `wire` and `zone`
would answer it. Whatever else comes is declined, and Python's: so this never
has to know more than it does.

A query is read first (`read`), so that a batch can ask for the memory of all of
its radix places before the first is looked at, and answered then (`answer`):
decided, and the reply written.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from dnsbl.native.cookie cimport GOOD_COOKIE, Cookies
from dnsbl.native.decision cimport (
    Decision, decide4, decide6, decide_name, exists4, exists6, exists_below_name,
)
from dnsbl.native.gate cimport Gate
from dnsbl.native.names cimport Names
from dnsbl.native.plan cimport Access, Part, Plan, clear_plan, set_up_plan
from dnsbl.native.query cimport ANSWERED, DECLINED, TRUNCATED, Client, Fate, Query, read_query
from dnsbl.native.radix cimport Radix
from dnsbl.native.reply cimport Reply, negative, positive
from dnsbl.native.wire cimport (
    NOERROR, NXDOMAIN, T_A, T_AAAA, T_CAA, T_HINFO, T_MX, T_NS, T_SOA, T_TXT,
)


cdef class Answerer:
    """Answers for the zones whose plans it is given; `gate` guards their radixes.

    A plan is a `dnsbl.zone.plan.Plan`; each radix has the categories of its plan.
    ``cookies`` makes server cookies, where there are any.
    Nothing is answered in a zone before every zone that it answers from has one.
    """

    def __cinit__(self, plans, Gate gate, Cookies cookies=None):
        cdef unsigned int place
        ordered = sorted(plans, key=lambda plan: -plan.labels)
        self.gate = gate
        self.cookies = cookies
        self.names = tuple(plan.name for plan in ordered)
        self.categories = tuple(plan.category_names for plan in ordered)
        self._places = {name: place for place, name in enumerate(self.names)}
        self._parts = {}
        self._held = {}
        self.plans = <Plan*>calloc(len(ordered) + 1, sizeof(Plan))
        if self.plans == NULL:
            raise MemoryError
        self.count = len(ordered)
        for place in range(self.count):
            set_up_plan(&self.plans[place], ordered[place])
            for number, part in enumerate(ordered[place].parts):
                of_zone = self._parts.setdefault(part.zone, [])
                of_zone.append((place, number, part.categories_count))

    def __dealloc__(self):
        cdef unsigned int place
        if self.plans == NULL:
            return
        for place in range(self.count):
            clear_plan(&self.plans[place])
        free(self.plans)

    def attach(self, name, radix not None) -> None:
        """From now on that zone's listings, wherever they answer, are those of that radix."""
        cdef Part* part
        cdef Plan* plan
        cdef Radix addresses = radix if isinstance(radix, Radix) else None
        cdef Names domains = radix if isinstance(radix, Names) else None
        if addresses is None and domains is None:
            raise TypeError("a radix of another kind")
        if name not in self._places:
            raise KeyError(name)
        parts = self._parts.get(name, ())
        for place, _, count in parts:
            if len(radix.categories) != count:
                raise ValueError("a radix of another zone")
            if self.plans[<unsigned int>place].is_names != (domains is not None):
                raise ValueError("a radix of a zone of another kind")
        self.gate.close()
        old = self._held.get(name)
        self._held[name] = radix
        for place, number, _ in parts:
            plan = &self.plans[<unsigned int>place]
            part = &plan.parts[<unsigned int>number]
            if domains is not None:
                part.values = domains.values
                part.names = domains.names
            else:
                part.values = addresses.values
                part.ipv4 = addresses.ipv4
                part.ipv6 = addresses.ipv6
            plan.is_ready = _is_ready(plan)
        self.gate.open()
        radix.guard(self.gate)
        if old is not None and old is not radix:
            old.guard(None)

    def set_serial(self, name, serial) -> None:
        """The serial that the zone's SOA record says from now on, modulo 2^32."""
        self.plans[<unsigned int>self._places[name]].serial = serial & 0xFFFFFFFF

    def set_access(self, name, Radix radix not None) -> None:
        """Who may ask in a zone, or with None the server: see `dnsbl.zone.access.AccessList`.

        Before the first query.
        """
        cdef Access* access = &self.access
        if name is not None:
            access = &self.plans[<unsigned int>self._places[name]].access
        self._held["access", name] = radix
        access.values = radix.values
        access.ipv4 = radix.ipv4
        access.ipv6 = radix.ipv6

    def respond(self, data, now, client=b"\x7f\0\0\1"):
        """For tests: what becomes of a message. A reply; None: declined; b"": dropped."""
        cdef const uint8_t[::1] view = data
        cdef const uint8_t[::1] address = client
        cdef Reply reply
        cdef Query query
        if address.shape[0] != 4 and address.shape[0] != 16:
            raise ValueError("an address of no family")
        memset(&query, 0, sizeof(query))
        memcpy(query.client.address, &address[0], address.shape[0])
        query.client.octets = <unsigned int>address.shape[0]
        cdef Fate fate = self.read(&view[0] if view.shape[0] else NULL, view.shape[0], &query)
        if fate == ANSWERED:
            fate = self.answer(&query, now, &reply)
        if fate == DECLINED:
            return None
        return reply.data[:reply.size] if fate == ANSWERED or fate == TRUNCATED else b""

    cdef Fate read(self, const uint8_t* data, size_t size, Query* query) noexcept nogil:
        """Reads a message; ANSWERED where `answer` has to go on with it."""
        return read_query(self.plans, self.count, &self.access, data, size, query)

    cdef Fate answer(self, const Query* query, double now, Reply* reply) noexcept nogil:
        """Decides, and writes the reply."""
        cdef const Plan* plan = query.plan
        cdef Decision decision
        reply.has_cookie = query.cookie != 0 and self.cookies is not None
        reply.trusted = reply.has_cookie and GOOD_COOKIE == self.cookies.exchange(
            query.data + query.cookie, query.cookie_size, query.client.address,
            query.client.octets, now, reply.cookie
        )
        if plan.is_names:
            decide_name(query, now, &decision)
            if decision.listed:
                return positive(query, &decision, reply)
            return negative(query, NOERROR if exists_below_name(query, now) else NXDOMAIN, reply)
        if query.is4:
            if query.length4 == 32:
                decide4(plan, query.bits4, now, &decision)
                if decision.listed:
                    return positive(query, &decision, reply)
            elif exists4(plan, query.bits4, query.length4, now):
                return negative(query, NOERROR, reply)
        if query.is6:
            if query.length6 == 128:
                decide6(plan, query.bits6, now, &decision)
                if decision.listed:
                    return positive(query, &decision, reply)
            elif exists6(plan, query.bits6, query.length6, now):
                return negative(query, NOERROR, reply)
        return negative(query, NXDOMAIN, reply)


cdef bint _is_ready(const Plan* plan) noexcept:
    cdef unsigned int number
    for number in range(plan.parts_count):
        if plan.parts[number].values == NULL:
            return False
    return True


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
    if qtype == T_MX:
        return 5
    if qtype == T_HINFO:
        return 6
    if qtype == T_CAA:
        return 7
    return TYPE_SLOTS - 1


TYPES = ("A", "TXT", "AAAA", "NS", "SOA", "MX", "HINFO", "CAA", "other")
