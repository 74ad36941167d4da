"""The command `stemwise`. Nothing heavy is imported before it is known what is asked for."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stemwise.core.config import DEFAULT_RECIPE
from stemwise.core.errors import ConfigError, StemwiseError
from stemwise.core.precision import AUTO, CHOICES
from stemwise.core.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

_HYDRA_JOBS = {
    "evaluate": "separate, measure, score, select and report (Hydra overrides: key=value, -m)",
    "run-separate": "only separate: fill the estimate store (overrides of evaluate)",
    "measure": "only measure, score, select and report what is in the store (overrides of evaluate)",
    "fit": "fit a recipe to a finished run, without audio (Hydra overrides)",
    "report": "score, select and report again from a finished run (Hydra overrides)",
    "import-scores": "compare scores that others published (Hydra overrides)",
}
DEMO_RECIPE = "demo"
_EPILOG = """\
examples:
  stemwise evaluate                                   the embedded demo
  stemwise evaluate dataset=musdb18hq dataset.root=DIR 'models=[htdemucs_6s,spleeter_2stems]'
  stemwise evaluate dataset=folder dataset.root=DIR models=files
  stemwise separate song.mp3 --output stems
  stemwise separate song.mp3 --recipe htdemucs_6s --level2 drumsep,melband_roformer_karaoke
  stemwise separate song.mp3 --server http://127.0.0.1:8000
  stemwise models pull htdemucs_6s
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (0 done, 1 error, 2 bad arguments, 3 partly failed)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0] in _HYDRA_JOBS and "--version" not in given:
            return _hydra_job(given[0], given[1:])
        return _command(_parser().parse_args(["--version"] if "--version" in given else given))
    except StemwiseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        print(" ".join(["Interrupted.", *getattr(interrupt, "__notes__", ())]), file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output has left (`stemwise models | head`)
        sys.stderr.close()
        return 0


def _hydra_job(name: str, overrides: list[str]) -> int:
    job = importlib.import_module(f"stemwise.jobs.{name.replace('-', '_')}")
    return int(job.main(overrides))


def _command(options: argparse.Namespace) -> int:
    from stemwise.report.console import make_console

    console = make_console()
    if options.command == "models":
        from stemwise.jobs.zoo import list_models, pull

        if options.action == "pull":
            return pull(options.names, console)
        return list_models(options.json, console)
    if options.command == "doctor":
        from stemwise.jobs.doctor import doctor

        return doctor(console)
    if options.command == "serve":
        return _serve(options, console)
    if options.command == "keys":
        from stemwise.jobs.keys import make_key

        return make_key(options.name, options.file, console)
    return _separate(options, console)


def _serve(options: argparse.Namespace, console: Console) -> int:
    from stemwise.jobs.serve import ServeOptions, serve

    chosen = {key: value for key, value in vars(options).items() if key != "command"}
    chosen["recipes"] = options.recipes or [DEMO_RECIPE]
    return serve(ServeOptions(**chosen), console)


def _separate(options: argparse.Namespace, console: Console) -> int:
    stems = _names(options.stems)
    if options.server is not None:
        for name in ("device", "level2", "overlap", "precision"):
            if getattr(options, name) is not None:
                raise ConfigError(
                    f"--{name} is for this machine, but --server separates on another: "
                    "leave one of them out (a server's recipe says what is taken apart, and where)."
                )
        from stemwise.jobs.remote import separate_remotely

        return separate_remotely(
            options.server,
            options.files,
            options.recipe,
            options.output,
            options.format,
            stems,
            console,
        )
    from stemwise.jobs.separate import separate

    return separate(
        options.files,
        DEFAULT_RECIPE if options.recipe is None else options.recipe,
        options.output,
        options.format,
        stems,
        options.device or "auto",
        console,
        _names(options.level2 or ""),
        options.overlap,
        options.precision or AUTO,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stemwise",
        description="Benchmark music source separators on every stem, and use the one that wins.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stemwise {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _HYDRA_JOBS.items():
        commands.add_parser(name, help=text, add_help=False)
    _add_separate(commands.add_parser("separate", help="separate songs here or on a server"))
    models = commands.add_parser("models", help="list the zoo, or fetch checkpoints")
    models.add_argument("--json", action="store_true", help="everything that is known, as JSON")
    models.set_defaults(action="list")
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    fetch = actions.add_parser("pull", help="fetch and verify checkpoints; resumes a cut download")
    fetch.add_argument("names", nargs="+", metavar="NAME")
    _add_serve(commands.add_parser("serve", help="serve recipes over HTTP, with a web page"))
    _add_keys(commands.add_parser("keys", help="make a key for the service's clients"))
    commands.add_parser("doctor", help="what works here, and how to mend what does not")
    return parser


def _add_separate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--recipe",
        metavar="NAME|FILE|MODEL",
        help="a model of the zoo, a checkpoint (.th), or a recipe YAML "
        f"(default: {DEFAULT_RECIPE}); with --server one of the server's recipes",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="separate on a stemwise service (its key, if it wants one, is read from STEMWISE_KEY)",
    )
    parser.add_argument("--output", type=Path, default=Path("stems"), metavar="DIR")
    parser.add_argument("--format", choices=("flac", "wav"), default="flac")
    parser.add_argument("--stems", default="", metavar="a,b", help="only these stems")
    parser.add_argument(
        "--level2", metavar="MODEL,…", help="take stems apart: drumsep and the like"
    )
    parser.add_argument("--device", help="auto, cpu, cuda, mps (default: auto)")
    parser.add_argument(
        "--overlap",
        choices=("reference", "fast"),
        help="how chunks overlap: as the models' authors let them, or by a quarter and no more "
        "(default: what the recipe was measured with)",
    )
    parser.add_argument(
        "--precision",
        choices=CHOICES,
        help="of a GPU's arithmetic (default: auto, the fastest that agrees with float32)",
    )


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe",
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
        "--keys", type=Path, metavar="FILE", help="ask for keys (`stemwise keys new`)"
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


def _add_keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="make a key; only its digest is kept")
    new.add_argument("name", metavar="NAME", help="whose key it is")
    new.add_argument("--file", type=Path, metavar="FILE", help="add it to this keys file")


if __name__ == "__main__":
    sys.exit(main())
