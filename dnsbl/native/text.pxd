"""Addresses and networks as text, canonical in both directions; and names, read."""

from libc.stdint cimport uint8_t, uint32_t

from dnsbl.native.bits cimport Bits

cdef enum:
    TEXT4_MAX = 15   # 255.255.255.255
    TEXT6_MAX = 39   # eight groups of four, seven colons
    DOMAIN_MAX = 253 # RFC 1035 §2.3.4: 255 octets on the wire

cdef size_t format4(uint32_t bits, uint8_t* text) noexcept nogil
cdef size_t format6(Bits bits, uint8_t* text) noexcept nogil
cdef bint parse4(const uint8_t* text, size_t size, uint32_t* bits,
                 unsigned int* length) noexcept nogil
cdef bint parse6(const uint8_t* text, size_t size, Bits* bits,
                 unsigned int* length) noexcept nogil
cdef unsigned int parse_name(const uint8_t* text, size_t size, unsigned int* prefix,
                             uint8_t* wire) noexcept nogil
