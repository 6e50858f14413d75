"""A blocked sender without a browser: fetches the portal's forms, fills them in, sends them."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit


@dataclass
class Form:
    """A form as it stands on a page: where it goes, its hidden fields, its buttons' texts."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._button: dict[str, str] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", "")))
        elif tag == "input" and self.forms and "name" in values:
            self.forms[-1].fields[values["name"]] = values.get("value", "")
        elif tag == "button":
            self._button = {values["name"]: values.get("value", "")} if "name" in values else {}
            self._text = ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None and self.forms:
            self.forms[-1].buttons[self._text.strip()] = self._button
            self._button = None


@dataclass(frozen=True)
class Answer:
    """What came back: the status, where a redirect leads, the page."""

    status: int
    location: str
    text: str

    @property
    def forms(self) -> list[Form]:
        """The forms on the page."""
        parser = _Forms()
        parser.feed(self.text)
        return parser.forms


def fetch(
    url: str, fields: dict[str, str] | None = None, *, timeout_s: float = 30, method: str = "GET"
) -> Answer:
    """One request on a connection of its own; a POST where there are fields.

    Raises OSError or http.client.HTTPException where the server is away.
    """
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        if fields is None:
            connection.request(method, target)
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", target, urlencode(fields), kind)
        answer = connection.getresponse()
        text = answer.read().decode()
        return Answer(answer.status, answer.getheader("Location", ""), text)
    finally:
        connection.close()


def request(portal_url: str, address: str, mailbox: str) -> Answer:
    """Fills in the form on the start page and presses Submit."""
    page = fetch(f"{portal_url}/?ip={address}")
    form = next(form for form in page.forms if "Submit" in form.buttons)
    fields = form.fields | {"email": mailbox, "ip": address} | form.buttons["Submit"]
    return fetch(f"{portal_url}{form.action or '/'}", fields)


def press(link: str) -> Answer:
    """Follows the link of the mail and presses Delist IP, where there is such a button."""
    page = fetch(link)
    form = next((form for form in page.forms if "Delist IP" in form.buttons), None)
    if form is None:
        return page
    parts = urlsplit(link)
    action = form.action or parts.path
    return fetch(
        f"{parts.scheme}://{parts.netloc}{action}", form.fields | form.buttons["Delist IP"]
    )
