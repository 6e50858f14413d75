"""[hooks.NAME]: what is read, and how each mistake is reported."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from house import House

from dnsbl.config import (
    ConfigError,
    HookConfig,
    HttpTarget,
    PluginTarget,
    ProgramTarget,
)

PROGRAM = 'program = ["hooks/ask", "--all"]'


@pytest.fixture
def read(house: House) -> Callable[[str], HookConfig]:
    """The one hook of a configuration that has these lines below [hooks.mine]."""

    def read(lines: str) -> HookConfig:
        house.write_config(f"[hooks.mine]\n{lines}")
        (hook,) = house.config.hooks
        return hook

    return read


@pytest.fixture
def refusal(house: House) -> Callable[[str], str]:
    """What is said of a configuration with this at its end, after the file's name."""

    def refusal(more: str) -> str:
        house.write_config(more)
        with pytest.raises(ConfigError) as refused:
            assert house.config
        said = str(refused.value)
        assert said.startswith(f"{house.file}: ")
        assert said.isprintable()
        return said.removeprefix(f"{house.file}: ")

    return refusal


def test_no_table_is_no_hook(house: House) -> None:
    """Without [hooks.NAME] there is none."""
    assert house.config.hooks == ()


def test_a_program_is_found_beside_the_file(
    house: House, read: Callable[[str], HookConfig]
) -> None:
    """Its path is relative to dnsbl.toml; what decides has two seconds."""
    hook = read(f'on = "decide"\n{PROGRAM}')

    target = ProgramTarget(house.folder / "hooks/ask", ("--all",))
    assert hook == HookConfig("mine", "decide", target, timeout_s=2)


def test_an_absolute_program_stays_where_it_is(read: Callable[[str], HookConfig]) -> None:
    """A path from the root is not moved into the file's folder."""
    hook = read('on = "notify"\nprogram = ["/bin/true"]')

    assert isinstance(hook.target, ProgramTarget)
    assert str(hook.target.program) == "/bin/true"


def test_a_web_server_has_secrets(house: House, read: Callable[[str], HookConfig]) -> None:
    """All keys of one that is told by HTTP, with the default of its time."""
    hook = read(
        'on = "notify"\nurl = "https://hooks.example/in?x=1"\nsecret_files = ["new", "/etc/old"]\n'
        'events = ["delist.*", "listing.added"]\nzones = ["bl.example"]\n'
        'categories = ["spam"]\nmailbox = true'
    )

    files = (house.folder / "new", house.folder / "/etc/old")
    assert hook == HookConfig(
        "mine", "notify", HttpTarget("https://hooks.example/in?x=1", files),
        events=("delist.*", "listing.added"), zones=("bl.example",), categories=("spam",),
        mailbox=True, timeout_s=15,
    )  # fmt: skip


@pytest.mark.parametrize("plugin", ["acme.lists:hook", "module:object_", "acme", "acme-hooks"])
def test_a_plugin_is_an_object_or_an_entry_point(
    read: Callable[[str], HookConfig], plugin: str
) -> None:
    """Both ways of naming it are read, and what follows an error is set beside it."""
    hook = read(f'on = "decide"\nplugin = "{plugin}"\non_error = "accept"\ndry_run = true')

    assert hook == HookConfig(
        "mine", "decide", PluginTarget(plugin), timeout_s=2, on_error="accept", dry_run=True
    )


