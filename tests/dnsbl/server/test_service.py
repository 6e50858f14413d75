"""The DNS process as a whole, as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest
from house import House

from dnsbl.server import workers
from dnsbl.server.service import sidecar_command
from dnsbl.server.workers import worker_count
from dnsbl.store.database import open_writer

TIMEOUT_S = 60

# The service as `dnsbl dns` runs it; with a tiny program in the sidecar's place for `serve`.
DNS = "from dnsbl.cli.serve import dns as command"
# A database so large that reading it does not end.
ENDLESS = """
from dnsbl.store import journal
def chunks(database, zone, kind):
    print("loading", flush=True)
    while True:
        yield b""
journal.chunks = chunks
"""
SERVE = """
from unittest import mock
from dnsbl.server import service
sidecar = [service.sys.executable, "-c", "print('ready', flush=True); input()"]
mock.patch.object(service, "sidecar_command", lambda config: sidecar).start()
from dnsbl.cli.serve import serve as command
"""
# The whole command, from its words to its exit code.
COMMAND = """
import sys
from dnsbl.cli import main as command
sys.argv.insert(1, "{verb}")
"""
WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None\n"
WITHOUT_SHARED_PORTS = """
from dnsbl.server import endpoint
endpoint.PORTS_ARE_SHARED = False
"""
# A thread that is not the main one breaks: as it starts, or once it answers.
BREAKING = """
import asyncio, threading
from dnsbl.server.udp import UdpServer
from dnsbl.zone import fast
fast.COMPILED = False  # so that this class is the one that serves
start = UdpServer.start
def start_and_break(server):
    start(server)
    if threading.current_thread() is not threading.main_thread():
        {breaks}
