"""A run: what is longer than /16 in one /16, its single addresses and its ranges."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef enum:
    RUN_LENGTH = 16       # of the prefix that a run is

cdef struct Range:        # a network longer than /16 and shorter than /32
    uint16_t suffix       # its low 16 bits, without host bits
    uint16_t lengths      # bit i: it is, or lies in, one of length 17 + i
    uint32_t value

cdef struct Run:          # half a cache line
    uint8_t* addresses    # [room] sorted suffixes of 2 bytes, then [room] values of `width` bytes
    Range* ranges         # [ranged], sorted by suffix, then by length
    uint32_t count        # addresses
    uint32_t uniform      # the value of every address where `width` is 0
    uint16_t ranged
    uint8_t width         # bytes of each address's value: 0, 1, 2 or 4
