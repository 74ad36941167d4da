"""Where a command's words go: people read stdout, or stderr where a script reads JSON from stdout."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def add_json(parser: Any) -> None:
    """Add `--json` to a command, or to a group of its options."""
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on stdout; messages go to stderr"
    )


def console_of(options: Namespace) -> Console:
    """Return the console for a command's words; with `--quiet` it prints nothing."""
    from stemwise.report.console import make_console

    return make_console(
        stderr=getattr(options, "json", False), quiet=getattr(options, "quiet", False)
    )


def say_json(content: Mapping[str, Any]) -> None:
    """Print the one object that a script reads, on one line."""
    print(json.dumps(content, default=str, ensure_ascii=False))


def say_error(text: str) -> None:
    """Print an error's sentence where errors belong."""
    print(f"Error: {text}", file=sys.stderr)
