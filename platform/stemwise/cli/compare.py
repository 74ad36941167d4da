"""`stemwise compare`: finished runs on one page."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from stemwise.cli.voice import console_of

_SETTING = re.compile(r"[a-z_.]+=")
_EXAMPLES = """\
settings (key=value):
  output=DIR   for tables and page; a folder or URI

examples:
  stemwise compare runs/reference runs/fast output=runs/overlap
  stemwise compare runs/sweep output=runs/best       the finished jobs of a sweep
"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare",
        help="finished runs on one page: score, cost and paired differences",
        description=(
            "Compare finished runs on the songs that all of them have: what each would deploy, and "
            "the models that several ran (docs/sweeps.md)."
        ),
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "given", nargs="+", metavar="RUN|KEY=VALUE", help="folders or URIs of finished runs"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare the runs; return the exit code."""
    from stemwise.jobs.compare import compare, settings_of
    from stemwise.jobs.key_values import key_values

    settings = [text for text in options.given if _is_setting(text)]
    runs = [text for text in options.given if text not in settings]
    return compare(settings_of(runs, key_values(settings)), console_of(options))


def _is_setting(text: str) -> bool:
    return bool(_SETTING.match(text)) and not Path(text).exists()
