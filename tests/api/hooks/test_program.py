"""Hooks that are programs: what they are given, and what becomes of whatever they do."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from api.hooks.message import REPLY_OCTETS_MAX, Message, Reply
from api.hooks.program import ProgramTransport
from dnsbl.config import HookConfig, ProgramTarget

MESSAGE = Message("msg_1", 1_800_000_000, b'{"type":"delist.decide","data":{}}', attempt=3)
PATIENCE_S = 30

Made = Callable[..., ProgramTransport]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A hook that is a script of /bin/sh with these lines."""

    def made(lines: str, *arguments: str, timeout_s: int = 15) -> ProgramTransport:
        file = tmp_path / "hook"
        file.write_text(f"#!/bin/sh\n{lines}\n")
        file.chmod(0o700)
        return opened(file, *arguments, timeout_s=timeout_s)

    return made


def opened(file: Path, *arguments: str, timeout_s: int = 15) -> ProgramTransport:
    """A transport to a program."""
    target = ProgramTarget(file, arguments)
    return ProgramTransport(HookConfig("mine", "decide", target, timeout_s=timeout_s), target)


async def comes_true(said: Callable[[], bool]) -> None:
    """Returns once it is so. Nothing tells of processes and threads of others."""
    async with asyncio.timeout(PATIENCE_S):
        while not said():  # noqa: ASYNC110  # as it says
            await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether a process is no more, or is a zombie that nobody waited for yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def exists(pid: int) -> bool:
    """Whether a process is there, be it as a zombie."""
    return Path(f"/proc/{pid}").exists()


def descriptors() -> set[str]:
    """What this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def test_it_gets_the_message_on_standard_input(made: Made, tmp_path: Path) -> None:
    """The JSON as it is, and its arguments as they stand, without a shell between."""
    reply = await made('cat; printf %s "$1" > "$2"', "$(reboot) *", f"{tmp_path}/said").send(
        MESSAGE
    )

    assert reply == Reply("done", "exit status 0", body=MESSAGE.body)
    assert (tmp_path / "said").read_text() == "$(reboot) *"


async def test_its_environment_is_clean(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of ours is in it: secrets are passed in environments."""
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    reply = await made(
        f"exec {sys.executable} -c 'import os, json; print(json.dumps([dict(os.environ), "
        "os.getcwd(), os.getpgrp() == os.getpid()]))'"
    ).send(MESSAGE)

    environment, folder, leads = json.loads(reply.body)
    assert {key: value for key, value in environment.items() if key not in ("PWD", "_")} == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/",
        "DNSBL_HOOK": "mine",
        "DNSBL_MESSAGE_ID": "msg_1",
        "DNSBL_ATTEMPT": "3",
    } | ({"LC_CTYPE": environment["LC_CTYPE"]} if "LC_CTYPE" in environment else {})
    assert (folder, leads) == ("/", True)


async def test_it_has_none_of_our_files(made: Made, tmp_path: Path) -> None:
    """No descriptor beyond the three is open in it: neither the database nor a socket."""
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)  # noqa: FBT003  # as a library may leave one
        reply = await made("ls /proc/self/fd").send(MESSAGE)

    assert set(reply.body.split()) == {b"0", b"1", b"2", b"3"}  # 3: the folder that ls reads


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ("exit 0", Reply("done", "exit status 0")),
        ("exit 75", Reply("later", "exit status 75")),
        ("exit 1", Reply("failed", "exit status 1", says_no=True)),
        ("exit 255", Reply("failed", "exit status 255", says_no=True)),
        ("exit 126", Reply("failed", "exit status 126")),
        ("exec no-such-program", Reply("failed", "exit status 127: ")),
        ("kill -9 $$", Reply("failed", "was ended by signal 9")),
        ("kill -SEGV $$", Reply("failed", "was ended by signal 11")),
        ("echo no >&2; echo why >&2; exit 1", Reply("failed", "exit status 1: no", says_no=True)),
        ("printf '\\033[31mred\\a' >&2", Reply("done", "exit status 0: ?[31mred?")),
        ("printf '{}'; exit 75", Reply("later", "exit status 75", body=b"{}")),
        ("printf '{}'; exit 9", Reply("failed", "exit status 9", body=b"{}", says_no=True)),
        ("exec 0<&- 1>&- 2>&-; sleep 0.1; exit 75", Reply("later", "exit status 75")),
    ],
)
async def test_its_exit_status_is_its_answer(made: Made, lines: str, reply: Reply) -> None:
    """0 is yes, 75 is later, others are no; a signal, or not having been run, is neither."""
    got = await made(lines).send(MESSAGE)

    if reply.detail.endswith(": "):
        assert got.detail.startswith(reply.detail.rstrip(": "))
        got = Reply(got.kind, reply.detail, None, got.body, got.says_no)
    assert got == reply


