"""`stemwise separate`: songs on this machine, without Ray."""

from __future__ import annotations

import threading
import time
from functools import partial

import torch
from rich.console import Console

from stemwise.core.config import DEFAULT_RECIPE
from stemwise.core.errors import AudioError, ModelError, OutputError
from stemwise.core.precision import AUTO
from stemwise.core.stems import MIXTURE
from stemwise.core.types import SAMPLE_RATE
from stemwise.jobs.separate_options import Outcome, SeparateOptions, SongResult
from stemwise.jobs.separation import complement, plan_of, separated, separator_of
from stemwise.jobs.song_files import find_songs
from stemwise.jobs.song_places import SongPlace, song_places
from stemwise.jobs.songs import Songs, check_output, tell_gain, tell_made, without_existing
from stemwise.jobs.stem_files import check_bitrate, write_files
from stemwise.models.registry import resolve
from stemwise.report.songs_display import SongsDisplay, SongShown
from stemwise.report.terminal import show_note
from stemwise.separation.quality import Interval
from stemwise.separation.recipe import Recipe
from stemwise.separation.recipe_separator import Progress, RecipeSeparator

_OF_ONE_SONG = (AudioError, ModelError, OutputError)


def separate(options: SeparateOptions, console: Console) -> Outcome:
    """Separate songs into `<output>/<template>` and return what became of each.

    A song that cannot be separated is named and does not stop the others (exit code 3, or its own
    code where it was the only one).

    Raises:
        StemwiseError: what would be true of every song.
    """
    check_output(options.output)
    bitrate = check_bitrate(options.bitrate)
    plan = plan_of(options.recipe or DEFAULT_RECIPE, options.level2, options.overlap)
    _hint(plan, console)
    if options.deadline_s is not None and not plan.tiers:
        show_note(console, f"{plan.name} has no tiers to choose from: --deadline changes nothing.")
    separator = separator_of(plan, options.device or "auto", options.precision or AUTO, console)
    found = find_songs(options.files, options.recursive, options.output)
    if (note := found.note()) is not None:
        show_note(console, note)
    stems = _stems(separator, options) if options.skip_existing else ()
    places = song_places(found.songs, options, plan.name, stems)
    places, there = without_existing(places, stems, console) if stems else (places, [])
    display = SongsDisplay(
        console, len(places), len(plan.only(options.wanted).models()), SAMPLE_RATE
    )
    stop, jobs = threading.Event(), min(options.jobs or 1, max(1, len(places)))
    work = partial(_separate_one, separator, options, bitrate, display, stop, console)
    with display.showing():
        songs = Songs(work, _OF_ONE_SONG, stop, jobs, _thread_setter(jobs))
        return songs.outcome(places, there, found.failures)


def _thread_setter(jobs: int) -> partial[None]:
    """Return what lets each of so many threads use its share of the cores."""
    threads = torch.get_num_threads()
    return partial(torch.set_num_threads, max(1, threads // jobs))


def _stems(separator: RecipeSeparator, options: SeparateOptions) -> tuple[str, ...]:
    """Return which stems of each song will be written."""
    if options.two_stems is not None:
        return options.two_stems, complement(options.two_stems)
    return options.stems or separator.stems()


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
    separator: RecipeSeparator,
    options: SeparateOptions,
    bitrate: int,
    display: SongsDisplay,
    stop: threading.Event,
    console: Console,
    place: SongPlace,
) -> SongResult:
    with display.song(place.file.name) as shown:
        progress = partial(_showing, shown, stop)
        told: dict[str, Interval] = {}
        tiers: list[tuple[str, str]] = []
        until = None if options.deadline_s is None else time.monotonic() + options.deadline_s
        with separated(
            place.file,
            separator,
            options.stems,
            progress,
            options.two_stems,
            told.update,
            until,
            lambda tier, failure: tiers.append((tier, failure)),
        ) as made:
            paths = place.paths(made)
            peak = max(spool.peaks[stem] for stem, spool in made.items())
            length = next(iter(made.values())).samples
            gain = write_files(made, paths, options.format, bitrate=bitrate)
    tell_gain(place.file, gain, peak, console)
    tier, failure = tiers[0] if tiers else (None, "")
    if failure:
        show_note(console, f"{place.file.name}: {failure}")
    tell_made(place.file, place.folder(made), made, console, told, tier)
    seconds = length / SAMPLE_RATE
    return SongResult(place.file, "separated", paths, gain, seconds, quality=told, tier=tier)


def _showing(shown: SongShown, stop: threading.Event, length: int) -> Progress:
    """Return what shows how far each model is with a song of so many samples, and ends where it must."""

    def show(model: str, done: int) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        shown.progress(model, done, length)

    return show
