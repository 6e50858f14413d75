# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The numbers of the wire format, as reading and writing need them."""

from libc.stdint cimport uint8_t

cdef enum:
    HEADER = 12                   # RFC 1035 §4.1.1
    NAME_MAX = 255                # RFC 1035 §2.3.4
    LABELS_MAX = 127
    LABEL_KIND = 0xC0
    PLAIN_MAX = 512               # RFC 1035 §2.3.4
    REPLY_OCTETS_MAX = 1232       # DNS Flag Day 2020
    OPT_SIZE = 11                 # RFC 6891 §6.1.2: root, type, size, TTL, no data
    RECORD_HEAD = 12              # pointer, type, class, TTL, length
    STRING_MAX = 255              # RFC 1035 §3.3
    NOERROR = 0
    NXDOMAIN = 3
    T_A = 1
    T_NS = 2
    T_SOA = 6
    T_HINFO = 13
    T_MX = 15
    T_TXT = 16
    T_AAAA = 28
    T_OPT = 41
    T_IXFR = 251
    T_AXFR = 252
    T_META = 128                  # RFC 6895 §3.1: from here to ANY, none of data
    T_ANY = 255
    T_CAA = 257
    O_NSID = 3                    # RFC 5001
    O_COOKIE = 10                 # RFC 7873
    OPTION_HEAD = 4               # RFC 6891 §6.1.2: code, length
    # What an access list says, by the categories of `dnsbl.zone.access.AccessList`.
    PASS = 0
    IGNORE = 2


cdef inline uint8_t lower(uint8_t octet) noexcept nogil:
    """RFC 4343 §3: letters match without regard to case. Lengths of labels are no letters."""
    return octet + 32 if 65 <= octet <= 90 else octet
