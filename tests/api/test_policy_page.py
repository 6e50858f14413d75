"""What the policy page tells of the rules is what the rules do."""

from __future__ import annotations

import pytest
from house import ZONE_TEXT, House
from portal import Clock, Portal

RESOLVER = '[resolver]\nservers = ["127.0.0.1:5353"]\n'


async def told(house: House, clock: Clock, policy: str = "") -> str:
    """The page of a zone with such a policy, in one line."""
    house.write_zone(ZONE_TEXT.replace("[category", f"{policy}\n[category", 1))
    house.write_config(RESOLVER)
    data = "[data]\nrequests_age_s = 8640000\n"
    house.file.write_text(house.file.read_text().replace("[data]\n", data))
    async with Portal(house, clock) as portal:
        return " ".join((await portal.fetch("/policy")).text.split())


async def test_only_relapses_ask_for_more(house: House, clock: Clock) -> None:
    """A removal that was followed by nothing new counts neither for the wait nor for the proof."""
    text = await told(house, clock)

    assert (
        "Whoever is listed again for something new, and asks a second time within 30 days" in text
    )
    assert (
        "Each removal of the last 90 days after which the address was listed again for something "
        "new asks for one more proof"
    ) in text
    assert "or at one all of whose mail goes to it; then postmaster" in text


async def test_an_exclusion_that_ran_out_may_be_asked_for_again(house: House, clock: Clock) -> None:
    """What was taken out of a network for a time comes back, which is nobody's fault."""
    text = await told(house, clock)

    assert (
        "When that time is over, you may ask again; if nothing new was seen, the earlier removal "
        "does not count against you."
    ) in text


@pytest.mark.parametrize(
    ("level", "ways"), [(1, {"mail", "address"}), (2, {"address"}), (3, set[str]())]
)
async def test_each_proof_that_will_do_is_told(
    house: House, clock: Clock, level: int, ways: set[str]
) -> None:
    """Level 1: the mail of a domain too; below level 3: a request from the address as well."""
    text = await told(house, clock, f"[policy]\nproof = {level}")

    said = {
        "mail": "or at a domain all of whose mail goes to the address; otherwise",
        "address": "A request that is made from the address itself will do as well.",
    }
    assert {way for way, words in said.items() if words in text} == ways


async def test_for_how_long_a_mailbox_is_kept_is_told(house: House, clock: Clock) -> None:
    """As the configuration says, in days."""
    text = await told(house, clock)

    assert "the network that you asked from, 100 days after the request has ended" in text
