"""`stemwise separate`: songs on this machine, without Ray."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from stemwise.core.errors import AudioError, ModelError, OutputError
from stemwise.core.precision import AUTO, Choice
from stemwise.core.stems import MIXTURE
from stemwise.jobs.separation import plan_of, separated, separator_of, write_stems
from stemwise.jobs.songs import bars, check_output, each_song, tell_gain, tell_made
from stemwise.models.overlap import Overlap
from stemwise.models.registry import resolve
from stemwise.separation.recipe import Recipe
from stemwise.separation.recipe_separator import Progress as Told
from stemwise.separation.recipe_separator import RecipeSeparator


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
    plan = plan_of(recipe, level2, overlap)
    _hint(plan, console)
    separator = separator_of(plan, device, precision, console)

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
    with bars(console) as shown:
        progress = partial(_showing, shown, file.name)
        with separated(file, separator, stems, progress) as made:
            peak = max(spool.peaks[stem] for stem, spool in made.items())
            gain = write_stems(made, folder, file_format)
    tell_gain(gain, peak, console)
    tell_made(file, folder, made, console)


def _showing(shown: Progress, song: str, length: int) -> Told:
    """Return what shows how far each model is with a song of so many samples."""
    tasks: dict[str, TaskID] = {}

    def show(model: str, done: int) -> None:
        if model not in tasks:
            tasks[model] = shown.add_task(f"{song}: {model}", total=length)
        shown.update(tasks[model], completed=done)

    return show
