"""A radix as octets; see image.pyx for what they are."""

cdef enum:
    KIND_RUNS = 1
    KIND_WIDE = 2
    KIND_IPV6 = 3
    MIXED = 0xFFFFFFFF        # in place of the value of all addresses
