"""What `check` found about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing that was looked at, how it is, and a sentence; an error is worth an exit code."""

    subject: str
    state: State
    detail: str
