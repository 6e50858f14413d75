"""dnsbl.toml: what is read, and how each mistake is reported."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest
from house import House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.config import Config, ConfigError, Endpoint, default_file, load
from dnsbl.config.dns import parse_endpoint
from dnsbl.config.toml import CONFIG_FILE_BYTES_MAX
from dnsbl.delist.past import RELAPSE_WITHIN_S
from dnsbl.network import parse


@pytest.fixture
def configure(house: House) -> Callable[[str], Config]:
    """Loads a configuration of that text."""

    def configure(text: str) -> Config:
        house.file.write_text(text)
        return load(house.file)

    return configure


@pytest.fixture
def refusal(house: House) -> Callable[[str], str]:
    """What is said of a configuration of that text, after the file's name."""

    def refusal(text: str) -> str:
        house.file.write_text(text)
        with pytest.raises(ConfigError) as refused:
            load(house.file)
        said = str(refused.value)
        assert said.startswith(f"{house.file}: ")
        assert said.isprintable()
        return said.removeprefix(f"{house.file}: ")

    return refusal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # unknown keys, with a hint where one is near
        ("zone = 1", "zone: is not a known key; did you mean zones?"),
        ("[dsn]", "dsn: is not a known key; did you mean dns?"),
        ("[dns]\nworker = 1", "dns.worker: is not a known key; did you mean dns.workers?"),
        ("[portal.limits]\nper_hour = 1",
         "portal.limits.per_hour: is not a known key; did you mean portal.limits."),
        ("[log]\nx = 1", "log.x: is not a known key; known here: level, format"),
        ('"a\\nb" = 1',
         '"a\\nb": is not a known key; known here: data, portal, resolver, dns, zones'),
        # wrong types
        ("zones = 1", "zones: expected a folder of zone files, got 1"),
        ("data = 1", "data: expected a table [data], got 1"),
        ("dns = []", "dns: expected a table [dns], got []"),
        ('[dns]\nworkers = "1"', "one for each CPU) from 0 to 256, got '1'"),
        ("[dns]\nworkers = true", "got True"),
        ("[dns]\nworkers = 1.0", "got 1.0"),
        ("[dns]\nworkers = 1979-05-27", "got datetime.date(1979, 5, 27)"),
        ('[dns]\nlisten = "127.0.0.1:53"', "dns.listen: expected a list of one or more addresses"),
        ("[dns]\nlisten = [53]", "dns.listen: expected a list of one or more addresses"),
        ("[log]\nlevel = 1", 'log.level: expected one of "debug", "info", "warning", "error"'),
        # wrong units and bounds
        ('[dns]\ntcp_idle_timeout_s = "10s"', "seconds from 1 to 3600, got '10s'"),
        ("[dns]\ntcp_idle_timeout = 10", "did you mean dns.tcp_idle_timeout_s?"),
        ("[dns]\nworkers = -1", "from 0 to 256, got -1"),
        ("[dns]\nworkers = 257", "from 0 to 256, got 257"),
        (f"[dns]\nworkers = 0x{'f' * 5000}", "from 0 to 256, got a huge number"),
        (f"[dns]\nworkers = {'9' * 5000}", "is not TOML: "),
        ("[portal]\nconnections_max = 7", "from 8 to 100000, got 7"),
        ("[portal]\nconfirm_within_s = 299", "from 300 to 604800, got 299"),
        ("[data]\nrequests_age_s = 7775999", "seconds from 7776000 to 315360000, got 7775999"),
        ("[mail.smtp]\nport = 0", "mail.smtp.port: expected a whole number from 1 to 65535, got 0"),
        ('[log]\nlevel = "INFO"', "got 'INFO'"),
        # endpoints
        ("[dns]\nlisten = []", "addresses with ports, such as 127.0.0.1:5300, each once, got []"),
        ('[dns]\nlisten = ["127.0.0.1:53", "127.0.0.1:53"]', "each once"),
        ('[dns]\nlisten = ["127.0.0.1"]', "it has no port; write 127.0.0.1:5300 or [::1]:5300"),
        ('[dns]\nlisten = ["localhost:53"]', "got 'localhost:53'"),
        ('[dns]\nlisten = ["::1:53"]', "got '::1:53'"),
        ('[dns]\nlisten = ["[fe80::1%lo]:53"]', "it has a scope (%…), which cannot be listened on"),
        ('[dns]\nlisten = ["[::ffff:192.0.2.1]:53"]', "an IPv4 address; write 192.0.2.1:53"),
        ('[dns]\nlisten = ["127.0.0.1:0"]', "the port is not from 1 to 65535"),
        ('[portal]\nlisten = "127.0.0.1:65536"', "the port is not from 1 to 65535"),
        ('[portal]\nlisten = "[::1:80"', "portal.listen: expected an address with a port"),
        # the portal's address
        ('[portal]\npublic_url = "bl.example"', "does not begin with http:// or https://"),
        ('[portal]\npublic_url = "ftp://bl.example"', "does not begin with http:// or https://"),
        ('[portal]\npublic_url = "http://"', "does not begin with http:// or https:// and a host"),
        ('[portal]\npublic_url = "http://:80"', "does not begin with http:// or https:// and a"),
        ('[portal]\npublic_url = "http://h/?a"', "more than a scheme, a host, a port and a path"),
        ('[portal]\npublic_url = "http://h/?"', "more than a scheme, a host, a port and a path"),
        ('[portal]\npublic_url = "http://h/#"', "more than a scheme, a host, a port and a path"),
        ('[portal]\npublic_url = "http://u@h/"', "more than a scheme, a host, a port and a path"),
        ('[portal]\npublic_url = "http://:p@h/"', "more than a scheme, a host, a port and a path"),
        ('[portal]\npublic_url = "http://h/$"', "more than a scheme, a host, a port and a path"),
        ('[portal]\npublic_url = "http://h/{portal}"', "more than a scheme, a host, a port and a"),
        ('[portal]\npublic_url = "http://bücher.example"', "in plain ASCII"),
        ('[portal]\npublic_url = "http://h:99999"', "portal.public_url: expected the portal's"),
        ('[portal]\npublic_url = "http://h:0"', "the port is not from 1 to 65535"),
        ('[portal]\npublic_url = "http://[::1"', "portal.public_url: expected the portal's"),
        ('[portal]\npublic_url = "http://a..b"', "the label '' is not"),
        ('[portal]\ntrusted_proxies = ["10.0.0.1/8"]', "did you mean 10.0.0.0/8?"),
        # mail
        ('[mail]\nsender = "delist"', "it is not of the form name@domain"),
        ('[mail]\nsender = "a b@bl.example"', "it is not of the form name@domain"),
        ('[mail]\nsender = "a..b@bl.example"', "it is not of the form name@domain"),
        ('[mail]\nsender = "a\\r\\nBcc: b@bl.example"', "printable characters"),
        ('[mail]\nsender = "a@bl_\u212a.example"', "it is not in ASCII"),
        (f'[mail]\nsender = "{"a" * 65}@bl.example"', "it is not of the form name@domain"),
        ('[mail]\ntransport = "sendmail"', 'expected one of "file", "smtp", got \'sendmail\''),
        ('[mail.smtp]\nusername = "me"', "mail.smtp.username and mail.smtp.password_file go"),
        ('[mail.smtp]\npassword_file = "p"', "mail.smtp.username and mail.smtp.password_file go"),
        ('[mail.smtp]\nhost = "mail.example"\nusername = "me"\npassword_file = "p"',
         "since a password would cross the network in clear, got nothing"),
        ('[mail.smtp]\nhost = "mail example"', "mail.smtp.host: expected a host name or an"),
        # texts
        ('[portal]\ncontact = "a\\u0000b"', "at most 1000 printable characters"),
        ('[portal]\ncontact = "a\\u001b[31mb"', "at most 1000 printable characters"),
        (f'[portal]\ncontact = "{"a" * 1001}"', "at most 1000 printable characters"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_file_key_and_expectation(
    refusal: Callable[[str], str], text: str, said: str
) -> None:
    """One printable line says which file, which key, what was expected, and what stands there."""
    assert said in refusal(text)
    assert len(refusal(text)) < 400


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"zones", "is not TOML: "),
        (b"[dns]\n[dns]\n", "is not TOML: "),
        (b'zones = "\xff"', "is not TOML: "),
        (b"\x00", "is not TOML: "),
        (b"zones = 'a'\nzones = 'b'", "is not TOML: "),
        (b"a = " + b"[" * 100_000, "is not TOML: "),
        (b"#" * (CONFIG_FILE_BYTES_MAX + 1), "is larger than 1048576 bytes"),
    ],
)
def test_what_is_not_toml_is_reported(house: House, octets: bytes, said: str) -> None:
    """Other formats, damaged, nested beyond reason or huge files end in a sentence, not a crash."""
    house.file.write_bytes(octets)

    with pytest.raises(ConfigError) as refused:
        load(house.file)

    assert str(refused.value).startswith(f"{house.file}: {said}")


