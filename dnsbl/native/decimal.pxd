# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Decimal numbers in text, such as the octets of an address and the length of a prefix."""

from libc.stdint cimport uint8_t


cdef inline const uint8_t* read_decimal(const uint8_t* text, const uint8_t* end,
                                        unsigned int largest,
                                        unsigned int* number) noexcept nogil:
    """Reads one without zeros before it; what follows it, NULL where there is none or a larger.

    What follows a 0 may be another digit, which no caller takes.
    """
    cdef unsigned int value
    if text == end or text[0] < 48 or text[0] > 57:
        return NULL
    value = text[0] - 48
    text += 1
    if value:
        while text < end and 48 <= text[0] <= 57:
            value = value * 10 + text[0] - 48
            if value > largest:
                return NULL
            text += 1
    number[0] = value
    return text
