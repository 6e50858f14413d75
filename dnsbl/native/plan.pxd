"""What the answers of a zone are made of; the twin of `dnsbl.zone.plan.Plan`."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dnsbl.native.ipv4 cimport Tree4
from dnsbl.native.ipv6 cimport Tree6
from dnsbl.native.nametable cimport NameTable
from dnsbl.native.values cimport Values

cdef enum:
    POINTERS_MAX = 16
    PARTS_MAX = 64                # a part has a category, of which there are no more
    TEXT_MAX = 1000               # of a TXT record, by the configuration

cdef enum Keys:                   # whether names may hold a key right below the origin
    KEYS_OFF
    KEYS_OPTIONAL
    KEYS_REQUIRED

cdef struct Category:
    uint8_t answer[4]
    uint8_t* text                 # "$" stands for what is asked about
    size_t size

cdef struct Test:                 # an entry built in (RFC 5782 §5)
    uint32_t bits
    uint64_t listed

cdef struct Part:                 # a zone whose listings answer in a plan
    Test* tests
    uint32_t tests_count
    unsigned int shift            # of its categories' bits, to be those of the plan
    Values* values
    Tree4* ipv4                   # of a list of addresses
    Tree6* ipv6
    NameTable* names              # of a list of names

cdef struct Access:               # who may ask; all are NULL where anybody may
    Values* values
    Tree4* ipv4
    Tree6* ipv6

cdef struct Plan:                 # of one zone
    uint8_t* origin               # on the wire, in lower case, with the root
    uint32_t origin_size
    uint32_t labels
    uint32_t ttl_s
    bint is_names                 # a list of names, or of addresses
    bint is_ready                 # every part has its radix
    Keys keys
    Access access
    Category* categories
    uint32_t categories_count
    Part* parts
    uint32_t parts_count
    uint8_t* authority            # the SOA record, for a name with nothing below the origin
    uint32_t authority_size
    uint32_t pointers[POINTERS_MAX]  # offsets in it of pointers, which move with the origin
    uint32_t pointers_count
    uint32_t serial_at
    uint32_t serial
    uint8_t* left                 # labels, in lower case: names that end in one are Python's
    uint32_t left_size

cdef int set_up_plan(Plan* plan, object given) except -1
cdef void clear_plan(Plan* plan) noexcept
