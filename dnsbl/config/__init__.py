"""dnsbl.toml and zones/*.toml, read strictly into frozen dataclasses.

``toml`` takes a table key by key and refuses what is unknown or of the wrong
type; ``settings`` reads dnsbl.toml, with ``dns``, ``portal`` and ``mail`` for
the tables of those names; ``zonefile`` one zone, ``zones`` all of them
together; ``access`` an access list of either; ``logo`` a picture. A path is
relative to the file that names it. ``log`` sets structlog up as the
configuration says.
"""

from dnsbl.config.access import AccessConfig, Action
from dnsbl.config.apex import ApexConfig, HostConfig, MailExchanger
from dnsbl.config.category import CategoryConfig
from dnsbl.config.dns import (
    CookiesConfig,
    DnsConfig,
    Endpoint,
    Priority,
    QueryLogConfig,
    RateLimitConfig,
)
from dnsbl.config.hooks import HookConfig, HttpTarget, PluginTarget, ProgramTarget
from dnsbl.config.keys import KeysConfig
from dnsbl.config.logo import Logo
from dnsbl.config.mail import MailConfig, SmtpConfig
from dnsbl.config.policy import PolicyConfig
from dnsbl.config.portal import LimitsConfig, PortalConfig, TextsConfig
from dnsbl.config.resolver import ResolverConfig
from dnsbl.config.settings import (
    Config,
    DataConfig,
    LogConfig,
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
    "Logo",
    "MailConfig",
    "MailExchanger",
    "PluginTarget",
    "PolicyConfig",
    "PortalConfig",
    "Priority",
    "ProgramTarget",
    "QueryLogConfig",
    "RateLimitConfig",
    "Reputation",
    "ResolverConfig",
    "SmtpConfig",
    "TextsConfig",
    "ZoneConfig",
    "answering",
    "default_file",
    "load",
]
