"""dnsbl.toml and zones/*.toml, read strictly into frozen dataclasses.

``toml`` takes a table key by key and refuses what is unknown or of the wrong
type; ``settings`` reads dnsbl.toml, ``zonefile`` one zone, ``zones``
all of them together. A path is relative
to the file that names it. ``log`` sets structlog up as the configuration says.
"""

from dnsbl.config.apex import ApexConfig, HostConfig, MailExchanger
from dnsbl.config.category import CategoryConfig
from dnsbl.config.settings import (
    Config,
    DataConfig,
    DnsConfig,
    Endpoint,
    LimitsConfig,
    LogConfig,
    MailConfig,
    PortalConfig,
    SmtpConfig,
    default_file,
    load,
)
from dnsbl.config.toml import ConfigError
from dnsbl.config.zonefile import Lists, Reputation, ZoneConfig
from dnsbl.config.zones import answering

__all__ = [
    "ApexConfig",
    "CategoryConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "DnsConfig",
    "Endpoint",
    "HostConfig",
    "LimitsConfig",
    "Lists",
    "LogConfig",
    "MailConfig",
    "MailExchanger",
    "PortalConfig",
    "Reputation",
    "SmtpConfig",
    "ZoneConfig",
    "answering",
    "default_file",
    "load",
]
