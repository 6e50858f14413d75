"""Real resolvers in a namespace: strict about minimising names, and validating.

Each is started with the root of the small internet as its root, and with the lines of
docs/mail-servers.md where the list is hidden from that root.
"""

from __future__ import annotations

from collections.abc import Callable

from documented import snippet
from internet import RESOLVER, ROOT, Internet

UNBOUND = f"""\
server:
    interface: {RESOLVER}
    root-hints: "/etc/unbound/root.hints"
    trust-anchor-file: "/etc/unbound/root.key"
    qname-minimisation: yes
    qname-minimisation-strict: yes
    private-address: 127.0.0.0/8
    chroot: ""
    use-syslog: no
"""
NAMED = """\
options {{
    directory "/var/cache/bind";
    listen-on {{ {resolver}; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    qname-minimization strict;
    dnssec-validation yes;
    deny-answer-addresses {{ 127.0.0.0/8; }} except-from {{ {origins} }};
    {validate_except}
}};
controls {{ }};
trust-anchors {{ "." static-key {key}; }};
zone "." {{ type hint; file "/etc/bind/root.hints"; }};
"""
KRESD = f"""\
net.listen('{RESOLVER}', 53)
modules = {{ 'hints > iterate' }}
cache.size = 10 * MB
hints.root({{ ['a.root.'] = '{ROOT}' }})
trust_anchors.remove('.')
"""


def unbound(internet: Internet, *, told: bool) -> None:
    """Unbound, with `private-address` set as wary operators have it."""
    at = internet.namespace
    at.clear("/etc/unbound/unbound.conf.d")
    at.write("/etc/unbound/root.hints", f". NS a.root.\na.root. A {ROOT}\n")
    at.write("/etc/unbound/root.key", f"{internet.root_key}\n")
    at.write("/etc/unbound/unbound.conf.d/resolver.conf", UNBOUND)
    documented = snippet("Unbound", "/etc/unbound/unbound.conf.d/dnsbl.conf")
    if not told:  # it finds the list by itself, and needs only be told to believe it
        documented = documented.split("stub-zone:", maxsplit=1)[0]
    for origin in internet.plan.origins:
        lines = documented.replace("bl.example", origin)
        at.write(f"/etc/unbound/unbound.conf.d/{origin}.conf", lines)
    internet.start("unbound", "-d", "-d", "-p")


def named(internet: Internet, *, told: bool) -> None:
    """BIND, with `deny-answer-addresses` set as wary operators have it."""
    at = internet.namespace
    at.write("/etc/bind/root.hints", f". 3600 NS a.root.\na.root. 3600 A {ROOT}\n")
    flags, protocol, algorithm, *key = internet.root_key.split()[-5:]
    config = NAMED.format(
        resolver=RESOLVER,
        origins=" ".join(f'"{origin}";' for origin in internet.plan.origins),
        key=f'{flags} {protocol} {algorithm} "{"".join(key)}"',
        validate_except=snippet("BIND", "/etc/bind/named.conf.options") if told else "",
    )
    zone = snippet("BIND", "/etc/bind/named.conf.local") if told else ""
    at.write("/etc/bind/named.conf", config + zone)
    internet.start("named", "-f", "-u", "bind")


def kresd(internet: Internet, *, told: bool) -> None:
    """Knot Resolver, which minimises unless told otherwise."""
    at = internet.namespace
    path = "/etc/knot-resolver/kresd.conf"
    config = KRESD + f"trust_anchors.add('{internet.root_key}')\n"
    at.write(path, config + (snippet("Knot Resolver", path) if told else ""))
    internet.start("kresd", "-n", "-c", path, "/var/cache/knot-resolver")


RESOLVERS: dict[str, Callable[..., None]] = {
    "unbound": unbound,
    "named": named,
    "kresd": kresd,
}
