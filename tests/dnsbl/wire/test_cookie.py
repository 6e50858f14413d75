"""Server cookies: those of RFC 9018, and nobody's else."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import RADIXES, compiled

from dnsbl.wire.cookie import (
    AGE_S_MAX,
    AHEAD_S_MAX,
    RENEWED_AFTER_S,
    SECRETS_MAX,
    Exchange,
    Secrets,
    SecretsError,
    exchange,
    make,
    read_secrets,
    verify,
)

NOW = 1_790_000_000
CLIENT = bytes(range(8))
ADDRESS = bytes([192, 0, 2, 7])
OLD, NEW = bytes(16), bytes(range(16))
SECRETS = Secrets((NEW, OLD))


def swap(name: str, cookie: bytes, address: bytes, now: float, secrets: Secrets) -> Exchange:
    """What one of the twins makes of a cookie."""
    if name == "pure":
        return exchange(cookie, address, now, secrets)
    reply, judgement = compiled("cookie").Cookies(secrets.keys).judge(cookie, address, now)
    return Exchange(reply, valid=judgement == 2, invalid=judgement == 1)


@pytest.mark.parametrize("name", RADIXES)
@pytest.mark.parametrize(
    ("secrets", "address", "now", "asked", "said", "valid"),
    [
        ("e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", 1559731985,
         "2464c4abcf10c957", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", False),
        ("e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", 1559734385,
         "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
         "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", True),
        ("e5e973e5a6b2a43f48e7dc849e37bfcf", "203.0.113.203", 1559727985 + 60,
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", None, True),
        ("e5e973e5a6b2a43f48e7dc849e37bfcf", "203.0.113.203", 1559734700,
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", False),
        ("445536bcd2513298075a5d379663c962 dd3bdf9344b678b185a6f5cb60fca715",
         "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961,
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
         "22681ab97d52c298010000005cf7c609a6bb79d16625507a", True),
    ],
    ids=["A.1", "A.2", "A.3 in time", "A.3", "A.4"],
)  # fmt: skip
def test_cookies_are_those_of_rfc_9018(
    name: str, secrets: str, address: str, now: int, asked: str, said: str | None, *, valid: bool
) -> None:
    """Appendix A: made anew, renewed, with reserved octets, and with a secret rolled over."""
    keys = tuple(bytes.fromhex(key) for key in secrets.split())
    client = ipaddress.ip_address(address).packed

    found = swap(name, bytes.fromhex(asked), client, now, Secrets(keys))

    assert found.valid == valid
    assert said is None or found.reply.hex() == said


@pytest.mark.parametrize("name", RADIXES)
@pytest.mark.parametrize(
    ("age", "valid", "same"),
    [
        (0, True, True),
        (RENEWED_AFTER_S, True, True),
        (RENEWED_AFTER_S + 1, True, False),
        (AGE_S_MAX, True, False),
        (AGE_S_MAX + 1, False, False),
        (-AHEAD_S_MAX, True, True),
        (-AHEAD_S_MAX - 1, False, False),
    ],
)
@pytest.mark.parametrize("now", [NOW, 2**32 + 100, 2**32 - 100])
def test_a_cookie_holds_for_its_time(
    name: str, age: int, now: int, *, valid: bool, same: bool
) -> None:
    """RFC 9018 §4.3: an hour back, five minutes ahead, renewed after half an hour; past 2106."""
    cookie = make(CLIENT, ADDRESS, now - age, SECRETS)

    found = swap(name, cookie, ADDRESS, now, SECRETS)

    assert found.valid == valid
    assert found.invalid == (not valid)
    assert (found.reply == cookie) == (same or age == 0)
    assert verify(found.reply, ADDRESS, now, SECRETS)


@pytest.mark.parametrize("name", RADIXES)
def test_a_cookie_is_of_one_client_and_one_address(name: str) -> None:
    """RFC 9018 §4.4: neither another address nor another client's cookie goes with the hash."""
    cookie = make(CLIENT, ADDRESS, NOW, SECRETS)

    assert not swap(name, cookie, bytes([192, 0, 2, 8]), NOW, SECRETS).valid
    assert not swap(name, cookie, ADDRESS + bytes(12), NOW, SECRETS).valid
    assert not swap(name, bytes(8) + cookie[8:], ADDRESS, NOW, SECRETS).valid
    assert swap(name, cookie, ADDRESS, NOW, SECRETS).valid


@pytest.mark.parametrize("name", RADIXES)
def test_every_bit_of_a_cookie_counts(name: str) -> None:
    """One that was changed anywhere is none of ours, its reserved octets included."""
    cookie = make(CLIENT, ADDRESS, NOW, SECRETS)

    for bit in range(8 * len(cookie)):
        changed = bytearray(cookie)
        changed[bit // 8] ^= 1 << bit % 8
        assert swap(name, bytes(changed), ADDRESS, NOW, SECRETS).invalid


@given(
    st.sampled_from([8, *range(16, 41)]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)),
    st.integers(0, 2**33),
)
def test_twins_agree_on_anything(cookie: bytes, address: bytes, now: int) -> None:
    """Whatever is sent, of the lengths that are cookies; and it is answered with a valid one."""
    pure = exchange(cookie, address, now, SECRETS)

    assert swap("compiled", cookie, address, now, SECRETS) == pure
    assert not pure.valid
    assert pure.invalid == (len(cookie) > 8)
    assert verify(pure.reply, address, now, SECRETS)


@given(st.sampled_from([OLD, NEW, bytes(15) + b"x"]), st.integers(-4000, 4000))
def test_twins_agree_on_cookies_of_ours(key: bytes, age: int) -> None:
    """Of either secret, or a foreign one, at every age."""
    cookie = make(CLIENT, ADDRESS, NOW - age, Secrets((key,)))

    pure = exchange(cookie, ADDRESS, NOW, SECRETS)

    assert swap("compiled", cookie, ADDRESS, NOW, SECRETS) == pure
    assert pure.valid == (key in SECRETS.keys and -300 <= age <= 3600)


def test_secrets_are_read_in_their_order() -> None:
    """Empty lines and comments are passed over; digits are of either case."""
    text = f"# ours\n\n{NEW.hex().upper()}\n  {OLD.hex()}  \r\n"

    assert read_secrets(text, "secrets") == SECRETS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "f: expected a line with 32 hexadecimal digits"),
        ("# none\n", "f: expected a line with 32 hexadecimal digits"),
        (f"{NEW.hex()}\n{NEW.hex()[1:]}\n", "f:2: expected a secret of 32 hexadecimal digits"),
        (f"{NEW.hex()}00\n", "f:1: expected a secret of 32 hexadecimal digits"),
        ("g" * 32, "f:1: expected a secret of 32 hexadecimal digits"),
        ("\u0661" * 32, "f:1: expected a secret of 32 hexadecimal digits"),
        (f"{NEW.hex()}\n" * (SECRETS_MAX + 1), f"f:9: expected at most {SECRETS_MAX} secrets"),
    ],
)
def test_a_bad_secret_is_named_by_its_line_and_not_quoted(text: str, complaint: str) -> None:
    """The file and the line are told; the secret is not."""
    with pytest.raises(SecretsError) as raised:
        read_secrets(text, "f")

    assert str(raised.value) == complaint
