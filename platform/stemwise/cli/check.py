"""`stemwise check`: a gate for releases."""

from __future__ import annotations

import argparse
from typing import Any

from stemwise.cli.voice import add_json, console_of, say_json

_EXAMPLES = """\
settings (key=value):
  against=BASELINE       a finished run, or imported scores, of the same protocol
  margin=0.1             how much worse a stem may be in dB, or 'margin={vocals: 0.2, default: 0.1}'
  alpha=0.05             how often a run that is worse by the margin may pass
  score=score            the score of both runs' protocol, or another: snr, si_sdr, bss_sdr …
  model=NAME             of RUN, for example recipe:mine; without it what RUN would deploy
  baseline_model=NAME    of BASELINE; without it what BASELINE would deploy
  stems=[vocals,drums]   without it all that BASELINE would deploy
  max_lost=0             songs of a stem that BASELINE separates, and RUN may fail on
  json=FILE junit=FILE   the result for scripts and CI

exit codes: 0 passed, 4 failed, 5 too few songs to say; 1 error, 2 wrong arguments

examples:
  stemwise check runs/new against=runs/released
  stemwise check runs/new against=runs/released margin=0.2 junit=check.xml
  stemwise check runs/new against=runs/released score=snr model=scnet_tta baseline_model=scnet
"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="is a run not worse than its baseline? a gate for CI",
        description=(
            "Test per stem on matched songs that what RUN would deploy is not worse than what "
            "BASELINE would, by more than a margin (docs/releases.md)."
        ),
        epilog=_EXAMPLES,
    )
    parser.add_argument("checked", metavar="RUN", help="folder or URI of a finished run")
    parser.add_argument("settings", nargs="*", default=[], metavar="KEY=VALUE", help="see below")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare both runs; return the exit code."""
    from stemwise.jobs.check import check_run, settings_of
    from stemwise.jobs.key_values import key_values

    settings = settings_of({"run": options.checked, **key_values(options.settings)})
    code, content = check_run(settings, console_of(options))
    if options.json:
        say_json(content)
    return code
