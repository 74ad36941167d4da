"""`stemwise separate`: songs on this machine, without Ray."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from itertools import chain, count
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stemwise import audio
from stemwise.errors import (
    PARTLY_FAILED,
    AudioError,
    ConfigError,
    ModelError,
    OutputError,
    StemwiseError,
)
from stemwise.models.registry import ReadyModel, needs_references, prepare, resolve
from stemwise.raw_audio import Signal
from stemwise.report.download import download_display
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator
from stemwise.separation.spool import Spool
from stemwise.stems import MIXTURE
from stemwise.store import disk_free, writable

_FULL_SCALE = 1 - 2.0**-23
_SUBTYPES = {"flac": "PCM_24", "wav": "FLOAT"}


def separate(
    files: Sequence[Path],
    recipe: str,
    output: Path,
    file_format: str = "flac",
    stems: Sequence[str] = (),
    device: str = "auto",
    console: Console | None = None,
    level2: Sequence[str] = (),
) -> int:
    """Separate each file into `<output>/<file name>/<stem>.<format>`; return the exit code.

    A file that cannot be separated is named and does not stop the others (exit code 3, or its own
    code where it was the only one).
    """
    console = console or Console()
    if not writable(output):
        raise OutputError(f"The output folder {output} cannot be written: choose another --output.")
    plan = load_recipe(recipe)
    _hint(plan, console)
    separator = RecipeSeparator(plan.taking_apart(level2), device, _fetcher(console))
    failures: list[StemwiseError] = []
    for file, folder in zip(files, _folders(files, output), strict=True):
        try:
            _separate_one(file, folder, separator, file_format, tuple(stems), console)
        except (AudioError, ModelError, OutputError) as error:  # others are true of every file
            failures.append(error)
            Console(stderr=True).print(f"Error: {error}", style="red", markup=False, soft_wrap=True)
    if not failures:
        return 0
    return PARTLY_FAILED if len(files) > 1 else failures[0].exit_code


def _hint(plan: Recipe, console: Console) -> None:
    """Say what a level-2 model wants to hear where it is the whole recipe."""
    spec = None if plan.any_stem is None else resolve(plan.any_stem)
    if spec is not None and spec.parent != MIXTURE:
        console.print(
            f"{spec.name} takes {spec.parent} apart and hears the files as such: "
            f"for whole songs use --recipe MODEL --level2 {spec.name}.",
            highlight=False,
            soft_wrap=True,
        )


def _separate_one(
    file: Path,
    folder: Path,
    separator: RecipeSeparator,
    file_format: str,
    stems: tuple[str, ...],
    console: Console,
) -> None:
    if not _is_text(file):
        raise AudioError(f"{os.fsencode(file)!r} is not valid text: give the file another name.")
    with tempfile.TemporaryDirectory(prefix="stemwise-") as scratch:
        with audio.open_on_disk(file) as mixture:
            made = _with_progress(file, mixture, Path(scratch), separator, stems, console)
        _write(made, folder, file_format, console)
    console.print(
        f"{file} → {folder}: {', '.join(made)}", highlight=False, markup=False, soft_wrap=True
    )


def _with_progress(
    file: Path,
    mixture: Signal,
    scratch: Path,
    separator: RecipeSeparator,
    stems: tuple[str, ...],
    console: Console,
) -> dict[str, Spool]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, object] = {}

        def show(model: str, done: int) -> None:
            if model not in tasks:
                tasks[model] = bars.add_task(f"{file.name}: {model}", total=mixture.shape[1])
            bars.update(tasks[model], completed=done)  # type: ignore[arg-type]

        return separator(mixture, scratch, stems, show)


def _write(made: dict[str, Spool], folder: Path, file_format: str, console: Console) -> None:
    """Write the stems; where one would clip in FLAC, all are turned down alike and it is said."""
    peak = max(spool.peaks[stem] for stem, spool in made.items())
    gain = _FULL_SCALE / peak if file_format == "flac" and peak > _FULL_SCALE else 1.0
    if gain < 1:
        console.print(
            f"The stems peak at {peak:.2f}, above what FLAC holds: all are turned down to "
            f"{100 * gain:.0f} % (--format wav keeps them as they are)."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, spool in made.items():
            # half a file must never carry the name of a whole one
            unfinished = folder / f".{stem}.unfinished.{file_format}"
            try:
                spool.encode(stem, unfinished, gain, _SUBTYPES[file_format])
                unfinished.replace(folder / f"{stem}.{file_format}")
            finally:
                unfinished.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        # libsndfile does not pass on why the system refused
        room = f"{disk_free(folder) / 1e6:.0f} MB are free there"
        raise OutputError(
            f"{folder} cannot be written ({error}; {room}): choose another --output."
        ) from error


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


def _is_text(path: Path) -> bool:
    """Tell whether the name can be printed and handed to libsndfile."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fetcher(console: Console) -> Callable[[str], ReadyModel]:
    """Return a function that makes a model's checkpoints ready and shows their download."""

    def fetch(name: str) -> ReadyModel:
        spec = resolve(name)
        if needs_references(spec):
            raise ConfigError(
                f"The model {name!r} needs the true stems: it only works in evaluate."
            )
        with download_display(console) as progress:
            return prepare(spec, progress(name))

    return fetch
