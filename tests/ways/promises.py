"""What always holds, whatever has happened so far."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis.stateful import invariant

from api.portal.delisting import token_hash
from dnsbl.delist.case import Key
from dnsbl.store import outbox
from dnsbl.store.request_states import EVENTS, TRANSITIONS, State
from ways.world import World


class Promises(World):
    """The database and the model agree; nothing is lost, untold, or resolved twice."""

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        """None is lost; each is where the model has it, with what was decided about it."""
        rows = self.database.rows("SELECT id, state FROM delist_requests")
        assert {row["id"]: row["state"] for row in rows} == {
            each.id: str(each.state) for each in self.known.values()
        }
        items: dict[int, dict[Key, tuple[str, int | None]]] = {each: {} for each in self.known}
        for row in self.database.rows("SELECT * FROM request_items"):
            items[row["request_id"]][row["zone"], row["category"]] = (row["outcome"], row["until"])
        assert items == {
            each.id: {key: (str(out), until) for key, (out, until, _) in each.items.items()}
            for each in self.known.values()
        }

    @invariant()
    def each_transition_has_its_line_and_its_event(self) -> None:
        """By the table, in the order in which they happened, each once."""
        ways: dict[int, list[State]] = {each: [] for each in self.known}
        for row in self.database.rows(
            "SELECT request_id, act FROM audit WHERE act LIKE 'request.%' ORDER BY id"
        ):
            ways[row["request_id"]].append(State(row["act"].removeprefix("request.")))
        told: dict[int, Counter[str]] = {each: Counter() for each in self.known}
        for row in self.database.rows(
            "SELECT request_id, kind FROM events WHERE kind LIKE 'delist.%'"
        ):
            told[row["request_id"]][row["kind"]] += 1
        for petition in self.known.values():
            way = ways[petition.id]
            assert way == petition.way
            for before, after in itertools.pairwise(way):
                assert after in TRANSITIONS[before], (before, after)
            for state in State:
                kind = EVENTS.get(state)
                if kind is None:
                    continue
                if state in (State.DELISTED, State.REVIEW, State.REFUSED):  # told by listing
                    assert (state not in way) or told[petition.id][kind] >= 1
                else:
                    assert told[petition.id][kind] == way.count(state)

    @invariant()
    def each_return_to_the_list_is_told_once(self) -> None:
        """By the last request that it had been taken off for; none is told that did not end."""
        ended = {
            (row["network"], row["category"], row["request_id"])
            for row in self.database.rows(
                "SELECT network, category, request_id FROM delistings "
                "WHERE relisted_at IS NOT NULL OR lapsed_at IS NOT NULL"
            )
        }
        told = [
            (row["subject"], row["category"], row["request_id"])
            for row in self.database.rows("SELECT * FROM events WHERE kind = 'listing.relisted'")
        ]
        assert len(set(told)) == len(told)
        assert set(told) <= ended
        assert {each[:2] for each in told} == {each[:2] for each in ended}

    @invariant()
    def mails_fit_states(self) -> None:
        """A request that waits has its mail queued or sent; one that ended sends none that asks."""
        fits = {
            State.MAIL_QUEUED: {"queued"}, State.MAIL_SENT: {"sent"},
            State.COOLDOWN: {"queued", "sent", "failed"},  # one that reminds comes later
        }  # fmt: skip
        for petition in self.known.values():
            mail = outbox.of_request(self.database, petition.id)
            assert mail is not None
            if petition.expires_at <= self.now:
                continue  # its end is due, and its mail may have been given up before it
            assert mail.state in fits.get(petition.state, {"sent", "failed"})

    @invariant()
    def nothing_is_resolved_twice(self) -> None:
        """As many delistings as were decided, each of a request; links are used at most once."""
        rows = self.database.rows(
            "SELECT request_id, zone, category, count(*) AS n FROM delistings "
            "GROUP BY request_id, zone, category"
        )
        found = {(row["request_id"], (row["zone"], row["category"])): row["n"] for row in rows}
        assert found == {
            (each.id, key): count
            for each in self.known.values()
            for key, count in each.taken_off.items()
        }
        good = {
            (row["request_id"], bytes(row["token_hash"]), row["expires_at"])
            for row in self.database.rows("SELECT * FROM delist_tokens WHERE used_at IS NULL")
        }
        assert good == {
            (each.id, token_hash(token), link.expires_at)
            for each in self.known.values()
            for token, link in each.links.items()
            if not link.used
        }
