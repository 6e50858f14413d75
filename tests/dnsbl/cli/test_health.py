"""`check`."""

from __future__ import annotations

import http.server
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import twins
from house import ZONE_TEXT, House, free_port
from oracle import Oracle
from running import Running

from dnsbl.cli import health
from dnsbl.cli.ports import test_entry_fault as entry_fault
from dnsbl.cli.question import Server
from dnsbl.config import Endpoint, load
from dnsbl.network import parse
from dnsbl.server import workers
from dnsbl.store import listings
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing

Examine = Callable[[], dict[str, tuple[str, str]]]

SMTP = """\
[mail]
transport = "smtp"
[mail.smtp]
host = "127.0.0.1"
username = "u"
password_file = "password"
ca_file = "ca.pem"
"""


@pytest.fixture
def examine(run: Callable[..., Any]) -> Examine:
    """Runs `check`; each subject with its state and detail, and the exit code as they demand."""

    def examine() -> dict[str, tuple[str, str]]:
        result = run("check", "-o", "json")
        found = json.loads(result.stdout)
        states = [item["state"] for item in found["checks"]]
        assert found["errors"] == states.count("error")
        assert found["warnings"] == states.count("warning")
        assert result.exit_code == (1 if found["errors"] else 0)
        assert result.stderr.count("\n") == (1 if found["errors"] else 0)
        return {item["subject"]: (item["state"], item["detail"]) for item in found["checks"]}

    return examine


def test_a_new_house_is_in_order(run: Callable[..., Any], house: House) -> None:
    """Before the first start: nothing is wrong, and nothing is made."""
    result = run("check")

    states = {line.split("  ")[0]: line for line in result.stdout.splitlines()[2:]}
    assert (result.exit_code, result.stderr) == (0, "")
    assert list(states) == [
        "configuration", "zone bl.example", "zone bl.example name servers", "data directory",
        "database", "mail", "answer path", "dns workers",
        f"dns 127.0.0.1:{house.dns_port} UDP", f"dns 127.0.0.1:{house.dns_port} TCP",
        f"portal 127.0.0.1:{house.portal_port}",
    ]  # fmt: skip
    assert not house.config.data.directory.exists()


def test_a_configuration_that_cannot_be_used_is_exit_code_2(
    run: Callable[..., Any], house: House
) -> None:
    """It is named with its key, on standard error alone."""
    house.write_config("[log]\nlevle = 1\n")

    result = run("check", "-o", "json")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "log.levle: is not a known key; did you mean log.level?" in result.stderr


def test_a_sound_database_is_counted(examine: Examine, database: Database) -> None:
    """The rows of all zones together."""
    for number in range(3):
        listings.add(database, Listing("bl.example", parse(f"192.0.2.{number}"), "spam"))

    found = examine()

    assert found["database"][0] == "ok"
    assert found["database rows"] == ("ok", "3 listings, all of them served")
    assert found["data directory"][0] == "ok"


def test_rows_that_cannot_be_served_are_warned_of(
    examine: Examine, house: House, database: Database
) -> None:
    """Host bits, and zones and categories that no file names; of exclusions too."""
    with closing(sqlite3.connect(house.config.data.database)) as other, other:
        for table, zone, network, category in (
            ("listings", "bl.example", "192.0.2.1/24", "spam"),
            ("listings", "bl.example", "192.0.2.1/32", "gone"),
            ("listings", "bl.example", "192.0.2.2/32", "spam"),
            ("exclusions", "old.example", "192.0.2.1/32", ""),
            ("exclusions", "bl.example", "192.0.2.1/31", ""),
            ("exclusions", "bl.example", "192.0.2.3/32", ""),
        ):
            other.execute(
                f"INSERT INTO {table} (zone, network, category) VALUES (?, ?, ?)",  # noqa: S608
                (zone, network, category),
            )
    assert database.path.exists()

    state, detail = examine()["database rows"]

    assert state == "warning"
    assert detail.startswith("4 not served: ")
    for part in ("192.0.2.1/24", "bl.example/gone", "old.example", "192.0.2.1/31"):
        assert part in detail
    assert "192.0.2.2" not in detail


def test_a_database_that_is_none_is_an_error(examine: Examine, house: House) -> None:
    """A file of rubbish, and one of a newer schema."""
    path = house.config.data.database
    path.parent.mkdir()

    path.write_bytes(b"rubbish, not a database" * 1000)

    assert examine()["database"][0] == "error"
    assert "is not an SQLite database" in examine()["database"][1]


