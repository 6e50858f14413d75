"""What the server tells of itself, and what no zone could answer."""

from __future__ import annotations

import pytest

from dnsbl.wire.message import Question
from dnsbl.wire.numbers import CLASS_CHAOS, CLASS_IN, ExtendedCode, Rcode, Type
from dnsbl.wire.record import TXT, Answer, ExtendedError
from dnsbl.zone.chaos import ChaosConfig, answer, unanswerable

CONFIG = ChaosConfig(identity="ns1.example", version="dnsbl")


def ask(name: str, qtype: int = Type.TXT, config: ChaosConfig = CONFIG) -> Answer:
    """The answer to a question in class CHAOS."""
    return answer(Question(tuple(name.encode().split(b".")), qtype, CLASS_CHAOS), config)


@pytest.mark.parametrize("qtype", [Type.TXT, Type.ANY])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("version.bind", b"dnsbl"),
        ("version.server", b"dnsbl"),
        ("Hostname.BIND", b"ns1.example"),
        ("id.server", b"ns1.example"),
    ],
)
def test_the_server_tells_who_it_is(name: str, text: bytes, qtype: int) -> None:
    """RFC 4892 §2, and BIND's names: a text in class CHAOS that nobody keeps."""
    labels = tuple(name.encode().split(b"."))

    assert ask(name, qtype) == Answer(
        Rcode.NOERROR, aa=True, answer=(TXT(labels, 0, (text,), CLASS_CHAOS),)
    )


@pytest.mark.parametrize("name", ["version.bind", "version.server", "id.server", "hostname.bind"])
def test_what_is_not_to_be_told_is_refused(name: str) -> None:
    """An empty identity or version."""
    assert ask(name, config=ChaosConfig()).rcode == Rcode.REFUSED


@pytest.mark.parametrize("name", ["authors.bind", "bind", "bl.example", "a.version.bind"])
def test_other_names_of_the_class_are_refused(name: str) -> None:
    """The class is not the Internet's: no zone answers in it."""
    assert ask(name) == Answer(
        Rcode.REFUSED, extended=ExtendedError(ExtendedCode.NOT_AUTHORITATIVE)
    )


def test_other_types_of_a_told_name_have_no_data() -> None:
    """The name is there."""
    assert ask("id.server", Type.A) == Answer(Rcode.NOERROR, aa=True)


@pytest.mark.parametrize(
    ("qtype", "qclass", "rcode"),
    [
        (Type.A, 0, Rcode.FORMERR),
        (Type.A, 254, Rcode.FORMERR),
        (Type.OPT, CLASS_IN, Rcode.FORMERR),
        (Type.TSIG, CLASS_IN, Rcode.FORMERR),
        (Type.NXNAME, CLASS_IN, Rcode.FORMERR),
        (Type.TKEY, CLASS_IN, Rcode.NOTIMP),
        (Type.MAILA, CLASS_IN, Rcode.NOTIMP),
        (Type.MAILB, CLASS_IN, Rcode.NOTIMP),
        (Type.CAA, CLASS_IN, None),
        (1000, CLASS_IN, None),
        (65535, CLASS_IN, None),
        (0, CLASS_IN, None),
        (Type.ANY, 255, None),
        (Type.TXT, CLASS_CHAOS, None),
    ],
)
def test_questions_that_none_could_answer_are_told_so(
    qtype: int, qclass: int, rcode: Rcode | None
) -> None:
    """As BIND does; every other type is one that a name may just not have (RFC 3597 §3)."""
    found = unanswerable(Question((b"bl", b"example"), qtype, qclass))

    assert (None if found is None else found.rcode) == rcode
