"""`stemwise doctor`."""

from __future__ import annotations

import argparse
from typing import Any

from stemwise.cli.voice import add_json, console_of, say_json


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="what works here, and how to mend what does not",
        description="Check device, Ray, codecs, folders, disk, checkpoints and extras of this machine.",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check; return 0 where all is well, else 1."""
    from stemwise.jobs.doctor import doctor

    found = doctor(console_of(options))
    if options.json:
        checks = [{"name": c.name, "ok": c.ok, "text": c.text} for c in found]
        say_json({"ok": all(check.ok for check in found), "checks": checks})
    return 0 if all(check.ok for check in found) else 1
