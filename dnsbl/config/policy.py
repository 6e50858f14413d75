"""When a request takes a listing off, and what its sender has to show: [policy] of a zone file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from dnsbl.config.toml import ConfigError, Table

Then: TypeAlias = Literal["review", "refuse"]
NewerEvidence: TypeAlias = Literal["refuse", "ignore"]

DAY_S: Final = 86_400
HISTORY_S: Final = 90 * DAY_S  # as far back as a decision looks for earlier delistings
WAIT_S_MAX: Final = HISTORY_S
PROOF_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """The rules of a category, for addresses that it lists. Times in s.

    ``proof`` is the level of control over the address that has to be proven, 0
    (any mailbox) to 3; with ``proof_rises`` one more for each delisting of the
    last HISTORY_S, where there is a resolver. ``relapse``: a second removal within
    ``second_within_s`` waits ``second_wait_s`` from the first press of the button
    on, a third within ``third_within_s`` waits ``third_wait_s``, a further one
    meets ``then``.
    ``newer_evidence`` says what becomes of a request whose listing got evidence
    while it waited.
    """

    proof: int = 0
    proof_rises: bool = False
    relapse: bool = True
    second_within_s: int = 30 * DAY_S
    second_wait_s: int = DAY_S
    third_within_s: int = HISTORY_S
    third_wait_s: int = 7 * DAY_S
    then: Then = "review"
    newer_evidence: NewerEvidence = "refuse"


POLICY_DEFAULT: Final = PolicyConfig()
INHERITED_BY_ZONES: Final = PolicyConfig(proof_rises=True)


def read_policy(table: Table, inherited: PolicyConfig, *, provable: bool) -> PolicyConfig:
    """The table [policy] of a zone, or [category.X.policy], which inherits from the zone's.

    ``provable``: there is a resolver. Without one nothing but any mailbox can be
    asked for, and the level rises for nobody. Raises ConfigError.
    """
    policy = PolicyConfig(
        proof=table.whole("proof", inherited.proof, "", 0, PROOF_MAX),
        proof_rises=table.flag("proof_rises", default=inherited.proof_rises) and provable,
        relapse=table.flag("relapse", default=inherited.relapse),
        second_within_s=_seconds(table, "second_within_s", inherited.second_within_s),
        second_wait_s=_seconds(table, "second_wait_s", inherited.second_wait_s),
        third_within_s=_seconds(table, "third_within_s", inherited.third_within_s),
        third_wait_s=_seconds(table, "third_wait_s", inherited.third_wait_s),
        then=cast("Then", table.choice("then", inherited.then, ("review", "refuse"))),
        newer_evidence=cast(
            "NewerEvidence",
            table.choice("newer_evidence", inherited.newer_evidence, ("refuse", "ignore")),
        ),
    )
    if policy.proof > 0 and not provable:
        raise table.refuse(
            "proof", "0 where there is no resolver; give one in dnsbl.toml, [resolver] servers"
        )
    # Whoever relapses more often may never fare better.
    for kind in ("within_s", "wait_s"):
        second, third = (getattr(policy, f"{which}_{kind}") for which in ("second", "third"))
        if third < second:
            raise ConfigError(
                f"{table.file}: {table.key_name(f'third_{kind}')}: expected no less than "
                f"second_{kind}, which is {second}, got {third}"
            )
    table.finish()
    return policy


def _seconds(table: Table, key: str, default: int) -> int:
    return table.whole(key, default, "seconds", 0, WAIT_S_MAX)
