"""The command `stemwise`: one file per command. Nothing heavy is imported before a command runs."""

from stemwise.cli.entry import main

__all__ = ["main"]
