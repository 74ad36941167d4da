"""`stemwise serve` and `stemwise keys`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stemwise.cli.voice import add_json, console_of, say_json

_DEMO = "demo"
_EXAMPLES = """\
examples:
  stemwise serve                                           the demo, on http://127.0.0.1:8000
  stemwise serve --recipe htdemucs_6s --recipe mine.yaml   the first is the default
  stemwise keys new studio --file keys.txt && stemwise serve --keys keys.txt --host 0.0.0.0
  stemwise serve --set limits.max_upload_mb=50
"""


def add(commands: Any) -> None:
    """Add both commands."""
    parser = commands.add_parser(
        "serve",
        help="serve recipes over HTTP, with a web page",
        description="Serve recipes over HTTP, with a web page.",
        epilog=_EXAMPLES,
        usage="stemwise serve [OPTIONS]",
    )
    _add_serve(parser)
    parser.set_defaults(run=run)
    keys = commands.add_parser("keys", help="make a key for the service's clients")
    actions = keys.add_subparsers(
        dest="action", required=True, metavar="ACTION", prog="stemwise keys"
    )
    new = actions.add_parser("new", help="make a key; only its digest is kept")
    new.add_argument("name", metavar="NAME", help="whose key it is")
    new.add_argument("--file", type=Path, metavar="FILE", help="add it to this keys file")
    add_json(new)
    keys.set_defaults(run=run_keys)


def run(options: argparse.Namespace) -> int:
    """Serve until it is interrupted; return the exit code."""
    from stemwise.jobs.serve import ServeOptions, serve

    chosen = {key: value for key, value in vars(options).items() if key not in ("command", "run")}
    chosen["recipes"] = options.recipes or [_DEMO]
    return serve(ServeOptions(**chosen), console_of(options))


def run_keys(options: argparse.Namespace) -> int:
    """Make a key; return the exit code."""
    from stemwise.jobs.keys import make_key

    key = make_key(options.name, options.file, console_of(options))
    if options.json:
        say_json({"name": key.name, "key": key.secret, "line": key.line, "file": options.file})
    return 0


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        *("-n", "--recipe", "--model"),
        action="append",
        dest="recipes",
        metavar="NAME|FILE",
        help="recipe, recipe YAML or model; repeatable, the first is the default (default: demo)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="default: %(default)s, this machine only"
    )
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--profile", default="cpu", help="of conf/serve: cpu or gpu (default: cpu)")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where jobs and files are kept")
    parser.add_argument(
        "--database", metavar="URL", help="postgresql+psycopg://… for several nodes"
    )
    parser.add_argument("--files", metavar="URL", help="s3://bucket/prefix for several nodes")
    parser.add_argument(
        "--keys", type=Path, metavar="FILE", help="require keys (`stemwise keys new`)"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        dest="allow_hosts",
        metavar="NAME",
        help="another name under which browsers may call this server",
    )
    parser.add_argument(
        "--metrics-port",
        type=int,
        metavar="PORT",
        help="of Prometheus' metrics; Ray opens it on all addresses of this machine, without a key",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="a change of the profile, for example limits.max_upload_mb=50",
    )
