"""`stemwise keys new`: a key for a client of the service."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from stemwise.core.errors import ConfigError, OutputError


@dataclass(frozen=True)
class NewKey:
    """A key, and the line of a keys file that lets it in."""

    name: str
    secret: str
    line: str


def make_key(name: str, file: Path | None, console: Console) -> NewKey:
    """Print a new key once, and print or store the line that lets it in; return both.

    Raises:
        ConfigError: a name that is not usable, or is in the file already.
        OutputError: the file cannot be written.
    """
    from stemwise.serving.http.keys import Keys, new_key

    secret, line = new_key(name)
    if file is not None:
        known = _read(file)
        entries = [line for line in known.splitlines() if line.partition("#")[0].strip()]
        if entries and name in dict(Keys.load(file, {}).entries):
            raise ConfigError(f"{file} has a key called {name!r}: choose another name.")
        _write(file, known + ("\n" if known and not known.endswith("\n") else "") + line + "\n")
    console.print(f"Key (shown only now): {secret}", highlight=False, markup=False, soft_wrap=True)
    said = f"Added to {file}" if file is not None else "Line for the keys file"
    console.print(f"{said}: {line}", highlight=False, markup=False, soft_wrap=True)
    return NewKey(name, secret, line)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The file of keys {file} cannot be read ({error}): choose another --file."
        ) from error


def _write(file: Path, text: str) -> None:
    """Replace the file whole; others have no business reading who has keys."""
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        part.replace(file)
    except OSError as error:
        raise OutputError(f"{file} cannot be written ({error.strerror}).") from error
