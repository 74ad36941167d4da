"""`stemwise models` and `stemwise models pull`."""

from __future__ import annotations

import argparse
from typing import Any

from stemwise.cli.voice import console_of

_EXAMPLES = """\
examples:
  stemwise models                          what there is, and which checkpoints are here
  stemwise models --stem drums --licence mit
  stemwise evaluate models=all_drums dataset=musdb18hq dataset.root=PATH
                                           every model that makes drums and needs no file of yours
  stemwise models pull htdemucs_6s         fetch and verify one before it is needed
  stemwise models --json | jq '.[].name'
"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "models",
        help="list the models, or fetch their checkpoints",
        description="List the models: stems, licence, training data, and which can run here.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--json", action="store_true", help="everything that is known, as JSON")
    parser.add_argument("--stem", metavar="STEM", help="only models that make it, such as drums")
    parser.add_argument("--licence", metavar="NAME", help="only models under it, such as mit")
    parser.add_argument(
        "--parent", metavar="STEM", help="only models that separate it: mixture, vocals or drums"
    )
    parser.set_defaults(action="list", run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", prog="stemwise models")
    fetch = actions.add_parser("pull", help="fetch and verify checkpoints; resumes a cut download")
    fetch.add_argument("names", nargs="+", metavar="NAME")


def run(options: argparse.Namespace) -> int:
    """List or fetch; return the exit code."""
    from stemwise.jobs.zoo import list_models, pull
    from stemwise.jobs.zoo_filter import Filter

    if options.action == "pull":
        options.json = False
        return pull(options.names, console_of(options))
    as_json, options.json = options.json, False  # the list itself is what is printed
    wanted = Filter(options.stem, options.licence, options.parent)
    return list_models(as_json, console_of(options), wanted)
