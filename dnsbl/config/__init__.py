"""dnsbl.toml and zones/*.toml, read strictly into frozen dataclasses.

``toml`` takes a table key by key and refuses what is unknown or of the wrong
type; ``settings`` reads dnsbl.toml, ``dns`` its part for the DNS server and
``mail`` that for mail; ``zonefile`` one zone, ``zones`` all of them together;
``access`` an access list of either. A path is relative to the file that names
it. ``log`` sets structlog up as the configuration says.
"""

from dnsbl.config.access import AccessConfig, Action
from dnsbl.config.apex import ApexConfig, HostConfig, MailExchanger
from dnsbl.config.category import CategoryConfig
from dnsbl.config.dns import (
    CookiesConfig,
    DnsConfig,
    Endpoint,
    QueryLogConfig,
    RateLimitConfig,
)
from dnsbl.config.hooks import HookConfig, HttpTarget, PluginTarget, ProgramTarget
from dnsbl.config.keys import KeysConfig
from dnsbl.config.mail import MailConfig, SmtpConfig
from dnsbl.config.settings import (
    Config,
    DataConfig,
    LimitsConfig,
    LogConfig,
    PortalConfig,
    default_file,
    load,
)
from dnsbl.config.toml import ConfigError
from dnsbl.config.zonefile import Lists, Reputation, ZoneConfig
from dnsbl.config.zones import answering

__all__ = [
    "AccessConfig",
    "Action",
    "ApexConfig",
    "CategoryConfig",
    "Config",
    "ConfigError",
    "CookiesConfig",
    "DataConfig",
    "DnsConfig",
    "Endpoint",
    "HookConfig",
    "HostConfig",
    "HttpTarget",
    "KeysConfig",
    "LimitsConfig",
    "Lists",
    "LogConfig",
    "MailConfig",
    "MailExchanger",
    "PluginTarget",
    "PortalConfig",
    "ProgramTarget",
    "QueryLogConfig",
    "RateLimitConfig",
    "Reputation",
    "SmtpConfig",
    "ZoneConfig",
    "answering",
    "default_file",
    "load",
]
