"""The portal's forms, described as an API, tried by schemathesis with what fits and what does not.

The description is a test's own: visitors have pages, and the API for programs
has one that is served. Every operation is tried as described and against its
description, with a good form token and a good link among the rest, so that the
tries get beyond the door.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
import visitor
from house import ZONE_TEXT, House, free_port
from hypothesis import HealthCheck, settings
from mailserver import link_in_file
from running import Running, run_dnsbl
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    status_code_conformance,
    unsupported_method,
)

LISTED: Final = tuple(f"203.0.113.{number}" for number in range(1, 21))
MAILBOX: Final = "postmaster@sender.example"
KEY: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}
FORM_TOKEN: Final = {"type": "string", "pattern": r"^[0-9]{10}\.[A-Za-z0-9_-]{43}$"}
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    unsupported_method,
    allow_header_conformance,
]

KEY_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
TOKEN_SHAPE: Final = re.compile(r"[0-9]{10}\.[A-Za-z0-9_-]{43}")

_HEADERS: Final = {
    name: {"required": True, "schema": {"type": "string", "pattern": pattern}}
    for name, pattern in (
        ("Content-Security-Policy", "^default-src 'none'; "),
        ("X-Content-Type-Options", "^nosniff$"),
        ("Referrer-Policy", "^(no-referrer|same-origin)$"),
        ("Cache-Control", "^no-store$"),
        ("Server", "^dnsbl$"),
    )
}


def answers(*statuses: int, place: str = "") -> dict[str, Any]:
    """Pages with the headers that every answer has; of a redirect, the pattern of its place."""
    described: dict[str, Any] = {}
    for status in statuses:
        described[str(status)] = {"description": "a page", "headers": dict(_HEADERS)}
        if status == 303:
            schema = {"type": "string", "pattern": place}
            described["303"]["headers"]["Location"] = {"required": True, "schema": schema}
        else:
            described[str(status)]["content"] = {"text/html": {"schema": {"type": "string"}}}
    return described


def fields(**properties: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON Schema is what it is
    """The body of a form."""
    return {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": properties,
                    "required": list(properties),
                    "additionalProperties": False,
                }
            }
        },
    }


def asked(name: str, place: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter."""
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


_ADDRESS: Final = {"anyOf": [{"enum": [*LISTED, "2001:db8::1", "192.0.2.1"]}, {"type": "string"}]}
_MAILBOX: Final = {"anyOf": [{"enum": [MAILBOX, "me+tag@a.example"]}, {"type": "string"}]}
LOGIN: Final = r"^/operator/login(\?.*)?$"
NUMBER: Final = asked("request_id", "path", {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"})
DESCRIPTION: Final = {
    "openapi": "3.1.0",
    "info": {"title": "The delist portal's forms", "version": "1"},
    "paths": {
        "/": {
            "get": {
                "parameters": [
                    asked("ip", "query", _ADDRESS),
                    asked("address", "query", _ADDRESS),
                    asked("lang", "query", {"type": "string"}),
                ],
                "responses": answers(200, 400),
            },
            "post": {
                "requestBody": fields(form_token=FORM_TOKEN, email=_MAILBOX, ip=_ADDRESS),
                "responses": answers(
                    200,
                    303,
                    400,
                    403,
                    409,
                    413,
                    415,
                    422,
                    429,
                    place="^/status/[A-Za-z0-9_-]{43}$",
                ),
            },
        },
        "/confirm/{token}": {
            "get": {
                "parameters": [asked("token", "path", KEY)],
                "responses": answers(200, 404, 410),
            },
            "post": {
                "parameters": [asked("token", "path", KEY)],
                "requestBody": fields(
                    form_token=FORM_TOKEN, action={"enum": ["delist", "cancel"], "type": "string"}
                ),
                "responses": answers(200, 400, 403, 404, 409, 410, 413, 415),
            },
        },
        "/status/{key}": {
            "get": {"parameters": [asked("key", "path", KEY)], "responses": answers(200, 404)}
        },
        "/operator/login": {
            "get": {
                "parameters": [asked("request", "query", {"type": "string"})],
                "responses": answers(200),
            },
            "post": {
                "requestBody": fields(form_token=FORM_TOKEN, token={"type": "string"}),
                "responses": answers(400, 403, 413, 415, 429),
            },
        },
        "/operator/requests": {
            "get": {
                "parameters": [asked("dnsbl_operator", "cookie", {"type": "string"})],
                "responses": answers(303, place=LOGIN),
            }
        },
        "/operator/requests/{request_id}": {
            "get": {"parameters": [NUMBER], "responses": answers(303, 404, place=LOGIN)}
        },
        "/operator/requests/{request_id}/approve": {
            "post": {
                "parameters": [NUMBER],
                "requestBody": fields(form_token=FORM_TOKEN, reason={"type": "string"}),
                "responses": answers(400, 403, 404, 413, 415),
            }
        },
        "/policy": {"get": {"responses": answers(200)}},
        "/statistics": {"get": {"responses": answers(200)}},
    },
}


@dataclass(frozen=True)
class Door:
    """A portal, and what opens it: a form token, a link of a mail with its own, a status key."""

    url: str
    form_token: str
    link_token: str
    press_token: str
    status_key: str
    running: Running


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A real portal for all operations, with limits that let everybody through."""
    house = House(Path(tmp_path_factory.mktemp("forms")), free_port(), free_port())
    house.write_zone(ZONE_TEXT)
    limits = "client_per_hour client_per_day mailbox_per_hour mailbox_per_day domain_per_hour"
    house.write_config(
        "[portal.limits]\n" + "\n".join(f"{name} = 1000000" for name in limits.split())
    )
    assert run_dnsbl(house.file, "add", *LISTED).returncode == 0
    running = Running(house.file, "portal")
    running.wait_for("ready")
    asked = visitor.request(house.portal_url, LISTED[0], MAILBOX)
    running.wait_for("mail_written")
    link = link_in_file(house.config.data.outbox)
    form = next(form for form in visitor.fetch(link).forms if "Delist IP" in form.buttons)
    yield Door(
        house.portal_url,
        visitor.fetch(house.portal_url).forms[-1].fields["form_token"],
        link.rpartition("/")[2],
        form.fields["form_token"],
        asked.location.rpartition("/")[2],
        running,
    )
    assert running.stop() == 0


schema = schemathesis.openapi.from_dict(DESCRIPTION)


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_the_forms_keep_to_their_description(case: schemathesis.Case, door: Door) -> None:
    """Whatever is sent: no error of ours, a status and headers as described, nothing reflected."""
    path = case.path_parameters
    for name, good in (("token", door.link_token), ("key", door.status_key)):
        if KEY_SHAPE.fullmatch(str(path.get(name, ""))) and path[name] < "m":
            path[name] = good
    if isinstance(case.body, dict) and TOKEN_SHAPE.fullmatch(str(case.body.get("form_token", ""))):
        case.body["form_token"] = door.press_token if "token" in path else door.form_token

    reply = case.call(base_url=door.url, allow_redirects=False)

    case.validate_response(reply, checks=CHECKS)
    assert "<script" not in reply.text
    assert not [event for event in door.running.events if event.get("level") == "error"]
