"""One of the operator's commands, with examples at the end of its help."""

from __future__ import annotations

from typing import Any

import click


class Verb(click.Command):
    """A click command whose help ends with command lines to try, each as it stands."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:  # noqa: ANN401  # click's
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Writes the examples, unwrapped."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
