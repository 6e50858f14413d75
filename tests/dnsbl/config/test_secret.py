"""Files with a secret that signs."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from dnsbl.config.secret import SecretError, read_secret


@pytest.mark.parametrize("octets", [24, 32, 64])
def test_a_secret_is_read(tmp_path: Path, octets: int) -> None:
    """The octets behind the prefix, whatever stands around the line."""
    file = tmp_path / "secret"
    file.write_text(f" whsec_{base64.b64encode(bytes(range(octets))).decode()}\n")

    assert read_secret(file) == bytes(range(octets))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not begin with whsec_"),
        ("c2VjcmV0", "does not begin with whsec_"),
        ("whsec_", "has 0 octets"),
        ("whsec_c2VjcmV0", "has 6 octets"),
        (f"whsec_{'A' * 88}", "has 66 octets"),
        ("whsec_!!!!", "is not base64 after whsec_"),
        (f"whsec_{'A' * 44}\nwhsec_{'A' * 44}", "is not base64 after whsec_"),
        ("whsec_" + "A" * 5000, "is not base64 after whsec_"),  # it is cut
    ],
)
def test_what_is_no_secret_is_told(tmp_path: Path, text: str, said: str) -> None:
    """The sentence names the file and how to make one, and never what stands in it."""
    file = tmp_path / "secret"
    file.write_text(text)

    with pytest.raises(SecretError) as refused:
        read_secret(file)

    assert str(refused.value).startswith(f"{file}: {said}")
    assert "openssl rand -base64 32" in str(refused.value)
    assert "AAAA" not in str(refused.value)
    assert "c2V" not in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As an operator sees it who forgot to make it."""
    with pytest.raises(SecretError, match="cannot be read: No such file"):
        read_secret(tmp_path / "none")