async def test_a_program_that_reads_nothing_blocks_nothing(made: Made) -> None:
    """A message larger than any pipe's buffer is no trouble to one that closes its input."""
    message = Message("msg_1", 0, b"x" * 1_000_000)

    assert (await made("exec 0<&-; exit 0").send(message)).kind == "done"


async def test_a_program_may_read_all_of_a_long_message(made: Made) -> None:
    """All of it is there."""
    message = Message("msg_1", 0, b"x" * 1_000_000)

    assert (await made("wc -c").send(message)).body.strip() == b"1000000"


async def test_one_that_hangs_is_killed(made: Made) -> None:
    """At the end of its time, with what it started."""
    begun = time.monotonic()
    reply = await made("sleep 1000 & echo $! >&2; echo $$; wait", timeout_s=1).send(MESSAGE)

    assert reply == Reply("failed", "ran longer than 1 s; killed")
    assert time.monotonic() - begun < 10


async def test_its_children_are_killed_with_it(made: Made, tmp_path: Path) -> None:
    """Also those that ignore polite signals, and when it was late itself."""
    pids = tmp_path / "pids"
    hook = made(
        f'(trap "" TERM HUP INT; echo $$ >> {pids}; while :; do sleep 100; done) &\n'
        f"echo $! >> {pids}; while :; do sleep 100; done",
        timeout_s=1,
    )

    reply = await hook.send(MESSAGE)

    assert reply.kind == "failed"
    for pid in pids.read_text().split():
        await comes_true(functools.partial(is_gone, int(pid)))


async def test_what_it_leaves_behind_is_killed(made: Made, tmp_path: Path) -> None:
    """A child that holds its output open delays no reply, and does not outlive it."""
    hook = made(f"sleep 1000 & echo $! > {tmp_path}/pid; printf '{{}}'; exit 0")

    begun = time.monotonic()
    reply = await hook.send(MESSAGE)

    assert reply == Reply("done", "exit status 0", body=b"{}")
    assert time.monotonic() - begun < 10
    await comes_true(functools.partial(is_gone, int((tmp_path / "pid").read_text())))


async def test_a_child_that_left_the_group_delays_nothing(made: Made, tmp_path: Path) -> None:
    """A daemon of its own session lives on: it is the operator's; but nothing waits for it."""
    hook = made(
        f"setsid sleep 1000 & echo $! > {tmp_path}/pid\n"
        f"while ! ps -o sid= -p $! | grep -qw $!; do :; done; printf '{{}}'"
    )

    begun = time.monotonic()
    reply = await hook.send(MESSAGE)

    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert reply == Reply("done", "exit status 0", body=b"{}")
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("more", ["", "trap '' PIPE; "])
async def test_one_that_floods_is_killed(made: Made, more: str) -> None:
    """Output without end is read to its bound, and not kept in memory beyond it."""
    reply = await made(f'{more}yes \'{{"decision":"accept"}}\'').send(MESSAGE)

    assert reply == Reply("failed", f"wrote more than {REPLY_OCTETS_MAX} octets; killed")


async def test_complaints_without_end_do_no_harm(made: Made) -> None:
    """What goes to standard error is read and thrown away: it blocks nothing, and fills nothing."""
    tracemalloc.start()
    reply = await made("yes complaint | head -c 20000000 >&2; exit 1").send(MESSAGE)
    _, peak_octets = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_octets < 5_000_000
    assert reply == Reply("failed", "exit status 1: complaint", says_no=True)