def test_a_damaged_database_is_an_error(examine: Examine, house: House, database: Database) -> None:
    """SQLite's own check is run over every page."""
    with database.transaction():
        for number in range(2000):
            listings.add(database, Listing("bl.example", parse(f"2001:db8::{number:x}"), "spam"))
    database.close()
    path = house.config.data.database
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\x55" * 8192)

    assert examine()["database"][0] == "error"


def test_rows_are_counted_though_others_belong_to_nothing(
    examine: Examine, house: House, database: Database
) -> None:
    """Requests deleted without their tokens are an error with its remedy, and hide nothing else."""
    listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam"))
    with closing(sqlite3.connect(house.config.data.database)) as other, other:
        other.execute(
            "INSERT INTO delist_tokens (token_hash, request_id, expires_at) VALUES (?, 9, 9)",
            [bytes(32)],
        )

    found = examine()

    assert found["database"][0] == "error"
    assert "(1 of delist_tokens to delist_requests); `sqlite3 " in found["database"][1]
    assert found["database rows"] == ("ok", "1 listings, all of them served")


def test_what_other_users_can_read_is_warned_of(
    examine: Examine, house: House, database: Database
) -> None:
    """Mailboxes are in the folder and in the file; what closes them is there to be copied."""
    folder, path = house.config.data.directory, database.path
    folder.chmod(0o755)
    path.chmod(0o644)

    found = examine()
    folder.chmod(0o750)
    path.chmod(0o640)
    closed = examine()

    assert found["data directory"][0] == found["database"][0] == "warning"
    assert found["data directory"][1].endswith(
        f"but open to other users; `chmod o-rwx {folder}` closes it"
    )
    assert found["database"] == (
        "warning", f"{path} is sound, but open to other users; `chmod o-rwx {path}*` closes it",
    )  # fmt: skip
    assert closed["data directory"][0] == closed["database"][0] == "ok"


def test_two_categories_with_one_answer_are_warned_of(examine: Examine, house: House) -> None:
    """A mail server cannot tell them apart (RFC 5782 §2.3)."""
    house.write_zone(ZONE_TEXT + '[category.policy]\nanswer = "127.0.0.2"\ntext = "x"\n')

    state, detail = examine()["zone bl.example"]

    assert state == "warning"
    assert detail.startswith("spam, policy all answer 127.0.0.2")


def test_mail_by_smtp_needs_its_files(examine: Examine, house: House) -> None:
    """A password and certificates that are missing are errors before the first mail is due."""
    house.write_config(SMTP)

    found = examine()

    assert found["mail password"][0] == "error"
    assert "No such file" in found["mail password"][1]
    assert found["mail certificates"][0] == "error"
    assert found["mail links"][0] == "warning"


def test_a_proxy_that_is_not_trusted_is_warned_of(examine: Examine, house: House) -> None:
    """Where visitors can only come through one, and no list says whose word on them counts."""
    own = house.file.read_text()
    public = re.sub('public_url = ".*"', 'public_url = "https://delist.example"', own)
    assert public != own
    house.file.write_text(public)
    state, detail = examine()["portal clients"]
    trusting = public.replace("[portal]", '[portal]\ntrusted_proxies = ["127.0.0.1"]')
    house.file.write_text(trusting)

    assert state == "warning"
    assert "portal.trusted_proxies is empty" in detail
    assert "portal clients" not in examine()
    house.file.write_text(own)
    assert "portal clients" not in examine()


def test_bounces_that_nobody_reads_are_warned_of(examine: Examine, house: House) -> None:
    """Of mails by SMTP: without an address of their own, no status page ever tells of them."""
    house.write_config(SMTP)
    state, detail = examine()["mail bounces"]
    house.write_config(SMTP.replace("[mail]", '[mail]\nbounces = "bounces@bl.example"'))

    assert state == "warning"
    assert "docs/bounces.md" in detail
    assert "mail bounces" not in examine()


@pytest.mark.parametrize(
    ("security", "words"),
    [("none", "without TLS"), ("starttls", "with STARTTLS"), ("tls", "with TLS")],
)
def test_the_mail_server_has_to_take_connections(
    examine: Examine, house: House, security: str, words: str
) -> None:
    """It is reached before the first mail is due; nothing is said to it."""
    port = free_port()
    house.write_config(
        f'[mail]\ntransport = "smtp"\n[mail.smtp]\nhost = "127.0.0.1"\nport = {port}\n'
        f'security = "{security}"\n'
    )
    way = f"by SMTP to 127.0.0.1 port {port}, {words}"

    with listening(port, socket.SOCK_STREAM):
        there = examine()["mail"]
    gone = examine()["mail"]

    assert there == ("ok", way)
    assert gone == ("error", f"{way}: cannot be reached: Connection refused")


