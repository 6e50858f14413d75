"""All zones of a folder, and what they are to each other: which lies in, which includes which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dnsbl.config.access import AccessConfig, opened
from dnsbl.config.keys import may_be_key
from dnsbl.config.toml import ConfigError
from dnsbl.config.zonefile import CATEGORIES_MAX, ZoneConfig, read_zone

TEST_NAMES = frozenset({"test", "invalid"})  # RFC 5782 §5, of a zone of names


def read_zones(
    folder: Path, public_url: str, access: AccessConfig, *, provable: bool
) -> tuple[ZoneConfig, ...]:
    """All zones of a folder, by origin. Raises ConfigError where there is none, or two clash.

    ``access`` is the server's own list. ``provable``: there is a resolver, by
    which control of an address can be proven.
    """
    try:
        # An editor's own files begin with a dot.
        files = sorted(
            file for file in folder.iterdir() if file.suffix == ".toml" and file.name[0] != "."
        )
    except OSError as error:
        raise ConfigError(
            f"{folder}: the folder of zone files cannot be read: {error.strerror}"
        ) from None
    if not files:
        raise ConfigError(f"{folder}: holds no zone file; one is named like bl.example.toml")
    read = (read_zone(file, public_url, provable=provable) for file in files)
    zones = {zone.origin: zone for zone in read}
    for zone in zones.values():
        _check_test_entries(folder, zone)
        _check_sublist(folder, zone, zones)
        _check_include(folder, zone, zones, access)
    return tuple(zones.values())


def parent(zone: ZoneConfig, zones: Mapping[str, ZoneConfig]) -> ZoneConfig | None:
    """The zone that this one lies in, the innermost; None if it lies in none."""
    labels = zone.origin.split(".")
    origins = (".".join(labels[start:]) for start in range(1, len(labels)))
    return next((zones[origin] for origin in origins if origin in zones), None)


def answering(zone: ZoneConfig, zones: Mapping[str, ZoneConfig]) -> tuple[ZoneConfig, ...]:
    """The zones whose listings answer in this one, each once: itself, then those it includes.

    One without categories of its own has no listings either. Raises ValueError
    where zones include each other in a circle.
    """
    found: dict[str, ZoneConfig] = {}

    def visit(each: ZoneConfig, above: tuple[str, ...]) -> None:
        if each.origin in above:
            raise ValueError(" includes ".join((*above, each.origin)))
        if each.categories:
            found[each.origin] = each
        for origin in each.include:
            visit(zones[origin], (*above, each.origin))

    visit(zone, ())
    return tuple(found.values())


def unaddressed(zones: Iterable[ZoneConfig]) -> Iterator[tuple[ZoneConfig, str]]:
    """Name servers that lie in a zone of these, which knows no address of them; and whose they are.

    Resolvers that heard of them from elsewhere (as glue) lose them when they ask us.
    """
    by_origin = {zone.origin: zone for zone in zones}
    for zone in by_origin.values():
        for name in zone.nameservers:
            labels = name.split(".")
            suffixes = (".".join(labels[start:]) for start in range(len(labels)))
            home = next((by_origin[each] for each in suffixes if each in by_origin), None)
            if home is None:
                continue
            known = {host.name for host in home.hosts}
            if home.apex.addresses:
                known.add(home.origin)
            if name not in known:
                yield zone, name


def _check_sublist(folder: Path, zone: ZoneConfig, zones: Mapping[str, ZoneConfig]) -> None:
    """RFC 5782 §2.3: a sublist's label is none that could stand in what is asked."""
    above = parent(zone, zones)
    if above is None:
        return
    file = folder / f"{zone.origin}.toml"
    label = zone.origin.removesuffix(f".{above.origin}").rpartition(".")[2]
    if len(label) < 2 or label.isdigit():  # noqa: PLR2004
        raise ConfigError(
            f"{file}: origin: {label!r} stands right before {above.origin}, where a sublist has "
            "two or more characters that are not all digits (RFC 5782 §2.3)"
        )
    if above.keys.mode != "off" and may_be_key(label.encode()):
        raise ConfigError(
            f"{file}: origin: {label!r} looks like a key, with which {above.origin} is asked"
        )
    if above.lists == "names" and label in TEST_NAMES:
        raise ConfigError(
            f"{file}: origin: {label}.{above.origin} is a test entry of {above.origin} "
            "(RFC 5782 §5)"
        )
    inside = f".{zone.origin}"
    for host in above.hosts:
        if host.name == zone.origin or host.name.endswith(inside):
            raise ConfigError(
                f"{folder / above.origin}.toml: hosts: {host.name} lies inside {zone.origin}, "
                "which has a zone file of its own"
            )


def _check_test_entries(folder: Path, zone: ZoneConfig) -> None:
    """RFC 5782 §5: no host of a zone of names stands where its test entries do."""
    if zone.lists != "names":
        return
    inside = f".{zone.origin}"
    for key, names in (
        ("nameservers", zone.nameservers),
        ("hosts", tuple(host.name for host in zone.hosts)),
    ):
        for name in names:
            label = name.removesuffix(inside).rpartition(".")[2]
            if name.endswith(inside) and label in TEST_NAMES:
                raise ConfigError(
                    f"{folder / zone.origin}.toml: {key}: {name} lies where {label}.{zone.origin} "
                    "is a test entry (RFC 5782 §5)"
                )


def _check_include(
    folder: Path, zone: ZoneConfig, zones: Mapping[str, ZoneConfig], access: AccessConfig
) -> None:
    file = folder / f"{zone.origin}.toml"
    for origin in zone.include:
        other = zones.get(origin)
        if other is None:
            raise ConfigError(f"{file}: include: there is no zone file {origin}.toml")
        if (other.lists, other.reputation) != (zone.lists, zone.reputation):
            raise ConfigError(
                f"{file}: include: {origin} lists {_kind(other)}, and {zone.origin} {_kind(zone)}"
            )
        _check_protected(file, zone, other, access)
    try:
        parts = answering(zone, zones)
    except ValueError as error:
        raise ConfigError(f"{file}: include: expected no circle, but {error}") from None
    except KeyError:
        return  # told of the file whose include it is
    count = count_categories(parts)
    if count > CATEGORIES_MAX:
        raise ConfigError(
            f"{file}: include: expected at most {CATEGORIES_MAX} categories in all, got {count}"
        )


def _check_protected(file: Path, zone: ZoneConfig, other: ZoneConfig, access: AccessConfig) -> None:
    """What a zone keeps from some who ask, one that includes it does not give to all."""
    if other.keys.mode == "required" and zone.keys.mode != "required":
        raise ConfigError(
            f"{file}: include: {other.origin} wants a key, and {zone.origin} would answer without "
            'one; give it keys.mode = "required" too'
        )
    # Whoever does not pass the server's list sees nothing of any zone.
    network = opened(other.access, access, zone.access)
    if network is not None:
        where = f"{network}" if network.length else f"IPv{network.family} networks it does not name"
        raise ConfigError(
            f"{file}: include: {other.origin} does not answer clients of {where}, and "
            f"{zone.origin} would; give it an [access] that keeps out as many"
        )


def count_categories(parts: Iterable[ZoneConfig]) -> int:
    """How many categories those zones have in all."""
    return sum(len(part.categories) for part in parts)


def _kind(zone: ZoneConfig) -> str:
    return f"{zone.reputation} {zone.lists}"
