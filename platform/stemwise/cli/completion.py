"""`stemwise completion`: the names of commands, options, models and settings, completed by the shell."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any

from stemwise.core.errors import MissingDependencyError

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_ARGCOMPLETE"  # by which argcomplete's script asks for words
_HOW = """\
add one line to the shell's startup file:
  ~/.bashrc                    eval "$(stemwise completion bash)"
  ~/.zshrc                     eval "$(stemwise completion zsh)"
  ~/.config/fish/config.fish   stemwise completion fish | source
"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "completion",
        help="complete commands, options, models and settings in bash, zsh or fish",
        description="Print what lets the shell complete commands, options, models and settings.",
        epilog=_HOW,
    )
    parser.add_argument("shell", choices=SHELLS, metavar="|".join(SHELLS))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script; return the exit code."""
    print(_argcomplete().shellcode(["stemwise"], shell=options.shell))
    return 0


def answer(parser: argparse.ArgumentParser) -> None:
    """Where a shell asks for words, print them and exit; else do nothing."""
    if _VARIABLE not in os.environ:
        return
    for command in _commands(parser):
        for action in command._actions:
            if action.dest in ("recipe", "recipes", "names", "level2"):
                action.completer = _models  # type: ignore[attr-defined]
            elif action.dest == "overrides":
                action.completer = _settings  # type: ignore[attr-defined]
    _argcomplete().autocomplete(parser, always_complete_options="long")


def _argcomplete() -> Any:
    try:
        import argcomplete
    except ImportError as error:
        raise MissingDependencyError(
            "Completion needs the package argcomplete, which is not installed: run "
            "`pip install argcomplete`."
        ) from error
    return argcomplete


def _commands(parser: argparse.ArgumentParser) -> Iterable[argparse.ArgumentParser]:
    """Yield a parser and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _commands(below)


def _models(**_: Any) -> list[str]:
    from stemwise.core import config_dirs

    return sorted(name for kind in ("model", "named_recipes") for name in config_dirs.names(kind))


def _settings(prefix: str, **_: Any) -> list[str]:
    """Return settings of evaluations: keys, and after `=` the choices of a group."""
    from stemwise.core import config_dirs
    from stemwise.core.config import conf_dir, load_yaml
    from stemwise.models.sets import all_sets

    group, equals, _given = prefix.partition("=")
    if equals:
        names = tuple(all_sets()) if group == "models" else config_dirs.names(group)
        return [f"{group}={name}" for name in names]
    content = load_yaml(conf_dir() / "evaluate.yaml")
    chosen = [entry for entry in content["defaults"] if isinstance(entry, dict)]
    groups = [str(name) for entry in chosen for name in entry]
    own = [str(key) for key in content if key not in ("defaults", "hydra")]
    return [f"{name}=" for name in [*groups, *own] if not name.startswith("override")]
