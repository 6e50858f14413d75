"""An operator at the portal: logs in with a token, keeps the cookie, presses buttons."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import Morsel, SimpleCookie

from portal import Page, Portal

from dnsbl.store import api_tokens
from dnsbl.store.api_tokens import ApiToken

LOGIN = "/operator/login"
QUEUE = "/operator/requests"


async def make_token(
    portal: Portal, name: str = "anna", *scopes: str, expires_at: int | None = None
) -> tuple[ApiToken, str]:
    """A token, for reviews unless told; its row and its text."""
    text = api_tokens.new_token()
    made = await portal.sidecar.truth.write(
        api_tokens.add, name, api_tokens.token_hash(text), frozenset(scopes or ("review",)),
        now=portal.clock.at, expires_at=expires_at,
    )  # fmt: skip
    return made, text


def cookie_of(page: Page) -> Morsel[str] | None:
    """The cookie that an answer sets, with its attributes."""
    if "Set-Cookie" not in page.headers:
        return None
    [morsel] = SimpleCookie(page.headers["Set-Cookie"]).values()
    return morsel


class Operator:
    """Someone with a token, in a browser of their own."""

    def __init__(self, portal: Portal, text: str = "", name: str = "anna") -> None:
        self.portal = portal
        self.text = text
        self.name = name
        self.cookie = ""

    async def fetch(
        self,
        path: str,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """One request with the session's cookie."""
        sent = dict(headers or {})
        if self.cookie:
            sent["Cookie"] = self.cookie
        page = await self.portal.fetch(path, fields, headers=sent)
        if (morsel := cookie_of(page)) is not None:
            self.cookie = f"{morsel.key}={morsel.value}" if morsel.value else ""
        return page

    async def log_in(self, text: str = "", path: str = LOGIN) -> Page:
        """Fills the token in, and presses the button."""
        form = (await self.fetch(path)).form("Log in")
        return await self.fetch(form.action, form.fields | {"token": text or self.text})

    async def press(self, path: str, button: str, **fields: str) -> Page:
        """Opens a page, fills in fields of the button's form, and presses it."""
        form = (await self.fetch(path)).form(button)
        return await self.fetch(form.action, form.fields | fields)


async def operator(portal: Portal, name: str = "anna") -> Operator:
    """An operator who is logged in."""
    _, text = await make_token(portal, name)
    someone = Operator(portal, text, name)
    page = await someone.log_in()
    assert (page.status, page.location) == (303, QUEUE), page.text
    return someone