@pytest.mark.parametrize(
    ("threads", "cpus", "finding"),
    [
        (1, 1, ("ok", "1 thread answers, on 1 CPU")),
        (1, 4, ("ok", "1 thread answers, on 4 CPUs")),
        (0, 4, ("ok", "4 threads answer, on 4 CPUs")),
        (4, 4, ("ok", "4 threads answer, on 4 CPUs")),
        (
            5, 4,
            ("warning", "5 threads answer, on 4 CPUs only; dns.workers = 0 makes one for each"),
        ),
    ],
)  # fmt: skip
def test_threads_want_cpus(
    examine: Examine,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
    cpus: int,
    finding: tuple[str, str],
) -> None:
    """How many threads answer; more than there are CPUs for are warned of."""
    house.file.write_text(
        house.file.read_text().replace("[portal]", f"workers = {threads}\n[portal]")
    )
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)))

    assert examine()["dns workers"] == finding


@pytest.mark.parametrize("pure", [True, False])
def test_which_twin_answers_is_said(house: House, *, pure: bool) -> None:
    """Compiled where it was built, and Python where that is asked for, with a warning."""
    if not pure:
        twins.compiled("radix")
    done = subprocess.run(
        [sys.executable, "-m", "dnsbl", "check", "--config", str(house.file), "-o", "json"],
        env=os.environ | {"DNSBL_PURE": "1" if pure else ""},
        capture_output=True,
        text=True,
        check=True,
    )
    found = {item["subject"]: item for item in json.loads(done.stdout)["checks"]}

    assert found["answer path"]["state"] == ("warning" if pure else "ok")
    assert ("DNSBL_PURE asks for it" in found["answer path"]["detail"]) == pure


