"""A hook behind HTTP: verifies what the portal sends, decides about delistings, prints the rest.

python receiver.py PORT SECRET_FILE
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

MESSAGE_OCTETS_MAX = 1_000_000
DELISTINGS_MAX = 2

webhook = Webhook(Path(sys.argv[2]).read_text().strip())
seen: set[str] = set()  # of webhook-id; one that outlives a restart is better


def decide(case: dict) -> dict:
    """Whoever comes again and again is looked at by a person."""
    if len(case["delistings"]) >= DELISTINGS_MAX:
        return {
            "decision": "review",
            "reason": "This address was delisted before; an operator looks at it.",
            "note": f"{len(case['delistings'])} delistings in 90 days",
        }
    return {"decision": "accept"}


def take_note(event: dict) -> None:
    """What happened; a program of yours would tell somebody."""
    data = event["data"]
    # Written in one piece: several threads are at it.
    sys.stdout.write(f"{event['type']} {data['subject']} {data['reason']}\n")
    sys.stdout.flush()


class Receiver(BaseHTTPRequestHandler):
    """One message a request."""

    def do_POST(self) -> None:
        """Nothing is believed, nor even parsed, before its signature was verified."""
        length = int(self.headers.get("Content-Length", 0))
        if length > MESSAGE_OCTETS_MAX:
            self.answer(413)
            return
        body = self.rfile.read(length)
        try:
            message = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.answer(401)
            return
        if message["type"] == "delist.decide":
            self.answer(200, decide(message["data"]))
            return
        # At least once: a message may come twice, and has the same name then.
        if (name := self.headers["webhook-id"]) not in seen:
            take_note(message)
            seen.add(name)
        self.answer(204)

    def answer(self, status: int, value: dict | None = None) -> None:
        """A status, and JSON where there is any."""
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if value is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
