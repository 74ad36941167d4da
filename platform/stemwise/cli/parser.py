"""argparse, with sentences that name the nearest command, option or choice."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from stemwise.cli.foreign import explanation
from stemwise.core.nearest import did_you_mean


class _Help(argparse.RawDescriptionHelpFormatter):
    """Lines of up to 100 characters, and an option's value once behind its names."""

    def __init__(self, prog: str) -> None:
        width = min(100, shutil.get_terminal_size().columns - 2)
        super().__init__(prog, max_help_position=34, width=width)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Parser(argparse.ArgumentParser):
    """A parser of one command; options are written out, and what is unknown has a neighbour."""

    def __init__(self, *given: Any, **named: Any) -> None:
        named.setdefault("formatter_class", _Help)
        named["allow_abbrev"] = False
        super().__init__(*given, **named)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Say what is wrong with the first unknown option before what else is missing."""
        given = list(sys.argv[1:] if args is None else args)
        for option in self._options_in(given):
            if not self._knows(option):
                self.error(self._no_option(option.partition("=")[0]))
        found, rest = super().parse_known_args(given, namespace)
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Print how the command is used and one sentence; exit with code 2."""
        self.print_usage(sys.stderr)
        text = message.removeprefix("argument ")
        text = text.replace("the following arguments are required:", "Still needed:", 1)
        self.exit(2, f"Error: {text.rstrip('.')}.\n")

    def _options_in(self, given: Sequence[str]) -> Iterable[str]:
        """Yield what looks like an option; of the outer parser, those before the command."""
        for text in given:
            if text == "--" or (self._subparsers is not None and not text.startswith("-")):
                return
            if len(text) > 1 and text[0] == "-" and not text[1].isdigit():
                yield text

    def _knows(self, option: str) -> bool:
        known = self._option_string_actions
        short = not option.startswith("--") and option[:2] in known
        return short or option.partition("=")[0] in known

    def _no_option(self, option: str) -> str:
        told = explanation(option)
        if told is not None:
            return told
        visible = [
            name
            for name, action in self._option_string_actions.items()
            if action.help != argparse.SUPPRESS and name.startswith("--")
        ]
        near = did_you_mean(option, visible)
        return f"There is no option {option}: {near}`{self.prog} --help` lists them"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        near = did_you_mean(value, choices)
        if isinstance(action, argparse._SubParsersAction):
            hint = near or f"it has {', '.join(choices)}; "
            self.error(f"{self.prog} has no command {value!r}: {hint}see `{self.prog} --help`")
        name = "/".join(action.option_strings) or action.dest
        self.error(f"{name} {value} is not usable: {near}use {', '.join(choices)}")
