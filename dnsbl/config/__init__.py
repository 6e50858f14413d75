"""dnsbl.toml and zones/*.toml, read strictly into frozen dataclasses.

``toml`` takes a table key by key and refuses what is unknown or of the wrong
type; ``settings`` reads dnsbl.toml, ``zonefile`` the zones. A path is relative
to the file that names it. ``log`` sets structlog up as the configuration says.
"""

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
from dnsbl.config.zonefile import CategoryConfig, ZoneConfig

__all__ = [
    "CategoryConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "DnsConfig",
    "Endpoint",
    "LimitsConfig",
    "LogConfig",
    "MailConfig",
    "PortalConfig",
    "SmtpConfig",
    "ZoneConfig",
    "default_file",
    "load",
]
