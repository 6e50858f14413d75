"""What `check` finds about zones: how their categories answer, and who serves them."""

from __future__ import annotations

import collections
import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from dnsbl.cli.finding import Finding
from dnsbl.config import ZoneConfig
from dnsbl.config.zones import unaddressed

# docs/mail-servers.md: 127.0.0.[2..254]
DOCUMENTED: Final = (ipaddress.IPv4Address("127.0.0.2"), ipaddress.IPv4Address("127.0.0.254"))


def findings(zones: Sequence[ZoneConfig]) -> Iterator[Finding]:
    """Each zone, and what is wrong with its name servers."""
    nameless: dict[str, list[str]] = {}
    for zone, name in unaddressed(zones):
        nameless.setdefault(zone.origin, []).append(name)
    for zone in zones:
        yield zone_finding(zone)
        if zone.origin in nameless:
            names = ", ".join(nameless[zone.origin])
            detail = (
                f"no address of {names} is known here, where resolvers ask for it; [hosts] has it"
            )
            yield Finding(f"zone {zone.origin} name servers", "warning", detail)


def zone_finding(zone: ZoneConfig) -> Finding:
    """A zone's categories; two with one answer cannot be told apart (RFC 5782 §2.3)."""
    subject = f"zone {zone.origin}"
    if not zone.categories:
        return Finding(subject, "ok", f"includes {', '.join(zone.include)}")
    answers = collections.Counter(category.answer for category in zone.categories)
    answer, times = answers.most_common(1)[0]
    if times > 1:
        same = ", ".join(item.name for item in zone.categories if item.answer == answer)
        detail = f"{same} all answer {answer}; mail servers cannot tell them apart"
        return Finding(subject, "warning", detail)
    shown = ", ".join(f"{item.name} {item.answer}" for item in zone.categories)
    least, most = DOCUMENTED
    odd = [str(answer) for answer in answers if not least <= answer <= most]
    if odd:
        are = "is" if len(odd) == 1 else "are"
        shown += (
            f"; {', '.join(odd)} {are} not among 127.0.0.[2..254], "
            "which documented lines of mail servers act upon"
        )
    return Finding(subject, "ok", shown)
