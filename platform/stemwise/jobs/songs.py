"""What separating songs here and on a server has in common: folders, failures, what is printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stemwise.core.errors import PARTLY_FAILED, AudioError, OutputError, StemwiseError
from stemwise.storage.disk import writable


def each_song(
    files: Sequence[Path],
    output: Path,
    work: Callable[[Path, Path], None],
    of_one_song: tuple[type[StemwiseError], ...],
) -> int:
    """Call `work(file, folder)` for each file, one after another, and return the exit code.

    An error in `of_one_song` is named and does not stop the others (exit code 3, or its own code
    where there was only one file); any other would be true of every file, and is raised.
    """
    failures: list[StemwiseError] = []
    for file, folder in zip(files, _folders(files, output), strict=True):
        try:
            _check_name(file)
            work(file, folder)
        except of_one_song as error:
            failures.append(error)
            Console(stderr=True).print(f"Error: {error}", style="red", markup=False, soft_wrap=True)
    if not failures:
        return 0
    return PARTLY_FAILED if len(files) > 1 else failures[0].exit_code


def check_output(folder: Path) -> None:
    """Raise an OutputError where no files can be made in `folder`."""
    if not writable(folder):
        raise OutputError(f"The output folder {folder} cannot be written: choose another --output.")


def bars(console: Console) -> Progress:
    """Return a display of progress; it is silent where nobody watches."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def tell_made(file: Path, folder: Path, stems: Iterable[str], console: Console) -> None:
    """Print where a song's stems are."""
    made = ", ".join(stems)
    console.print(f"{file} → {folder}: {made}", highlight=False, markup=False, soft_wrap=True)


def tell_gain(gain: float, peak: float, console: Console) -> None:
    """Print that all stems of a song were turned down, where FLAC could not hold their peak."""
    if gain < 1:
        console.print(
            f"The stems peak at {peak:.2f}, above what FLAC holds: all are turned down to "
            f"{100 * gain:.0f} % (--format wav keeps them as they are)."
        )


def _folders(files: Sequence[Path], output: Path) -> list[Path]:
    """Return one folder per file, named after it; equal names are numbered."""
    taken: set[str] = set()
    folders = []
    for file in files:
        base = file.stem.removesuffix(".stem") or "track"
        numbered = (f"{base}-{number}" for number in count(2))
        name = next(name for name in chain([base], numbered) if name.casefold() not in taken)
        taken.add(name.casefold())
        folders.append(output / name)
    return folders


def _check_name(file: Path) -> None:
    """Refuse a name that cannot be printed, sent, or handed to libsndfile."""
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise AudioError(
            f"{os.fsencode(file)!r} is not valid text: give the file another name."
        ) from error
