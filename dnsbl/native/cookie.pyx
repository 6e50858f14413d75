# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.wire.cookie`: the same cookies, without the interpreter lock."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from dnsbl.native.siphash cimport siphash24

cdef enum:
    SIGNED = 16                   # octets of a COOKIE option before the hash
    ADDRESS_MAX = 16
    VERSION = 1                   # RFC 9018 §4.1
    AGE_S_MAX = 3600              # §4.3
    AHEAD_S_MAX = 300
    RENEWED_AFTER_S = 1800


cdef class Cookies:
    """Makes cookies with the first of the keys, of 16 octets each, and verifies with all.

    Who calls `exchange` is inside the gate then, if there is one.
    """

    def __cinit__(self, keys, Gate gate=None):
        self.gate = gate
        self.set_keys(keys)

    def set_keys(self, keys) -> None:
        """From now on these are the keys."""
        cdef uint64_t fresh[SECRETS_MAX][2]
        cdef unsigned int count = 0
        if not 1 <= len(keys) <= SECRETS_MAX:
            raise ValueError("too many keys, or none")
        for key in keys:
            if len(key) != 16:
                raise ValueError("a key of another length")
            fresh[count][0] = int.from_bytes(key[:8], "little")
            fresh[count][1] = int.from_bytes(key[8:], "little")
            count += 1
        if self.gate is not None:
            self.gate.close()
        memcpy(self.keys, fresh, count * sizeof(fresh[0]))
        self.count = count
        if self.gate is not None:
            self.gate.open()

    def judge(self, bytes cookie, bytes address, double now):
        """For tests: the reply's option, and what the query's is."""
        cdef uint8_t reply[COOKIE]
        cdef const uint8_t* octets = cookie
        cdef const uint8_t* client = address
        if not is_cookie_size(len(cookie)) or len(address) not in (4, 16):
            raise ValueError("neither a cookie nor an address")
        judgement = self.exchange(octets, len(cookie), client, <unsigned int>len(address), now,
                                  reply)
        return reply[:COOKIE], judgement

    cdef Judgement exchange(self, const uint8_t* cookie, size_t size, const uint8_t* address,
                            unsigned int octets, double now, uint8_t* reply) noexcept nogil:
        """Judges a COOKIE option of a valid size, and makes the reply's, of COOKIE octets.

        The address has 4 or 16 octets.
        """
        cdef uint8_t signed_[SIGNED + ADDRESS_MAX]
        cdef uint32_t at = <uint32_t><int64_t>now, made  # modulo 2^32
        cdef int64_t age
        cdef unsigned int place, index
        cdef uint64_t hash_ = 0, difference
        cdef Judgement judgement = NO_COOKIE if size == CLIENT_COOKIE else BAD_COOKIE
        octets = min(octets, ADDRESS_MAX)
        if size == COOKIE and cookie[8] == VERSION:
            made = (<uint32_t>cookie[12] << 24 | <uint32_t>cookie[13] << 16
                    | <uint32_t>cookie[14] << 8 | cookie[15])
            age = <int32_t>(at - made)  # RFC 1982 §3.2
            if -AHEAD_S_MAX <= age <= AGE_S_MAX:
                memcpy(signed_, cookie, SIGNED)
                memcpy(signed_ + SIGNED, address, octets)
                for place in range(self.count):
                    hash_ = siphash24(self.keys[place], signed_, SIGNED + octets)
                    difference = 0  # in the same time, wherever they differ
                    for index in range(8):
                        difference |= cookie[SIGNED + index] ^ (hash_ >> (8 * index) & 0xFF)
                    if difference:
                        continue
                    if (place == 0 and age <= RENEWED_AFTER_S
                            and not (cookie[9] | cookie[10] | cookie[11])):
                        memcpy(reply, cookie, COOKIE)
                        return GOOD_COOKIE
                    judgement = GOOD_COOKIE
                    break
        memcpy(signed_, cookie, CLIENT_COOKIE)
        signed_[8] = VERSION
        signed_[9] = signed_[10] = signed_[11] = 0
        signed_[12] = <uint8_t>(at >> 24)
        signed_[13] = <uint8_t>(at >> 16)
        signed_[14] = <uint8_t>(at >> 8)
        signed_[15] = <uint8_t>at
        memcpy(signed_ + SIGNED, address, octets)
        hash_ = siphash24(self.keys[0], signed_, SIGNED + octets)
        memcpy(reply, signed_, SIGNED)
        for index in range(8):
            reply[SIGNED + index] = <uint8_t>(hash_ >> (8 * index))
        return judgement


def siphash(bytes key, bytes message):
    """For tests: the hash of a message under a key of 16 octets."""
    cdef uint64_t words[2]
    cdef const uint8_t* data = message
    words[0] = int.from_bytes(key[:8], "little")
    words[1] = int.from_bytes(key[8:], "little")
    return (<object>siphash24(words, data, len(message))).to_bytes(8, "little")