def test_plain_http_needs_leave(read: Callable[[str], HookConfig]) -> None:
    """Where private addresses are allowed, http:// is too."""
    hook = read(
        'on = "notify"\nurl = "http://127.0.0.1:8080/"\nsecret_files = ["s"]\nallow_private = true'
    )

    assert isinstance(hook.target, HttpTarget)
    assert hook.target.allow_private


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", 'hooks.mine.on: is missing; expected one of "decide", "notify"'),
        ('on = "ask"', 'hooks.mine.on: expected one of "decide", "notify", got \'ask\''),
        ('on = "notify"', "hooks.mine: expected one of url, program and plugin, got none"),
        (f'on = "notify"\nplugin = "a"\n{PROGRAM}', "got program and plugin"),
        ('on = "notify"\nprogram = []', "hooks.mine.program: expected a program and its arguments"),
        ('on = "notify"\nprogram = [""]', "hooks.mine.program: expected a program and its"),
        ('on = "notify"\nprogram = "/bin/true"', "hooks.mine.program: expected a program and its"),
        ('on = "notify"\nprogram = ["a\\u0000b"]', "it has a NUL"),
        (f'on = "notify"\nprogram = {["x"] * 65}', "hooks.mine.program: expected a program"),
        ('on = "notify"\nplugin = ""', "hooks.mine.plugin: expected package.module:object"),
        ('on = "notify"\nplugin = "os;rm:x"', "hooks.mine.plugin: expected package.module:object"),
        ('on = "notify"\nurl = "ftp://a.example/"', "it does not begin with https:// and a host"),
        ('on = "notify"\nurl = "https://"', "it does not begin with https:// and a host"),
        ('on = "notify"\nurl = ""', "hooks.mine.url: expected a web address that begins with"),
        ('on = "notify"\nurl = "https://a.example:0/"', "the port is not from 1 to 65535"),
        ('on = "notify"\nurl = "https://u:p@a.example/"', "it has a user name or a #fragment"),
        ('on = "notify"\nurl = "https://a.example/#x"', "it has a user name or a #fragment"),
        ('on = "notify"\nurl = "https://a.example/ x"', "it has other than ASCII, a space, or"),
        ('on = "notify"\nurl = "https://ä.example/"', "it has other than ASCII, a space, or"),
        ('on = "notify"\nurl = "http://a.example/"\nsecret_files = ["s"]',
         "hooks.mine.url: expected a web address that begins with https://, or allow_private"),
        ('on = "notify"\nurl = "https://192.168.0.1/"\nsecret_files = ["s"]',
         "hooks.mine.url: expected a public address, or allow_private = true with it"),
        ('on = "notify"\nurl = "https://[::ffff:127.0.0.1]/"\nsecret_files = ["s"]',
         "hooks.mine.url: expected a public address"),
        ('on = "notify"\nurl = "https://a.example/"',
         "hooks.mine.secret_files: expected a list of 1 to 8 files"),
        ('on = "notify"\nurl = "https://a.example/"\nsecret_files = [""]', "of 1 to 8 files"),
        (f'on = "notify"\n{PROGRAM}\nsecret_files = ["s"]',
         "hooks.mine.secret_files: goes with url"),
        (f'on = "notify"\n{PROGRAM}\nallow_private = false',
         "hooks.mine.allow_private: goes with url"),
        (f'on = "notify"\n{PROGRAM}\non_error = "accept"',
         'hooks.mine.on_error: goes with on = "decide"; nothing waits for one that is told'),
        (f'on = "notify"\n{PROGRAM}\ndry_run = true',
         'hooks.mine.dry_run: goes with on = "decide"'),
        (f'on = "decide"\n{PROGRAM}\nevents = ["delist.*"]',
         'hooks.mine.events: goes with on = "notify"'),
        (f'on = "decide"\n{PROGRAM}\ntimeout_s = 11',
         "hooks.mine.timeout_s: expected at most 10 seconds, since a visitor waits for it, got 11"),
        (f'on = "notify"\n{PROGRAM}\ntimeout_s = 61', "seconds from 1 to 60, got 61"),
        (f'on = "notify"\n{PROGRAM}\nevents = []', "hooks.mine.events: expected a list of events"),
        (f'on = "notify"\n{PROGRAM}\nevents = ["delist.done"]', "nothing is called that; there"),
        (f'on = "notify"\n{PROGRAM}\nevents = ["[a-z]*"]', "it has other than lower-case letters"),
        (f'on = "notify"\n{PROGRAM}\nzones = ["dnswl.example"]',
         "hooks.mine.zones: expected a list of zones' origins, got 'dnswl.example': there is no"),
        (f'on = "notify"\n{PROGRAM}\ncategories = ["spma"]', "none of its zones has it; there are"),
        (f'on = "notify"\n{PROGRAM}\nevent = []', "did you mean hooks.mine.events?"),
    ],
)  # fmt: skip
def test_mistakes_are_named(refusal: Callable[[str], str], lines: str, said: str) -> None:
    """Each names the key, what stands there and what was expected."""
    assert said in refusal(f"[hooks.mine]\n{lines}")


@pytest.mark.parametrize("name", ["Mine", "1st", '"a b"', f"a{'b' * 32}"])
def test_names_are_plain(refusal: Callable[[str], str], name: str) -> None:
    """A name goes into logs, labels and commands: short, of lower-case letters and digits."""
    assert "a hook's name has 1 to 32" in refusal(f'[hooks.{name}]\non = "notify"\n{PROGRAM}')


def test_there_are_not_too_many(refusal: Callable[[str], str]) -> None:
    """Each is asked at each delisting, so there is a bound."""
    more = "".join(f'[hooks.h{number}]\non = "notify"\n{PROGRAM}\n' for number in range(33))

    assert "hooks: expected at most 32 hooks" in refusal(more)


def test_what_is_wanted(read: Callable[[str], HookConfig]) -> None:
    """Events are chosen by kind, zone and category; what is of no zone is for all."""
    hook = read(
        f'on = "notify"\n{PROGRAM}\nevents = ["delist.*", "listing.added"]\n'
        'zones = ["bl.example"]\ncategories = ["spam"]'
    )

    assert hook.wants("delist.requested")
    assert hook.wants("listing.added", "bl.example", "spam")
    assert not hook.wants("listing.removed", "bl.example", "spam")
    assert not hook.wants("listing.added", "other.example", "spam")
    assert not hook.wants("listing.added", "bl.example", "policy")


def test_what_decides_is_told_nothing(read: Callable[[str], HookConfig]) -> None:
    """A hook that decides wants no event."""
    hook = read(f'on = "decide"\n{PROGRAM}')

    assert not hook.wants("delist.completed")
    assert hook.covers("bl.example", "spam")