UdpServer.start = start_and_break
"""
AT_THE_START = 'raise RuntimeError("Broken")'
LATER = "asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)"

LISTED = "7.2.0.192.bl.example"
# The kernel chooses the worker by the client's port: that none of three is chosen by any of so many
# happens once in 10^11 times.
CLIENTS = 64

Start = Callable[..., "Service"]


class Service:
    """A process, its log and its standard output."""

    def __init__(self, house: House, program: str, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{program}\ncommand()", "--config", str(house.file), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[dict[str, Any]] = []

    def wait_for(self, event: str) -> dict[str, Any]:
        """Reads the log until the event; fails where the log ends first."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(json.loads(line))
            if self.log[-1]["event"] == event:
                return self.log[-1]
        raise AssertionError(f"{event} never came: {self.log}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code; the log is read to its end."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        self.out = out
        self.log += [json.loads(line) for line in err.splitlines()]
        return self.process.returncode


@pytest.fixture
def start(house: House) -> Iterator[Start]:
    """Starts a service of the house; whatever is left is killed at the end."""
    started: list[Service] = []

    def begin(program: str = DNS, *options: str) -> Service:
        started.append(Service(house, program, *options))
        return started[-1]

    yield begin
    for service in started:
        with service.process as process:
            process.kill()


def ask(
    house: House, name: str, rdtype: str = "A", *, sock: socket.socket | None = None
) -> dns.message.Message:
    """Asks over UDP, from a port of its own unless there is a socket for it."""
    query = dns.message.make_query(name, rdtype)
    return dns.query.udp(query, "127.0.0.1", timeout=TIMEOUT_S, port=house.dns_port, sock=sock)


def set_workers(house: House, workers: int) -> None:
    """Writes it into the configuration."""
    house.file.write_text(house.file.read_text().replace("[dns]", f"[dns]\nworkers = {workers}"))


def insert(house: House, zone: str = "bl.example") -> None:
    """Lists 192.0.2.7 as any SQLite client would."""
    with closing(sqlite3.connect(house.config.data.database)) as connection, connection:
        connection.execute(
            "INSERT INTO listings (zone, network, category) VALUES (?, '192.0.2.7/32', 'spam')",
            [zone],
        )


@pytest.mark.parametrize(("prelude", "loop"), [("", "uvloop"), (WITHOUT_UVLOOP, "asyncio")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_dns_answers_once_ready_and_stops_in_order(
    house: House, start: Start, prelude: str, loop: str, number: signal.Signals
) -> None:
    """On either loop: UDP and TCP answer, and a signal ends it with 0."""
    service = start(prelude + DNS)

    ready = service.wait_for("ready")
    over_udp = ask(house, "2.0.0.127.bl.example")
    query = dns.message.make_query("1.0.0.127.bl.example", "A")
    over_tcp = dns.query.tcp(query, "127.0.0.1", timeout=TIMEOUT_S, port=house.dns_port)

    assert (ready["loop"], ready["pid"]) == (loop, service.process.pid)
    assert str(over_udp.answer[0][0]) == "127.0.0.2"
    assert over_tcp.rcode() == dns.rcode.NXDOMAIN
    assert service.stop(number) == 0
    assert service.log[-1]["event"] == "stopped"
    status = json.loads(house.config.data.dns_status.read_text())
    assert (status["state"], status["loop"]) == ("stopped", loop)
    assert len(status["counters"]["replies"]) == 2


def test_missing_database_is_created(house: House, start: Start) -> None:
    """A first start needs no other command; what is committed then is answered."""
    service = start()
    service.wait_for("ready")

    insert(house)
    while ask(house, "7.2.0.192.bl.example").rcode() == dns.rcode.NXDOMAIN:
        assert service.process.poll() is None

    assert service.stop() == 0


def test_restart_knows_what_was_listed(house: House, start: Start) -> None:
    """After kill -9 too: the database holds everything, and the serial does not fall."""
    first = start()
    first.wait_for("ready")
    insert(house)
    while ask(house, "7.2.0.192.bl.example").rcode() == dns.rcode.NXDOMAIN:
        assert first.process.poll() is None
    serial = ask(house, "bl.example", "SOA").answer[0][0].serial

    first.process.kill()
    first.process.wait()
    start().wait_for("ready")

    assert ask(house, "7.2.0.192.bl.example").rcode() == dns.rcode.NOERROR
    assert ask(house, "bl.example", "SOA").answer[0][0].serial == serial


def test_serve_says_ready_when_both_are(house: House, start: Start) -> None:
    """`dns_ready` when DNS answers, `ready` when the sidecar does; both end in order."""
    service = start(SERVE, "--first-steps")

    service.wait_for("dns_ready")
    assert ask(house, "2.0.0.127.bl.example").rcode() == dns.rcode.NOERROR
    ready = service.wait_for("ready")
    sidecar = next(line["pid"] for line in service.log if line["event"] == "sidecar_started")

    assert ready["portal"] == house.portal_url
    assert service.stop() == 0
    assert [line["event"] for line in service.log][-2:] == ["sidecar_exited", "stopped"]
    assert not Path(f"/proc/{sidecar}").exists()
    for promised in (
        f"dig @127.0.0.1 -p {house.dns_port} 2.0.0.127.bl.example",
        "add 192.0.2.1",
        house.portal_url,
        str(house.config.data.outbox),
    ):
        assert promised in service.out


def test_serve_starts_the_sidecar_again(house: House, start: Start) -> None:
    """DNS answers while the sidecar is dead, and it comes back."""
    service = start(SERVE)
    service.wait_for("ready")
    sidecar = next(line["pid"] for line in service.log if line["event"] == "sidecar_started")

    subprocess.run(["kill", "-9", str(sidecar)], check=True)
    assert service.wait_for("sidecar_exited")["code"] == -signal.SIGKILL
    assert ask(house, "2.0.0.127.bl.example").rcode() == dns.rcode.NOERROR

    assert service.wait_for("sidecar_ready")["pid"] != sidecar
    assert service.stop() == 0


@pytest.mark.parametrize("program", [DNS, SERVE])
@pytest.mark.parametrize("workers", [1, 2])
def test_port_in_use_is_an_error(house: House, start: Start, program: str, workers: int) -> None:
    """One line that names the port, and exit code 2; also where the other would share the port.

    That comes before all else: a second server makes no database, and no image of it either.
    """
    set_workers(house, workers)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", house.dns_port))

        service = start(program)
        _, err = service.process.communicate(timeout=TIMEOUT_S)

    assert service.process.returncode == 2
    assert err.splitlines()[-1].endswith("(UDP) is in use by another program")
    assert not house.config.data.directory.exists()


def test_wrong_configuration_is_an_error(house: House, start: Start) -> None:
    """One line that names file and key, and exit code 2."""
    house.write_config("[nonsense]")

    service = start()
    _, err = service.process.communicate(timeout=TIMEOUT_S)

    assert service.process.returncode == 2
    (line,) = err.splitlines()
    assert "dnsbl.toml: nonsense" in line


def test_database_that_cannot_be_read_is_an_error(house: House, start: Start) -> None:
    """At the start there is nothing to answer from."""
    database = house.config.data.database
    open_writer(database).close()
    database.write_bytes(b"\x5a" * 8192)

    service = start()
    _, err = service.process.communicate(timeout=TIMEOUT_S)

    assert service.process.returncode == 2
    assert f"{database}: is not an SQLite database" in err.splitlines()[-1]


def test_system_without_shared_ports_has_one_worker(house: House, start: Start) -> None:
    """`dns.workers` is accepted there too, and what it means is in the log."""
    set_workers(house, 4)

    service = start(WITHOUT_SHARED_PORTS + DNS)
    ready = service.wait_for("ready")

    assert {"event": "workers_limited", "configured": 4, "workers": 1}.items() <= (
        service.log[0].items()
    )
    assert ready["workers"] == 1
    assert service.stop() == 0


@pytest.mark.parametrize("prelude", ["", WITHOUT_UVLOOP])
def test_every_worker_serves(house: House, start: Start, prelude: str) -> None:
    """On either loop: a commit shows in all threads, and each says how many replies it made."""
    set_workers(house, 3)
    service = start(prelude + DNS)
    ready = service.wait_for("ready")

    insert(house)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one_client:
        while ask(house, LISTED, sock=one_client).rcode() == dns.rcode.NXDOMAIN:
            assert service.process.poll() is None
    rcodes = {ask(house, LISTED).rcode() for _ in range(CLIENTS)}

    assert (ready["workers"], rcodes) == (3, {dns.rcode.NOERROR})
    assert service.stop() == 0
    counters = json.loads(house.config.data.dns_status.read_text())["counters"]
    assert [each["worker"] for each in counters["worker_replies"]] == [1, 2, 3]
    counts = [each["count"] for each in counters["worker_replies"]]
    assert min(counts) > 0
    assert sum(counts) == sum(each["count"] for each in counters["replies"])


def test_only_those_who_answer_go_first(house: House, start: Start) -> None:
    """With `dns.priority`, each worker does; a refusal is in the log, and all else is ordinary."""
    set_workers(house, 2)
    house.file.write_text(house.file.read_text().replace("[dns]", '[dns]\npriority = "realtime"'))
    service = start()
    ready = service.wait_for("ready")

    threads = [int(folder.name) for folder in Path(f"/proc/{service.process.pid}/task").iterdir()]
    first = [thread for thread in threads if os.sched_getparam(thread).sched_priority]
    if os.environ.get("CI"):
        assert ready["priority"] == "realtime"
    if ready["priority"] == "realtime":
        assert len(first) == 2
        assert len(threads) > 2
    else:
        assert first == []
        assert "priority_refused" in [event["event"] for event in service.log]
    assert ask(house, LISTED).rcode() in {dns.rcode.NXDOMAIN, dns.rcode.NOERROR}
    assert service.stop() == 0


def test_workers_that_go_first_leave_a_cpu_to_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each but one, and never none; a number that somebody chose stands."""
    set_workers(house, 0)
    house.file.write_text(house.file.read_text().replace("[dns]", '[dns]\npriority = "realtime"'))
    counts = []
    for cpus in (1, 2, 8):
        monkeypatch.setattr(workers, "cpu_count", lambda cpus=cpus: cpus)
        counts.append(worker_count(house.config.dns))

    assert counts == [1, 1, 7]
    assert worker_count(replace(house.config.dns, workers=2)) == 2


def test_one_worker_for_each_cpu(house: House, start: Start) -> None:
    """Of those that the process may use."""
    set_workers(house, 0)
    service = start()

    assert service.wait_for("ready")["workers"] == len(os.sched_getaffinity(0))
    assert service.stop() == 0


@pytest.mark.parametrize("program", [DNS, SERVE])
@pytest.mark.parametrize(
    ("breaks", "error"),
    [(AT_THE_START, "Broken"), (LATER, "Event loop stopped before Future completed.")],
)
def test_worker_that_breaks_ends_the_service(
    house: House, start: Start, program: str, breaks: str, error: str
) -> None:
    """A thread that ends by an error leaves no half of a service; what was wrong is said."""
    set_workers(house, 2)

    service = start(BREAKING.format(breaks=breaks) + program)
    _, err = service.process.communicate(timeout=TIMEOUT_S)

    assert service.process.returncode == 1
    assert err.splitlines()[-1] == f"RuntimeError: {error}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_load(start: Start, number: signal.Signals) -> None:
    """Before it is ready, too, a signal ends it in order; a load may take minutes."""
    service = start(ENDLESS + DNS)
    assert service.process.stdout is not None
    service.process.stdout.readline()

    assert service.stop(number) == 0
    said = [line["event"] for line in service.log]
    of_the_start = {"compiled_path_missing", "nameserver_without_address"}
    assert [event for event in said if event not in of_the_start] == ["stopped"]


@pytest.mark.parametrize("unbuffered", ["1", ""])
@pytest.mark.parametrize("verb", ["serve", "dns"])
def test_log_that_nobody_reads_ends_nothing(
    house: House, start: Start, monkeypatch: pytest.MonkeyPatch, verb: str, unbuffered: str
) -> None:
    """A log whose reader is gone, or whose disk is full, costs its events, no answer and no exit
    code, whether Python writes at once or holds events back.
    """
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    service = start(COMMAND.format(verb=verb))
    service.wait_for("ready")
    assert service.process.stderr is not None
    service.process.stderr.close()

    insert(house, "unknown.example")  # is skipped, and that is logged
    insert(house)
    while ask(house, "7.2.0.192.bl.example").rcode() == dns.rcode.NXDOMAIN:
        assert service.process.poll() is None

    service.process.terminate()
    assert service.process.wait(TIMEOUT_S) == 0


def test_clients_leave_descriptors_for_the_service(house: House, start: Start) -> None:
    """Connections without end keep neither file nor database from being opened."""
    limits = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
    service = start(limits + DNS)
    service.wait_for("ready")
    limited = next(line for line in service.log if line["event"] == "tcp_connections_limited")

    with contextlib.ExitStack() as clients:
        for _ in range(100):
            address = ("127.0.0.1", house.dns_port)
            clients.enter_context(socket.create_connection(address, TIMEOUT_S))
        status = house.config.data.dns_status
        while not (status.exists() and "evicted_idle" in status.read_text()):
            assert service.process.poll() is None

        assert limited["connections"] < 100
        assert service.stop() == 0
    assert "status_unwritable" not in [line["event"] for line in service.log]


def test_descriptors_suffice_for_the_connections(start: Start) -> None:
    """The usual limit of open files, which is low, is raised to what the configuration needs."""
    limits = (
        "import resource; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
    )
    service = start(limits + DNS)
    service.wait_for("ready")

    soft, _ = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    assert soft > 1024
    assert service.stop() == 0


def test_sidecar_is_ours(house: House) -> None:
    """Not a module that is called `api` too, in the folder where the operator happens to be."""
    (house.folder / "api.py").write_text("raise SystemExit('another program')")
    command = sidecar_command(house.config)
    house.file.unlink()

    ended = subprocess.run(command, cwd=house.folder, capture_output=True, text=True, check=False)

    assert "another program" not in ended.stderr
    assert "dnsbl.toml: cannot be read" in ended.stderr