def test_the_largest_file_is_read(house: House) -> None:
    """A mebibyte is still a configuration."""
    octets = house.file.read_bytes()
    house.file.write_bytes(octets + b"#" * (CONFIG_FILE_BYTES_MAX - len(octets)))

    assert house.config.zones


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """A missing file and a folder in its place are named, with the system's reason."""
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


toml_values = st.sampled_from(
    ["0", "-1", "1.5", "nan", "true", '""', '"x"', '"127.0.0.1:53"', "[]", '[""]', "[[]]", "{}",
     "{x = 1}", "1979-05-27T07:32:00Z", "07:32:00", "0xffffffffffffffffffffff", '"\\u0000"']
)  # fmt: skip
toml_keys = st.sampled_from(
    ["zones", "data", "data.directory", "dns", "dns.listen", "dns.workers", "portal.listen",
     "portal.public_url", "portal.limits", "portal.limits.client_per_hour", "portal.contact",
     "portal.trusted_proxies", "mail.sender", "mail.smtp", "mail.smtp.host", "mail.smtp.ca_file",
     "mail.smtp.port", "log", "log.level", "x", "x.y", '""', '"\\n"']
)  # fmt: skip


@given(st.dictionaries(toml_keys, toml_values, min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_file_it_loads_or_is_refused(
    house: House, values: dict[str, str]
) -> None:
    """No value for any key ends in anything but a configuration or a ConfigError on one line."""
    house.file.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))

    try:
        load(house.file)
    except ConfigError as error:
        assert str(error).isprintable()  # noqa: PT017  # either outcome is right


