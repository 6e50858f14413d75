"""SipHash-2-4, the keyed hash of server cookies (RFC 9018 §4.4).

J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012. The
compiled twin is `dnsbl/native/siphash.pxd`.
"""

from __future__ import annotations

import struct
from typing import Final

KEY_BYTES: Final = 16
HASH_BYTES: Final = 8

_COMPRESSION_ROUNDS, _FINAL_ROUNDS = 2, 4
_MASK = 0xFFFF_FFFF_FFFF_FFFF
_WORDS = struct.Struct("<QQ")
_WORD = struct.Struct("<Q")


def siphash(key: bytes, message: bytes) -> bytes:
    """The hash of a message of any length under a key of 16 octets: 8 octets."""
    low, high = _WORDS.unpack(key)
    # The constants spell "somepseudorandomlygeneratedbytes".
    state = (
        low ^ 0x736F6D6570736575,
        high ^ 0x646F72616E646F6D,
        low ^ 0x6C7967656E657261,
        high ^ 0x7465646279746573,
    )
    whole = len(message) // _WORD.size * _WORD.size
    last = message[whole:].ljust(_WORD.size - 1, b"\0") + bytes([len(message) & 0xFF])
    for (word,) in _WORD.iter_unpack(message[:whole] + last):
        v0, v1, v2, v3 = state
        v0, v1, v2, v3 = _rounds((v0, v1, v2, v3 ^ word), _COMPRESSION_ROUNDS)
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _rounds((v0, v1, v2 ^ 0xFF, v3), _FINAL_ROUNDS)
    return _WORD.pack(v0 ^ v1 ^ v2 ^ v3)


def _rounds(state: tuple[int, int, int, int], rounds: int) -> tuple[int, int, int, int]:
    v0, v1, v2, v3 = state
    for _ in range(rounds):
        v0 = v0 + v1 & _MASK
        v1 = (v1 << 13 & _MASK | v1 >> 51) ^ v0
        v0 = v0 << 32 & _MASK | v0 >> 32
        v2 = v2 + v3 & _MASK
        v3 = (v3 << 16 & _MASK | v3 >> 48) ^ v2
        v0 = v0 + v3 & _MASK
        v3 = (v3 << 21 & _MASK | v3 >> 43) ^ v0
        v2 = v2 + v1 & _MASK
        v1 = (v1 << 17 & _MASK | v1 >> 47) ^ v2
        v2 = v2 << 32 & _MASK | v2 >> 32
    return v0, v1, v2, v3
