"""Whether an address is listed, and as what; whether a prefix has any that is."""

from libc.stdint cimport uint32_t, uint64_t

from dnsbl.native.bits cimport Bits
from dnsbl.native.plan cimport Plan

cdef uint64_t listed4(const Plan* plan, uint32_t bits, double now, uint32_t* ttl) noexcept nogil
cdef bint exists4(const Plan* plan, uint32_t bits, unsigned int length, double now) noexcept nogil
cdef uint64_t listed6(const Plan* plan, Bits bits, unsigned int length, double now,
                      uint32_t* ttl) noexcept nogil
cdef bint exists6(const Plan* plan, Bits bits, unsigned int length, double now) noexcept nogil
