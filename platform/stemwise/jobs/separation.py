"""Separating one song on this machine: what `stemwise separate` and the Python API have in common."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from stemwise import audio
from stemwise.audio.raw import Signal
from stemwise.core.errors import ConfigError
from stemwise.core.precision import AUTO, Choice
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.jobs.separate_options import checked_format, suffix
from stemwise.jobs.stem_files import write_files
from stemwise.models.overlap import Overlap
from stemwise.models.registry import ReadyModel, needs_references, prepare
from stemwise.report.download import download_display
from stemwise.separation.quality import Interval
from stemwise.separation.recipe import Recipe, load_recipe, refuse_unmade
from stemwise.separation.recipe_separator import Progress, RecipeSeparator
from stemwise.separation.spool import Spool

_BLOCK = 1 << 20


def plan_of(
    recipe: str | Recipe, level2: Sequence[str] = (), overlap: Overlap | None = None
) -> Recipe:
    """Return what is to be run.

    Args:
        recipe: a name, a file, a model, or a recipe that is loaded already.
        level2: models that take its stems apart.
        overlap: None for what the recipe was measured with.

    Raises:
        ConfigError: no such recipe or model, or a stem that cannot be taken apart.
    """
    plan = load_recipe(recipe) if isinstance(recipe, str) else recipe
    plan = plan if overlap is None else replace(plan, overlap=overlap)
    return plan.taking_apart(level2)


def separator_of(
    plan: Recipe, device: str = "auto", precision: Choice = AUTO, console: Console | None = None
) -> RecipeSeparator:
    """Return what separates songs by a plan; models are fetched and loaded when first needed.

    Downloads are shown on the console, if there is one.

    Raises:
        ConfigError: a stem that one of its models does not make.
    """
    if plan.any_stem is None:  # of what models say before they are loaded
        specs = {model: plan.spec(model) for model in plan.models()}
        refuse_unmade(
            plan, {m: spec.with_residual(spec.stems) for m, spec in specs.items() if spec.stems}
        )
    return RecipeSeparator(plan, device, _fetcher(plan, console), precision)


@contextmanager
def separated(
    song: Path | Audio,
    separator: RecipeSeparator,
    stems: tuple[str, ...] = (),
    progress: Callable[[int], Progress] = lambda _: lambda *_: None,
    two_stems: str | None = None,
    predicted: Callable[[dict[str, Interval]], None] = lambda _: None,
    until: float | None = None,
    answered: Callable[[str, str], None] = lambda *_: None,
) -> Iterator[dict[str, Spool]]:
    """Yield the stems of a song, on disk as long as the block runs.

    Args:
        song: an audio file, or `(2, samples)` at 44.1 kHz.
        separator: of a recipe.
        stems: to make; empty makes all.
        progress: given the song's length in samples, returns what is called with (model, samples done).
        predicted: called with the SNR in dB that the recipe predicts of stems (snr, low, high).
        two_stems: in place of `stems`, a stem that is made together with the mixture minus it.
        until, answered: of a recipe with tiers, as `RecipeSeparator` has them.

    Raises:
        AudioError: the file cannot be decoded.
        ModelError: a model's output is not an estimate.
        ConfigError: a wanted stem that no model makes.
    """
    with tempfile.TemporaryDirectory(prefix="stemwise-") as scratch, ExitStack() as open_file:
        mixture = (
            open_file.enter_context(audio.open_on_disk(song)) if isinstance(song, Path) else song
        )
        wanted = stems if two_stems is None else (two_stems,)
        shown = progress(mixture.shape[1])
        made = separator(mixture, Path(scratch), wanted, shown, until, answered, predicted)
        if two_stems is not None:
            rest = _rest(mixture, made[two_stems], two_stems, Path(scratch))
            made |= {complement(two_stems): rest}
        open_file.close()
        yield made


def write_stems(
    made: Mapping[str, Spool], folder: Path, file_format: str, rate: int = SAMPLE_RATE
) -> float:
    """Write `<folder>/<stem>.<format>`; see `write_files` for the gain it returns and its errors."""
    kind = checked_format(file_format)
    places = {stem: folder / f"{stem}.{suffix(kind)}" for stem in made}
    return write_files(made, places, kind, rate)


def complement(stem: str) -> str:
    """Return what demucs calls the mixture minus a stem."""
    return f"no_{stem}"


def _rest(mixture: Signal, spool: Spool, stem: str, folder: Path) -> Spool:
    """Spool the mixture minus a stem."""
    rest, signal = Spool(folder, [complement(stem)]), spool.read(stem)
    for start in range(0, mixture.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        rest.add((mixture[:, part] - signal[:, part])[None])
    return rest


def _fetcher(plan: Recipe, console: Console | None) -> Callable[[str], ReadyModel]:
    """Return a function that makes a model's checkpoints ready and shows their download."""

    def fetch(name: str) -> ReadyModel:
        spec = plan.spec(name)
        if needs_references(spec):
            raise ConfigError(
                f"The model {name!r} needs the true stems: it only works in evaluate."
            )
        if console is None:
            return prepare(spec)
        with download_display(console) as progress:
            return prepare(spec, progress(name))

    return fetch
