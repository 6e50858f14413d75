"""The compiled twin of `dnsbl.server.ratelimit`."""

from libc.stdint cimport uint8_t, uint64_t

from dnsbl.native.bits cimport Bits
from dnsbl.native.radix cimport Radix

cdef enum Verdict:
    SEND = 0
    SLIP = 1                     # an empty reply with TC
    DROP = 2

cdef enum:
    KINDS = 4                    # LISTED, UNLISTED, EMPTY, ERRORS
    SLOTS = 8                    # in a set: a cache line

cdef struct Client:              # who is to get a reply; made by `find`
    Bits network                 # IPv4 in the high 32 bits
    uint64_t hash                # of the network
    uint8_t is_ipv4
    uint8_t exempt

cdef class RateLimiter:
    cdef uint64_t* table         # [sets * SLOTS]: tag, replies over the limit, time
    cdef void* memory            # where the table lies in, not aligned
    cdef uint64_t sets_mask
    cdef uint64_t secret[2]
    cdef uint64_t intervals[KINDS]
    cdef uint64_t tolerance
    cdef unsigned int slip
    cdef unsigned int ipv4_prefix
    cdef unsigned int ipv6_prefix
    cdef bint log_only
    cdef Radix exempt            # None: nobody is
    cdef uint64_t slipped[KINDS]
    cdef uint64_t dropped[KINDS]
    cdef Client limited          # whoever went over first since it was last asked for
    cdef unsigned int limited_kind
    cdef int limited_state       # 0: nobody; 1: it is being written; 2: somebody
    cdef void find(self, const uint8_t* address, size_t octets, Client* client) noexcept nogil
    cdef Verdict check_client(self, const Client* client, unsigned int kind,
                              double now) noexcept nogil
    cdef Verdict _count(self, uint64_t hash_, unsigned int kind, uint64_t units) noexcept nogil
    cdef unsigned int _slot(self, const uint64_t* set_, uint64_t tag, uint64_t units,
                            uint64_t* held) noexcept nogil
    cdef Verdict check_address(self, const uint8_t* address, size_t octets, unsigned int kind,
                               double now) noexcept nogil