def test_an_empty_file_is_a_configuration(house: House) -> None:
    """Everything has a default; paths lie beside the file."""
    house.file.write_text("")

    config = house.config

    assert config.data.database == house.folder / "data" / "listings.sqlite3"
    assert config.data.outbox == house.folder / "data" / "outbox"
    assert config.data.dns_status == house.folder / "data" / "dns.json"
    assert config.dns.listen == (Endpoint("127.0.0.1", 5300),)
    assert config.portal.listen == Endpoint("127.0.0.1", 8053)
    assert config.portal.public_url == "http://127.0.0.1:8053"
    assert config.mail.transport == "file"
    assert [zone.origin for zone in config.zones] == ["bl.example"]


def test_the_sender_is_of_the_first_zone(house: House) -> None:
    """Without a sender, mails come from delist@ the first zone's origin."""
    zone = (house.folder / "zones" / "bl.example.toml").read_text()
    house.write_zone(zone.replace('"bl.example"', '"a.example"'), "a.example")

    assert house.config.mail.sender == "delist@a.example"


def test_everything_written_is_read(configure: Callable[[str], Config]) -> None:
    """Each key comes to the value that bears its name."""
    config = configure(
        """
        zones = "zones"
        data.directory = "/var/lib/dnsbl"
        data.requests_age_s = 7776000
        [dns]
        listen = ["0.0.0.0:53", "[::]:53"]
        workers = 0
        tcp_idle_timeout_s = 3
        tcp_connections_max = 9
        [portal]
        listen = "[::1]:80"
        public_url = "https://bl.example/portal/"
        contact = "mailto:me@bl.example"
        trusted_proxies = ["10.0.0.0/8", "::1", "::ffff:192.0.2.1"]
        confirm_within_s = 3600
        connections_max = 2000
        client_connections_max = 20
        limits = { client_per_hour = 1, client_per_day = 2, mailbox_per_hour = 3,\
 mailbox_per_day = 4, domain_per_hour = 5, address_per_day = 6 }
        [mail]
        transport = "smtp"
        sender = "first.last+x@mail.bl.example"
        per_minute = 7
        [mail.smtp]
        host = "mail.bl.example."
        port = 587
        security = "starttls"
        username = "me"
        password_file = "secret/password"
        ca_file = "/etc/ca.pem"
        timeout_s = 5
        [log]
        level = "debug"
        format = "json"
        """
    )
    folder = config.file.parent

    assert config.data.directory == Path("/var/lib/dnsbl")
    assert config.data.requests_age_s == RELAPSE_WITHIN_S  # no less than that
    assert [str(endpoint) for endpoint in config.dns.listen] == ["0.0.0.0:53", "[::]:53"]
    assert dataclasses.astuple(config.dns)[1:5] == (0, 3, 9, 9)
    assert str(config.portal.listen) == "[::1]:80"
    assert config.portal.public_url == "https://bl.example/portal"
    assert config.portal.contact == "mailto:me@bl.example"
    assert config.portal.trusted_proxies == (
        parse("10.0.0.0/8"), parse("::1"), parse("192.0.2.1"),
    )  # fmt: skip
    assert config.portal.confirm_within_s == 3600
    assert (config.portal.connections_max, config.portal.client_connections_max) == (2000, 20)
    assert dataclasses.astuple(config.portal.limits) == (1, 2, 3, 4, 5, 6)
    assert (config.mail.transport, config.mail.per_minute) == ("smtp", 7)
    assert config.mail.sender == "first.last+x@mail.bl.example"
    assert dataclasses.astuple(config.mail.smtp) == (
        "mail.bl.example", 587, "starttls", "me", folder / "secret/password",
        Path("/etc/ca.pem"), 5,
    )  # fmt: skip
    assert dataclasses.astuple(config.log) == ("debug", "json")
    assert config.zones[0].category("spam") is config.zones[0].categories[0]
    assert config.zone("bl.example") is config.zones[0]
    assert config.zone("other.example") is None
    assert config.zones[0].category("other") is None


