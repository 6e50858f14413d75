"""Postfix and Exim take the portal's mail, deliver it, and give back what they cannot deliver."""

from __future__ import annotations

import email
import email.policy
import os
import re
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import visitor
from documented import snippet
from house import ZONE_TEXT, House
from internet import EMPTY, until
from mailserver import link
from namespaces import Namespace, namespace
from running import Running

PROJECT = Path(__file__).parents[2]
BOUNCES_PAGE = PROJECT / "docs" / "bounces.md"

LISTED = "203.0.113.7"
PORTAL = "http://127.0.0.1:8053"
FOLDER = "/run/dnsbl"  # as the programs in there see it
PROGRAM = "/usr/local/bin/dnsbl"  # as docs/bounces.md has it
USER = 4242

MAIN = f"""\
compatibility_level = 3.6
myhostname = mx.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
smtpd_peername_lookup = no
smtpd_reject_unlisted_recipient = no
virtual_mailbox_domains = sender.example
virtual_mailbox_base = {FOLDER}/mail
virtual_mailbox_maps = inline:{{ postmaster@sender.example=postmaster/ }}
virtual_uid_maps = static:{USER}
virtual_gid_maps = static:{USER}
maillog_file = /var/log/postfix.log
"""
EXIM = f"""\
primary_hostname = mx.example
local_interfaces = 127.0.0.1
exim_path = {{program}}
spool_directory = /run/exim4
log_file_path = /run/exim4/log_%slog
log_selector = +pid
acl_smtp_rcpt = accept
host_lookup =
disable_ipv6
keep_environment =
bounce_return_body = false

begin routers
{{router}}
mailbox:
  driver = accept
  domains = sender.example
  local_parts = postmaster
  transport = mailbox

begin transports
{{transport}}
mailbox:
  driver = appendfile
  directory = {FOLDER}/mail/postmaster
  maildir_format
  delivery_date_add
  return_path_add
  user = dnsbl
"""
EXIM_USER = "Debian-exim"  # compiled in
CONFIG = """\
[data]
directory = "data"
[dns]
listen = ["127.0.0.1:5300"]
[portal]
listen = "127.0.0.1:8053"
public_url = "http://127.0.0.1:8053"
[mail]
transport = "smtp"
bounces = "bounces@bl.example"
"""
# What the user of the command may not reach where it stands is shown elsewhere, in there alone.
COMMAND = """\
#!/bin/sh
export PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=/run/python/lib
exec {python} -m dnsbl "$@"
"""


