"""Whether an address or a name is listed, and as what; whether anything below it is."""

from libc.stdint cimport uint32_t, uint64_t

from dnsbl.native.bits cimport Bits
from dnsbl.native.plan cimport Access, Plan
from dnsbl.native.query cimport Query

cdef struct Decision:
    uint64_t listed               # categories of the plan
    uint64_t texted               # those whose listing has a text of its own, and perhaps others
    uint32_t ttl                  # no answer outlives its listing

cdef void decide4(const Plan* plan, uint32_t bits, double now, Decision* decision) noexcept nogil
cdef bint exists4(const Plan* plan, uint32_t bits, unsigned int length, double now) noexcept nogil
cdef void decide6(const Plan* plan, Bits bits, double now, Decision* decision) noexcept nogil
cdef bint exists6(const Plan* plan, Bits bits, unsigned int length, double now) noexcept nogil
cdef void decide_name(const Query* query, double now, Decision* decision) noexcept nogil
cdef bint exists_below_name(const Query* query, double now) noexcept nogil
cdef uint64_t permitted4(const Access* access, uint32_t bits) noexcept nogil
cdef uint64_t permitted6(const Access* access, Bits bits) noexcept nogil
