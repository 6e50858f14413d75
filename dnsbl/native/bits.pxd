# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Bits: those of a word counted, and the 128 of an IPv6 address."""

from libc.stdint cimport uint64_t

cdef extern from *:
    int leading_zeros "__builtin_clz"(unsigned int) noexcept nogil
    int lowest_bit "__builtin_ctzll"(unsigned long long) noexcept nogil
    int popcount "__builtin_popcountll"(unsigned long long) noexcept nogil

cdef enum:
    WORD = 64

cdef struct Bits:             # of an address or a prefix, without host bits
    uint64_t high
    uint64_t low


cdef inline Bits masked6(Bits bits, unsigned int length) noexcept nogil:
    """The prefix of that length."""
    if length == 0:
        bits.high = bits.low = 0
    elif length <= WORD:
        bits.high &= ~<uint64_t>0 << (WORD - length)
        bits.low = 0
    elif length < 2 * WORD:
        bits.low &= ~<uint64_t>0 << (2 * WORD - length)
    return bits


cdef inline Bits last6(Bits bits, unsigned int length) noexcept nogil:
    """The last address of the prefix."""
    if length == 0:
        bits.high = bits.low = ~<uint64_t>0
    elif length <= WORD:
        if length < WORD:
            bits.high |= ~<uint64_t>0 >> length
        bits.low = ~<uint64_t>0
    elif length < 2 * WORD:
        bits.low |= ~<uint64_t>0 >> (length - WORD)
    return bits


cdef inline bint is_less6(Bits one, Bits other) noexcept nogil:
    """Whether the one stands before the other."""
    return one.high < other.high or (one.high == other.high and one.low < other.low)
