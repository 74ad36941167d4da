"""The console that all commands print to; light, since `stemwise models` uses it."""

from __future__ import annotations

from rich.console import Console


def make_console(stderr: bool = False, quiet: bool = False) -> Console:
    """Return the console of a job: where the output is a file, lines of 120 characters."""
    console = Console(stderr=stderr, quiet=quiet)
    return console if console.is_terminal else Console(width=120, stderr=stderr, quiet=quiet)
