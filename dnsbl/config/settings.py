"""dnsbl.toml → frozen dataclasses. Every default stands here, with its unit in its name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dnsbl.config.dns import DnsConfig, read_dns
from dnsbl.config.hooks import HookConfig, read_hooks
from dnsbl.config.mail import MailConfig, read_mail
from dnsbl.config.portal import PortalConfig, read_portal
from dnsbl.config.resolver import NO_RESOLVER, ResolverConfig, read_resolver
from dnsbl.config.toml import ConfigError, Table
from dnsbl.config.zonefile import ZoneConfig
from dnsbl.config.zones import read_zones

CONFIG_FILE_DEFAULT = "dnsbl.toml"
CONFIG_FILE_VARIABLE = "DNSBL_CONFIG"

DATABASE_NAME = "listings.sqlite3"
OUTBOX_NAME = "outbox"
DNS_STATUS_NAME = "dns.json"
IMAGE_NAME = "radix.image"
LIVE_VIEW_NAME = "top.sock"


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Where the truth lives, and how much of the journal is kept.

    ``requests_age_s``: for how long after its end it is known who made a request.
    """

    directory: Path
    journal_rows_max: int
    journal_age_s: int
    requests_age_s: int

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.directory / DATABASE_NAME

    @property
    def outbox(self) -> Path:
        """Where the file transport writes its mails."""
        return self.directory / OUTBOX_NAME

    @property
    def image(self) -> Path:
        """What the DNS process holds in memory, so that its next start is quick."""
        return self.directory / IMAGE_NAME

    @property
    def dns_status(self) -> Path:
        """What the DNS process writes about itself, for the sidecar's metrics."""
        return self.directory / DNS_STATUS_NAME

    @property
    def live_view(self) -> Path:
        """Where the DNS process tells `dnsbl top` what goes on."""
        return self.directory / LIVE_VIEW_NAME


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is logged, on standard error; "auto" is for people on a terminal, JSON elsewhere."""

    level: str
    format: str


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, zones included, as one value."""

    file: Path
    data: DataConfig
    dns: DnsConfig
    portal: PortalConfig
    mail: MailConfig
    log: LogConfig
    zones: tuple[ZoneConfig, ...]
    hooks: tuple[HookConfig, ...] = ()
    resolver: ResolverConfig = NO_RESOLVER

    def zone(self, origin: str) -> ZoneConfig | None:
        """The zone of that origin, or None."""
        return next((zone for zone in self.zones if zone.origin == origin), None)


def _read_data(table: Table) -> DataConfig:
    data = DataConfig(
        directory=table.file.parent / table.text("directory", "data", "a folder"),
        journal_rows_max=table.whole("journal_rows_max", 1_000_000, "rows", 1_000, 1_000_000_000),
        journal_age_s=table.whole("journal_age_s", 2_592_000, "seconds", 3_600, 315_360_000),
        # No less than relapse looks back.
        requests_age_s=table.whole("requests_age_s", 15_552_000, "seconds", 7_776_000, 315_360_000),
    )
    table.finish()
    return data


def _read_log(table: Table) -> LogConfig:
    log = LogConfig(
        level=table.choice("level", "info", ("debug", "info", "warning", "error")),
        format=table.choice("format", "auto", ("auto", "json", "console")),
    )
    table.finish()
    return log


def default_file() -> Path:
    """The configuration file where no --config names one."""
    return Path(os.environ.get(CONFIG_FILE_VARIABLE) or CONFIG_FILE_DEFAULT)


def load(file: Path) -> Config:
    """The configuration and its zones. Paths in it are relative to the file. Raises ConfigError."""
    file = file.absolute()
    try:
        table = Table.read(file)
    except ConfigError as error:
        if os.path.exists(file):  # noqa: PTH110  # Path.exists raises where nothing may be seen
            raise
        hint = f"name it with --config FILE or {CONFIG_FILE_VARIABLE}"
        raise ConfigError(f"{error}; {hint}") from None
    folder = file.parent
    data = _read_data(table.table("data"))
    portal = read_portal(table.table("portal"))
    resolver = read_resolver(table.table("resolver"))
    dns = read_dns(table.table("dns"))
    zones = read_zones(
        folder / table.text("zones", "zones", "a folder of zone files"),
        portal.public_url,
        dns.access,
        provable=bool(resolver.servers),
    )
    config = Config(
        file=file,
        data=data,
        dns=dns,
        portal=portal,
        mail=read_mail(table.table("mail"), f"delist@{zones[0].origin}"),
        log=_read_log(table.table("log")),
        zones=zones,
        hooks=read_hooks(table.table("hooks"), zones),
        resolver=resolver,
    )
    table.finish()
    return config
