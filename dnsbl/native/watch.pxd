"""A sample of messages and replies, kept for whoever watches until it is asked for."""

from libc.stdint cimport uint8_t, uint16_t, uint64_t

from dnsbl.native.query cimport Client
from dnsbl.native.reply cimport Reply
from dnsbl.native.sockets cimport MESSAGE_OCTETS_MAX
from dnsbl.native.wire cimport REPLY_OCTETS_MAX

cdef enum:
    SEEN = 256

cdef struct Seen:                 # a message that is told to whoever watches, and its reply
    Client client
    uint16_t message_size
    uint16_t reply_size           # 0: none
    uint8_t message[MESSAGE_OCTETS_MAX]
    uint8_t reply[REPLY_OCTETS_MAX]

cdef struct Watch:
    unsigned int listed_every     # one of so many answers that list is told, 0: none
    unsigned int other_every      # one of so many others
    uint64_t chance               # the state of a xorshift generator
    unsigned int count
    Seen seen[SEEN]

cdef Watch* new_watch() except NULL
cdef void set_rates(Watch* watch, unsigned int listed_every, unsigned int other_every) noexcept
cdef bint has_room(const Watch* watch, unsigned int count) noexcept nogil
cdef void keep(Watch* watch, const Client* client, const uint8_t* message, size_t size,
               const Reply* reply) noexcept nogil
cdef list taken(Watch* watch)