def test_threads_that_this_system_cannot_have_are_warned_of(
    examine: Examine, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is configured is not what is done, where ports cannot be shared."""
    house.file.write_text(house.file.read_text().replace("[portal]", "workers = 2\n[portal]"))
    monkeypatch.setattr(workers, "PORTS_ARE_SHARED", False)

    assert examine()["dns workers"] == (
        "warning", "dns.workers is 2; on this system one thread answers",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("octets", "mode", "state"),
    [
        (b"secret\n", 0o600, "ok"),
        (b"secret\n", 0o640, "ok"),
        (b"secret\n", 0o644, "warning"),
        (b"secret\n", 0o660, "warning"),
        (b"\n", 0o600, "error"),
        (b"\xff\xfe", 0o600, "error"),
    ],
)
def test_the_password_is_for_us_alone(
    examine: Examine, house: House, octets: bytes, mode: int, state: str
) -> None:
    """A file that others can read is warned of; an empty one is an error."""
    house.write_config(SMTP)
    file = house.folder / "password"
    file.write_bytes(octets)
    file.chmod(mode)

    assert examine()["mail password"][0] == state


def test_certificates_to_trust_are_read(examine: Examine, house: House) -> None:
    """A file that holds none is an error; the system's own bundle is not."""
    house.write_config(SMTP)
    file = house.folder / "ca.pem"

    file.write_text("no certificate")
    bad = examine()["mail certificates"]
    bundle = ssl.get_default_verify_paths().cafile
    if bundle is None:
        pytest.skip("this system has no bundle of certificates in one file")
    file.write_bytes(Path(bundle).read_bytes())

    assert bad[0] == "error"
    assert examine()["mail certificates"][0] == "ok"


def test_a_folder_that_cannot_be_written_is_an_error(examine: Examine, house: House) -> None:
    """Whatever keeps a file from being made there, such as a file of the folder's name."""
    house.config.data.directory.write_text("a file where a folder should be")

    state, detail = examine()["data directory"]

    assert (state, detail) == (
        "error", f"{house.config.data.directory} cannot be written: Not a directory",
    )  # fmt: skip


def test_the_query_log_has_a_folder(examine: Examine, house: House) -> None:
    """One that is missing is an error, since it is not made; without a log nothing is said."""
    quiet = examine()
    house.write_config('[dns.query_log]\nfile = "logs/queries.jsonl"')

    missing = examine()
    (house.folder / "logs").mkdir()
    there = examine()

    assert "query log" not in quiet
    assert missing["query log"] == ("error", f"{house.folder}/logs is no folder; make it")
    assert there["query log"][0] == "ok"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """The nearest that exists is named, be it a file or a system's own folder; nothing is left."""
    file = tmp_path / "file"
    file.touch()

    in_file = health.folder_finding("data directory", file / "one" / "two")
    in_proc = health.folder_finding("data directory", Path("/proc/dnsbl/data"))
    in_folder = health.folder_finding("data directory", tmp_path / "one" / "two")

    assert in_file.state == in_proc.state == "error"
    assert in_file.detail == (
        f"{file}/one/two cannot be made: no folder can be in {file} (Not a directory)"
    )
    assert in_proc.detail.startswith("/proc/dnsbl/data cannot be made: no folder can be in /proc (")
    assert in_folder.state == "ok"
    assert list(tmp_path.iterdir()) == [file]


def test_little_room_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the disk is full, not when it is."""
    monkeypatch.setattr(health, "FREE_OCTETS_LEAST", 1 << 80)

    finding = health.folder_finding("data directory", tmp_path)

    assert finding.state == "warning"
    assert "MiB free" in finding.detail


def test_a_running_server_is_asked_for_the_test_entries(examine: Examine, house: House) -> None:
    """Over UDP and TCP, for each zone; where it does answer, its database has to be there."""
    running = Running(house.file, "dns")
    try:
        running.wait_for("ready")
        found = examine()
        for file in house.config.data.directory.glob("listings.sqlite3*"):
            file.unlink()
        bereft = examine()
    finally:
        status = running.stop()

    assert status == 0
    for way in ("UDP", "TCP"):
        assert found[f"dns 127.0.0.1:{house.dns_port} {way} bl.example"] == (
            "ok", "answers the test entries",
        )  # fmt: skip
    assert bereft["database"][0] == "error"
    assert "does not exist, and yet a server answers" in bereft["database"][1]


@contextmanager
def listening(port: int, kind: socket.SocketKind) -> Iterator[None]:
    """A socket that takes the port and says nothing."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        yield


def test_a_port_that_something_else_uses_is_an_error(examine: Examine, house: House) -> None:
    """One transport taken alone is no DNS server."""
    with listening(house.dns_port, socket.SOCK_DGRAM):
        found = examine()

    assert found[f"dns 127.0.0.1:{house.dns_port} UDP"][0] == "error"
    assert found[f"dns 127.0.0.1:{house.dns_port} TCP"][0] == "ok"


def test_a_port_below_1024_or_a_foreign_address_is_told(examine: Examine, house: House) -> None:
    """An address that this machine has not can never be served."""
    house.file.write_text(
        house.file.read_text().replace(f"127.0.0.1:{house.dns_port}", "192.0.2.1:5300")
    )

    state, detail = examine()["dns 192.0.2.1:5300 UDP"]

    assert (state, detail) == ("error", "no interface of this machine has the address")


@pytest.mark.parametrize("status", [200, 503])
def test_a_running_portal_is_asked_after_its_health(
    examine: Examine, house: House, status: int
) -> None:
    """200 at /healthz is well; anything else is not."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", house.portal_port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        state, detail = examine()[f"portal 127.0.0.1:{house.portal_port}"]
        server.shutdown()
        thread.join()

    assert asked == ["/healthz"]
    assert state == ("ok" if status == 200 else "error")
    assert status == 200 or "503" in detail


def test_a_foreign_dns_server_is_an_error(house: House, oracle: Oracle) -> None:
    """Each test entry that is not as RFC 5782 §5 has it is named."""
    [zone] = load(house.file).zones
    server = Server(Endpoint("127.0.0.1", oracle.port))
    six = ".".join(reversed("0000" * 5 + "ffff" + "7f000002"))
    faults = [entry_fault(zone, server)]

    oracle.has("2.0.0.127.bl.example", "A", "127.0.0.2")
    faults.append(entry_fault(zone, server))
    oracle.has("2.0.0.127.bl.example", "TXT", '"test"')
    faults.append(entry_fault(zone, server))
    oracle.has(f"{six}.bl.example", "A", "127.0.0.2")
    oracle.has(f"{six}.bl.example", "TXT", '"test"')
    faults.append(entry_fault(zone, server))
    oracle.has("1.0.0.127.bl.example", "A", "127.0.0.2")
    faults.append(entry_fault(zone, server))
    oracle.rcode = 2
    faults.append(entry_fault(zone, server))

    assert [fault and fault.sentence for fault in faults] == [
        "2.0.0.127.bl.example is not listed, as a test entry is; is this another server?",
        "2.0.0.127.bl.example has no TXT record",
        f"{six}.bl.example is not listed, as a test entry is; is this another server?",
        None,
        "1.0.0.127.bl.example is answered NOERROR; it must not exist",
        "2.0.0.127.bl.example: the server answers SERVFAIL",
    ]