def test_a_password_may_cross_the_loopback_in_clear(configure: Callable[[str], Config]) -> None:
    """A mail server on this machine needs no TLS."""
    for host in ("127.0.0.1", "::1", "localhost"):
        config = configure(f'[mail.smtp]\nhost = "{host}"\nusername = "me"\npassword_file = "p"')

        assert config.mail.smtp.security == "none"


def test_paths_are_relative_to_the_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to where the command was given."""
    other = house.folder / "other"
    other.mkdir()
    monkeypatch.chdir(other)

    config = load(Path("..") / "dnsbl.toml")

    assert config.data.directory.resolve() == house.folder / "data"
    assert config.file.is_absolute()


def test_the_default_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNSBL_CONFIG names the file; without it, or empty, it is dnsbl.toml."""
    monkeypatch.delenv("DNSBL_CONFIG", raising=False)
    assert default_file() == Path("dnsbl.toml")
    monkeypatch.setenv("DNSBL_CONFIG", "")
    assert default_file() == Path("dnsbl.toml")
    monkeypatch.setenv("DNSBL_CONFIG", "/etc/dnsbl/dnsbl.toml")
    assert default_file() == Path("/etc/dnsbl/dnsbl.toml")


def is_mapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is an IPv4 address in IPv6 clothes, which is refused."""
    return address.version == 6 and address.ipv4_mapped is not None


@given(st.ip_addresses().filter(lambda address: not is_mapped(address)), st.integers(1, 65_535))
def test_endpoints_read_back(address: object, port: int) -> None:
    """What an endpoint is written as is read as the same endpoint."""
    endpoint = Endpoint(str(address), port)

    assert parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=40))
def test_endpoints_raise_value_errors_only(text: str) -> None:
    """No text for an endpoint ends in anything but an endpoint or a ValueError."""
    try:
        endpoint = parse_endpoint(text)
    except ValueError:
        return
    assert 1 <= endpoint.port <= 65_535