class Site:
    """A portal, run by a user of its own, beside a mail server that takes its mail."""

    def __init__(self, at: Namespace) -> None:
        self.at = at
        self.log_file = ""
        self._make_program()
        self._make_house()

    def start(self) -> None:
        """Starts the portal, and lists an address."""
        self.portal = Running(
            Path(FOLDER, "dnsbl.toml"),
            program=self.at.within(
                "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", PROGRAM
            ),
        )
        self.portal.wait_for("ready")
        self.dnsbl("add", LISTED)

    def _make_program(self) -> None:
        """The command, and a user that may run it: neither root nor the mail server's."""
        at = self.at
        at.write("/etc/passwd", self._line("/etc/passwd", f"dnsbl:x:{USER}:{USER}::/:/bin/false"))
        at.write("/etc/group", self._line("/etc/group", f"dnsbl:x:{USER}:"))
        at.run("mkdir", "-p", "/run/python", "/run/bin", FOLDER, f"{FOLDER}/mail")
        at.run("mount", "--bind", sys.base_prefix, "/run/python")
        python = Path(
            "/run/python", Path(os.path.realpath(sys.executable)).relative_to(sys.base_prefix)
        )
        path = os.pathsep.join(
            [str(PROJECT), *(p for p in sys.path if p.endswith("site-packages"))]
        )
        at.run("mount", "--bind", "/run/bin", str(Path(PROGRAM).parent))
        (at.root / "run/bin/dnsbl").write_text(COMMAND.format(path=path, python=python))
        (at.root / "run/bin/dnsbl").chmod(0o755)

    def _line(self, file: str, line: str) -> str:
        return f"{(self.at.root / file[1:]).read_text().rstrip()}\n{line}\n"

    def _make_house(self) -> None:
        house = House(self.at.root / FOLDER[1:], 5300, 8053)
        house.write_zone(ZONE_TEXT)
        house.file.write_text(CONFIG)
        self.at.write("/etc/dnsbl/dnsbl.toml", CONFIG.replace('"data"', f'"{FOLDER}/data"'))
        self.at.run("cp", "-r", f"{FOLDER}/zones", "/etc/dnsbl/zones")
        self.at.run("chown", "-R", f"{USER}:{USER}", FOLDER)

    def start_postfix(self) -> None:
        """A Postfix with the lines of docs/bounces.md."""
        at = self.at
        self.log_file = "var/log/postfix.log"
        at.write(
            "/etc/postfix/main.cf",
            MAIN + snippet("Postfix", "/etc/postfix/main.cf", BOUNCES_PAGE),
        )
        services = (at.root / "usr/share/postfix/master.cf.dist").read_text()
        piped = snippet("Postfix", "/etc/postfix/master.cf", BOUNCES_PAGE)
        at.write("/etc/postfix/master.cf", services + piped)
        at.run("postconf", "-F", "*/*/chroot = n")
        at.run("postfix", "start")

    def start_exim(self, program: str) -> None:
        """An Exim with the lines of docs/bounces.md."""
        at = self.at
        self.log_file = "run/exim4/log_mainlog"
        at.run("sh", "-c", f"id {EXIM_USER} || useradd --system --home-dir /run/exim4 {EXIM_USER}")
        at.run("install", "-d", "-o", EXIM_USER, "/run/exim4")
        config = EXIM.format(
            program=program,
            router=snippet("Exim", "/etc/exim4/conf.d/router/150_dnsbl", BOUNCES_PAGE),
            transport=snippet("Exim", "/etc/exim4/conf.d/transport/30_dnsbl", BOUNCES_PAGE),
        )
        at.write("/etc/exim4/exim4.conf", config)
        at.run(program, "-bd")

    def dnsbl(self, *words: str) -> str:
        """A command of the operator's."""
        return self.at.run(
            "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
            PROGRAM, *words, "--config", f"{FOLDER}/dnsbl.toml",
        )  # fmt: skip

    def ask(self, mailbox: str) -> str:
        """Asks for the removal of the listed address; where its status page is."""
        with self.at.inside():
            answer = visitor.request(PORTAL, LISTED, mailbox)
        assert answer.status == 303, answer.text
        return f"{PORTAL}{answer.location.removeprefix(PORTAL)}"

    def page(self, url: str) -> str:
        """A page's text."""
        with self.at.inside():
            return visitor.fetch(url).text

    def mail(self) -> EmailMessage:
        """The first mail in the mailbox, once it is there."""
        folder = self.at.root / FOLDER[1:] / "mail/postmaster/new"
        until(lambda: folder.is_dir() and any(folder.iterdir()), f"no mail came: {self.log()}")
        [file] = folder.iterdir()
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def has_piped(self) -> bool:
        """Whether the mail server thinks that the command has taken the second mail's bounce."""
        done = r"delivered via dnsbl service \(mail 2: failed|=> .* T=dnsbl_bounce"
        return re.search(done, self.log()) is not None

    def log(self) -> str:
        """What the mail server wrote last."""
        file = self.at.root / self.log_file
        return file.read_text()[-3000:] if file.exists() else ""


@pytest.fixture(scope="module", params=["postfix", "exim4"])
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tool: Callable[[str], str],
) -> Iterator[Site]:
    """Portal and mail server, in a network of their own."""
    for program in ("setpriv", "unshare", "nsenter", "ip"):
        tool(program)
    server = tool(request.param)
    folder = tmp_path_factory.mktemp("site")
    with namespace(folder / "mounts", EMPTY) as at:
        site = Site(at)
        if request.param == "postfix":
            site.start_postfix()
        else:
            site.start_exim(server)
        try:
            site.start()
            yield site
        finally:
            at.close()  # nsenter hands no signal on
            site.portal.stop()


def test_the_mail_is_delivered_and_its_link_delists(site: Site) -> None:
    """From the form to the mailbox, under a bounce address of its own, and to the removal."""
    status = site.ask("postmaster@sender.example")

    message = site.mail()

    assert re.fullmatch(r"<bounces\+1-[a-z2-7]{16}@bl\.example>", message["Return-Path"])
    assert message["From"].addresses[0].addr_spec == "delist@bl.example"
    until(lambda: "accepted it" in site.page(status), "the page knows of no acceptance")
    with site.at.inside():
        assert "no longer listed" in visitor.press(link(message)).text
    assert "Delisted" in site.page(status)


def test_a_mailbox_that_is_not_found_is_told_on_the_status_page(site: Site) -> None:
    """Taken at first, then sent back: the bounce is piped in, and the page shows what it says."""
    site.dnsbl("add", LISTED)
    status = site.ask("nobody@sender.example")

    until(
        lambda: "Mail not delivered" in site.page(status),
        f"the page knows of no bounce: {site.log()}",
    )

    page = site.page(status)
    assert "It answered: <q>5." in page
    assert "nobody@sender.example" not in page
    until(site.has_piped, f"the command has failed: {site.log()}")
