"""`stemwise separate`: songs on this machine, without Ray."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import TaskID

from stemwise import audio
from stemwise.audio.raw import Signal
from stemwise.core.errors import AudioError, ConfigError, ModelError, OutputError
from stemwise.core.precision import AUTO, Choice
from stemwise.core.stems import MIXTURE
from stemwise.jobs.songs import bars, check_output, each_song, tell_gain, tell_made
from stemwise.models.overlap import Overlap
from stemwise.models.registry import ReadyModel, needs_references, prepare, resolve
from stemwise.report.download import download_display
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator
from stemwise.separation.spool import SUBTYPES, Spool, common_gain
from stemwise.storage.disk import disk_free


def separate(
    files: Sequence[Path],
    recipe: str,
    output: Path,
    file_format: str = "flac",
    stems: Sequence[str] = (),
    device: str = "auto",
    console: Console | None = None,
    level2: Sequence[str] = (),
    overlap: Overlap | None = None,
    precision: Choice = AUTO,
) -> int:
    """Separate each file into `<output>/<file name>/<stem>.<format>`; return the exit code.

    `overlap` None is what the recipe was measured with.

    A file that cannot be separated is named and does not stop the others (exit code 3, or its own
    code where it was the only one).
    """
    console = console or Console()
    check_output(output)
    plan = load_recipe(recipe)
    plan = plan if overlap is None else replace(plan, overlap=overlap)
    _hint(plan, console)
    plan = plan.taking_apart(level2)
    separator = RecipeSeparator(plan, device, _fetcher(plan, console), precision)

    def work(file: Path, folder: Path) -> None:
        _separate_one(file, folder, separator, file_format, tuple(stems), console)

    return each_song(files, output, work, (AudioError, ModelError, OutputError))


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
    with tempfile.TemporaryDirectory(prefix="stemwise-") as scratch:
        with audio.open_on_disk(file) as mixture:
            made = _with_progress(file, mixture, Path(scratch), separator, stems, console)
        _write(made, folder, file_format, console)
    tell_made(file, folder, made, console)


def _with_progress(
    file: Path,
    mixture: Signal,
    scratch: Path,
    separator: RecipeSeparator,
    stems: tuple[str, ...],
    console: Console,
) -> dict[str, Spool]:
    with bars(console) as shown:
        tasks: dict[str, TaskID] = {}

        def show(model: str, done: int) -> None:
            if model not in tasks:
                tasks[model] = shown.add_task(f"{file.name}: {model}", total=mixture.shape[1])
            shown.update(tasks[model], completed=done)

        return separator(mixture, scratch, stems, show)


def _write(made: dict[str, Spool], folder: Path, file_format: str, console: Console) -> None:
    """Write the stems; where one would clip in FLAC, all are turned down alike and it is said."""
    peak = max(spool.peaks[stem] for stem, spool in made.items())
    gain = common_gain(made, file_format)
    tell_gain(gain, peak, console)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, spool in made.items():
            # half a file must never carry the name of a whole one
            unfinished = folder / f".{stem}.unfinished.{file_format}"
            try:
                spool.encode(stem, unfinished, gain, SUBTYPES[file_format])
                unfinished.replace(folder / f"{stem}.{file_format}")
            finally:
                unfinished.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        # libsndfile does not pass on why the system refused
        room = f"{disk_free(folder) / 1e6:.0f} MB are free there"
        raise OutputError(
            f"{folder} cannot be written ({error}; {room}): choose another --output."
        ) from error


def _fetcher(plan: Recipe, console: Console) -> Callable[[str], ReadyModel]:
    """Return a function that makes a model's checkpoints ready and shows their download."""

    def fetch(name: str) -> ReadyModel:
        spec = plan.spec(name)
        if needs_references(spec):
            raise ConfigError(
                f"The model {name!r} needs the true stems: it only works in evaluate."
            )
        with download_display(console) as progress:
            return prepare(spec, progress(name))

    return fetch