async def test_output_of_the_bound_is_kept(made: Made) -> None:
    """The last octet that fits is there; one more is too many."""
    fits = await made(f"head -c {REPLY_OCTETS_MAX} /dev/zero").send(MESSAGE)
    over = await made(f"head -c {REPLY_OCTETS_MAX + 1} /dev/zero").send(MESSAGE)

    assert (fits.kind, len(fits.body)) == ("done", REPLY_OCTETS_MAX)
    assert over.kind == "failed"


async def test_one_that_is_missing_is_told(tmp_path: Path) -> None:
    """A name that leads nowhere."""
    reply = await opened(tmp_path / "none").send(MESSAGE)

    assert reply == Reply("failed", "cannot be run: No such file or directory")


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("#!/bin/sh\n", 0o600, "Permission denied"),
        ("exit 0\n", 0o700, "Exec format error"),
        ("#!/no/such/interpreter\n", 0o700, "No such file or directory"),
    ],
)
async def test_one_that_cannot_be_run_is_told(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    """A file without its bit or its first line, or with a wrong one."""
    file = tmp_path / "hook"
    file.write_text(text)
    file.chmod(mode)

    assert await opened(file).send(MESSAGE) == Reply("failed", f"cannot be run: {said}")


async def test_a_folder_cannot_be_run(tmp_path: Path) -> None:
    """Nor can what is no file."""
    assert (await opened(tmp_path).send(MESSAGE)).detail == "cannot be run: Permission denied"


@pytest.mark.parametrize("uid", ["msg\0", "\ud800"])
async def test_a_name_that_no_environment_holds_is_told(made: Made, uid: str) -> None:
    """Names come from the database, which other programs write as well."""
    reply = await made("exit 0").send(Message(uid, 0, b"{}"))

    assert reply.kind == "failed"
    assert reply.detail.startswith("cannot be run: ")


async def test_where_there_is_no_waiting_without_reaping(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systems without waitid run programs as well, and get the same answers."""
    monkeypatch.setattr("api.hooks.program._CAN_LEAVE_UNWAITED", False)

    replies = [await made(lines).send(MESSAGE) for lines in ("cat", "exit 75", "kill -9 $$")]

    assert [reply.kind for reply in replies] == ["done", "later", "failed"]
    assert (replies[0].body, replies[2].says_no) == (MESSAGE.body, False)


async def test_many_run_at_once(made: Made) -> None:
    """Messages for several listings do not wait for each other, and each gets its own answer."""
    hook = made("cat")
    messages = [Message(f"msg_{number}", 0, str(number).encode()) for number in range(40)]

    replies = await asyncio.gather(*(hook.send(message) for message in messages))

    assert [reply.body for reply in replies] == [message.body for message in messages]


async def test_waiting_for_a_turn_takes_of_its_time(made: Made) -> None:
    """Where all of them hang, those in the queue end at their time as well."""
    hook = made("exec sleep 1000", timeout_s=1)

    begun = time.monotonic()
    replies = await asyncio.gather(*(hook.send(MESSAGE) for _ in range(80)))

    assert time.monotonic() - begun < 8, "in turns of eight it would take ten"
    assert {reply.kind for reply in replies} == {"failed"}


async def test_what_has_no_time_left_is_not_run(made: Made, tmp_path: Path) -> None:
    """A turn that comes too late is of no use."""
    reply = await made(f"touch {tmp_path}/run", timeout_s=0).send(MESSAGE)

    assert reply == Reply("failed", "others kept it waiting for 0 s; not run")
    assert not (tmp_path / "run").exists()


async def test_giving_up_kills_it(made: Made, tmp_path: Path) -> None:
    """When the portal ends meanwhile, the program does too, and at once."""
    hook = made(f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 1000",
                timeout_s=10 * PATIENCE_S)  # fmt: skip
    sending = asyncio.create_task(hook.send(MESSAGE))
    await comes_true((tmp_path / "pid").exists)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    await comes_true(functools.partial(is_gone, int((tmp_path / "pid").read_text())))


async def test_nothing_is_left_of_a_run(made: Made) -> None:
    """Neither a descriptor nor a thread nor a zombie."""
    hook = made("echo $$")
    await hook.send(MESSAGE)
    before = descriptors()

    pids = [int((await hook.send(MESSAGE)).body) for _ in range(20)]

    assert descriptors() == before
    assert [pid for pid in pids if exists(pid)] == []
    await comes_true(lambda: "hook-mine" not in {thread.name for thread in threading.enumerate()})
