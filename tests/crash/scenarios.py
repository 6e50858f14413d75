"""What happens in a run: each is a whole visit, from the form to its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Literal

from crash.street import DAY_S, START, ZONE, Street, listed
from crash.world import GREYLISTED, REFUSED
from dnsbl.delist import ruling
from dnsbl.delist.ruling import Ruling
from dnsbl.network import parse
from dnsbl.store import delistings
from dnsbl.store.database import Database, open_writer

ADDRESS: Final = "203.0.113.7"
NETWORK: Final = "203.0.113.0/24"
IPV6: Final = "2001:db8:7::25"
SENDER: Final = "postmaster@sender.example"
_GREY: Final = f"{GREYLISTED}@sender.example"
_REFUSED: Final = f"{REFUSED}@sender.example"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is listed, what is done, and where it ends.

    ``state`` is that of its request in the end, ``taken_off`` the categories of
    ``ADDRESS`` or ``IPV6`` that do not list it any more, of those in ``lists``.
    ``kills`` is how many points it is killed at.
    """

    play: Callable[[Street], None]
    state: str
    kills: int
    lists: tuple[tuple[str, str], ...] = ((ADDRESS, "spam"),)
    taken_off: tuple[str, ...] = ("spam",)
    address: str = ADDRESS
    transport: Literal["smtp", "file"] = "smtp"
    hooks_fail_first: bool = False
    delisted_before: bool = False

    def prepare(self, database: Database) -> None:
        """What is there when it begins."""
        for network, category in self.lists:
            listed(database, network, category)
        if self.delisted_before:
            earlier = int(START) - DAY_S
            delistings.record(
                database, ZONE, parse(self.address), "spam", now=earlier, request_id=0
            )


def _delist(street: Street, address: str = ADDRESS, mailbox: str = SENDER) -> None:
    street.ask(address, mailbox)
    street.press(street.link(mailbox))


def _plain(street: Street) -> None:
    _delist(street)


def _cancelled(street: Street) -> None:
    street.ask(ADDRESS, SENDER)
    street.press(street.link(SENDER), "This was not me")


def _reviewed(street: Street) -> None:
    """An operator approves what a press of the button could not do, by another process."""
    _delist(street)
    street.settle()
    with closing(open_writer(street.database)) as database, database.transaction():
        ruling.rule(
            database, street.config, street.last_request(), Ruling(approves=True),
            actor="operator:anna", now=int(street.slate.now),
        )  # fmt: skip


def _greylisted(street: Street) -> None:
    """The first try is for nothing; it takes a minute."""
    street.ask(ADDRESS, _GREY)
    street.settle()
    street.press(street.link(_GREY))


def _cooled_down(street: Street) -> None:
    """After a day another mail comes, and the button of its link works."""
    _delist(street)
    street.settle()  # time passes until that mail came
    street.press(street.link(SENDER))


def _refused(street: Street) -> None:
    """There is no such mailbox."""
    street.ask(ADDRESS, _REFUSED)


def _ipv6(street: Street) -> None:
    _delist(street, IPV6)


SCENARIOS: Final = {
    "plain": Scenario(_plain, "delisted", 65),
    "cancelled": Scenario(_cancelled, "cancelled", 55, taken_off=()),
    "reviewed": Scenario(
        _reviewed, "delisted", 80,
        lists=((ADDRESS, "spam"), (ADDRESS, "policy")), taken_off=("spam", "policy"),
    ),
    "greylisted": Scenario(_greylisted, "delisted", 55),
    "cooled-down": Scenario(_cooled_down, "delisted", 70, delisted_before=True),
    "refused": Scenario(_refused, "mail_failed", 50, taken_off=()),
    "by-file": Scenario(_plain, "delisted", 45, transport="file"),
    "out-of-networks": Scenario(
        _ipv6, "delisted", 45,
        lists=(("2001:db8::/32", "spam"), ("2001:db8:7::/64", "policy2")),
        taken_off=("spam", "policy2"), address=IPV6,
    ),
    "hooks-down": Scenario(_plain, "delisted", 45, hooks_fail_first=True),
}  # fmt: skip
