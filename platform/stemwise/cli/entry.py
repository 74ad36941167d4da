"""The command `stemwise`: from its arguments to a command, from what that raises to an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from stemwise.cli import check, compare, completion, doctor, models, separate, serve
from stemwise.cli.parser import Parser
from stemwise.cli.voice import say_error, say_json
from stemwise.core import config_dirs
from stemwise.core.errors import StemwiseError
from stemwise.core.version import __version__

_HYDRA_JOBS = {
    "evaluate": "separate, measure, score, select and report",
    "run-separate": "only separate: fill the estimate store",
    "measure": "only measure, score, select and report what is in the store",
    "fit": "fit a recipe to a finished run, without audio",
    "report": "score, select and report again from a finished run",
    "import-scores": "compare scores that others published",
}
_EPILOG = """\
examples:
  stemwise evaluate                                   which model is best? the embedded demo
  stemwise evaluate dataset=folder dataset.root=DIR 'models=[htdemucs_6s,spleeter_2stems]'
  stemwise separate song.mp3 -n htdemucs_6s -o stems  use one
  stemwise separate album/ --two-stems vocals --mp3
  stemwise serve --recipe runs/demo/recipes/demo.yaml for everybody
  stemwise COMMAND --help

The commands that evaluate take settings as key=value (Hydra); --help lists them. All commands take
--config-dir DIR, a folder with models, datasets, metrics and rules of your own (CONTRIBUTING.md).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (0 done, 1 error, 2 bad arguments, 3 partly failed).

    `check` adds 4 (failed) and 5 (too few songs to say).
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = False
    try:
        if any(text.startswith("--config-dir") for text in given):
            given = config_dirs.without_option(given)
        if given and given[0] in _HYDRA_JOBS and "--version" not in given:
            return _hydra_job(given[0], given[1:])
        parser = _parser()
        completion.answer(parser)
        options = _parsed(parser, ["--version"] if "--version" in given else given)
        as_json = getattr(options, "json", False)
        return int(options.run(options))
    except StemwiseError as error:
        say_error(str(error))
        if as_json:
            say_json({"error": str(error), "exit_code": error.exit_code})
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        return _interrupted(interrupt)
    except ImportError as error:
        # extensions turn an interrupt of their import into an error of their own
        if isinstance(error.__cause__, KeyboardInterrupt):
            return _interrupted(error.__cause__)
        raise
    except BrokenPipeError:
        # the reader of our output has left (`stemwise models | head`)
        sys.stderr.close()
        return 0


def _interrupted(interrupt: KeyboardInterrupt) -> int:
    print(" ".join(["Interrupted.", *getattr(interrupt, "__notes__", ())]), file=sys.stderr)
    return 130


def _hydra_job(name: str, overrides: list[str]) -> int:
    job = importlib.import_module(f"stemwise.jobs.{name.replace('-', '_')}")
    return int(job.main(overrides))


def _parsed(parser: Parser, given: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; files and settings may stand between options and after them."""
    options, rest = parser.parse_known_args(given)
    if hasattr(options, "files") and isinstance(options.files, list):
        options.files += [Path(text) for text in rest if text != "--"]
    elif hasattr(options, "settings"):
        options.settings += rest
    elif rest:
        parser.error(f"{rest[0]} is not expected here: see `stemwise {options.command} --help`")
    return options


def _parser() -> Parser:
    parser = Parser(
        prog="stemwise",
        description="Benchmark music source separators on every stem, and use the one that wins.",
        epilog=_EPILOG,
        usage="stemwise COMMAND …",
    )
    parser.add_argument("--version", action="version", version=f"stemwise {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands", prog="stemwise"
    )
    for name, text in _HYDRA_JOBS.items():
        job = commands.add_parser(name, help=text, add_help=False)
        job.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    check.add(commands)
    compare.add(commands)
    separate.add(commands)
    models.add(commands)
    serve.add(commands)
    doctor.add(commands)
    completion.add(commands)
    return parser
