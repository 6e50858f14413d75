"""What needs no zone: questions about the server itself, and those that no zone could answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.wire.message import Question
from dnsbl.wire.numbers import CLASS_CHAOS, CLASS_NONE, ExtendedCode, Rcode, Type
from dnsbl.wire.record import TXT, Answer, ExtendedError, Labels

# The names of BIND's, and those that RFC 4892 §2 gives in their place.
_VERSION_NAMES: Final = ((b"version", b"bind"), (b"version", b"server"))
_IDENTITY_NAMES: Final = ((b"hostname", b"bind"), (b"id", b"server"))

CLASS_RESERVED: Final = 0  # RFC 6895 §3.2

_NOT_SUPPORTED: Final = ExtendedError(ExtendedCode.NOT_SUPPORTED)
_NOT_AUTHORITATIVE: Final = ExtendedError(ExtendedCode.NOT_AUTHORITATIVE)
_INVALID_TYPE: Final = ExtendedError(ExtendedCode.INVALID_QUERY_TYPE)

# Types that no question may have: they stand in the additional section (RFC 6891 §6.1.1, RFC 8945
# §4.2), or mean something in NSEC records alone (RFC 9824).
_NO_QUESTIONS: Final = (Type.OPT, Type.TSIG, Type.NXNAME)
# Questions that nobody offers any more (RFC 1035 §3.2.3), and one about keys that there are not.
_NOT_OFFERED: Final = (Type.MAILA, Type.MAILB, Type.TKEY)


@dataclass(frozen=True, slots=True)
class ChaosConfig:
    """What the server tells of itself in class CHAOS, up to 255 octets each; "" is refused."""

    identity: str = ""
    version: str = ""


def answer(question: Question, config: ChaosConfig) -> Answer:
    """The answer to a question in class CHAOS (RFC 4892)."""
    assert question.qclass == CLASS_CHAOS
    text = _text(question.labels, config)
    if not text:
        return Answer(Rcode.REFUSED, extended=_NOT_AUTHORITATIVE)
    if question.qtype not in (Type.TXT, Type.ANY):
        return Answer(Rcode.NOERROR, aa=True)
    # No resolver keeps them: the next to answer may be another server of the same address.
    record = TXT(question.labels, 0, (text.encode(),), CLASS_CHAOS)
    return Answer(Rcode.NOERROR, aa=True, answer=(record,))


def _text(labels: Labels, config: ChaosConfig) -> str:
    name = tuple(label.lower() for label in labels)
    if name in _VERSION_NAMES:
        return config.version
    return config.identity if name in _IDENTITY_NAMES else ""


def unanswerable(question: Question) -> Answer | None:
    """What is said to a question that no zone could answer, whatever its name; None otherwise."""
    if question.qclass in (CLASS_RESERVED, CLASS_NONE):
        return Answer(Rcode.FORMERR)  # RFC 2136 §2.4: NONE is for updates
    if question.qtype in _NO_QUESTIONS:
        return Answer(Rcode.FORMERR, extended=_INVALID_TYPE)
    if question.qtype in _NOT_OFFERED:
        return Answer(Rcode.NOTIMP, extended=_NOT_SUPPORTED)
    return None
