"""`stemwise separate --server`: songs on a stemwise service; imports neither torch nor numpy.

Songs go one after another: the service splits each over its models and replicas already, a key may
have few jobs at a time, and lines and failures come in the order of the files, as they do locally.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stemwise.client import (
    Client,
    JobFailedError,
    RecipeInfo,
    Separation,
    ServerConflictError,
    ServerError,
    ServerNotFoundError,
    ServerTooLargeError,
    ServerUnprocessableError,
    ServerUnsupportedAudioError,
    TransferError,
)
from stemwise.client.client import DOWNLOADS
from stemwise.core.errors import AudioError, ConfigError, OutputError
from stemwise.core.nearest import did_you_mean
from stemwise.jobs.separate_options import DEFAULT_TEMPLATE, Outcome, SeparateOptions, SongResult
from stemwise.jobs.song_files import find_songs
from stemwise.jobs.song_places import SongPlace, song_places
from stemwise.jobs.songs import Songs, check_output, tell_gain, tell_made, without_existing

_FILE_SUFFIXES = {".yaml", ".yml", ".th", ".ckpt", ".pt", ".pth", ".safetensors"}
_SERVERS_BITRATE = 320
_OF_ONE_SONG = (
    AudioError,
    OutputError,
    JobFailedError,
    ServerConflictError,
    ServerNotFoundError,
    ServerTooLargeError,
    ServerUnprocessableError,
    ServerUnsupportedAudioError,
    TransferError,
)


def separate_remotely(server: str, options: SeparateOptions, console: Console) -> Outcome:
    """Separate each file on `server` into `<output>/<template>`, as `separate` does here.

    Without a recipe the server's default is used.
    """
    _check(options)
    with Client(server) as client:
        check_output(options.output)
        chosen = _choose(client.recipes(), options.recipe, client.server)
        known = _stems_of(chosen)
        _check_stems(options.stems, chosen, known)
        found = find_songs(options.files, options.recursive, options.output)
        if (note := found.note()) is not None:
            console.print(note, style="yellow", soft_wrap=True, highlight=False, markup=False)
        stems = options.stems or known if options.skip_existing else ()
        places = song_places(found.songs, options, chosen.name, stems)
        places, there = without_existing(places, stems, console) if stems else (places, [])
        work = partial(_separate_one, client, chosen.name, options, console)
        return Songs(work, _OF_ONE_SONG).outcome(places, there, found.failures)


def _check(options: SeparateOptions) -> None:
    """Refuse what a server does not do (ConfigError)."""
    here = {"device", "level2", "overlap", "precision", "two_stems", "jobs"}
    for name in sorted(here):
        if getattr(options, name):
            raise ConfigError(
                f"--{name.replace('_', '-')} is for this machine, but --server separates on another: "
                "leave one of them out (a server's recipe says what is taken apart, and where)."
            )
    if options.format not in DOWNLOADS:
        known = ", ".join(DOWNLOADS)
        raise ConfigError(f"--format {options.format} is for this machine: a server sends {known}.")
    if options.bitrate not in (None, _SERVERS_BITRATE):
        raise ConfigError(f"--bitrate: a server sends MP3 of {_SERVERS_BITRATE} kbit/s only.")
    if options.recipe is not None and _is_path(options.recipe):
        raise ConfigError(_no_files(options.recipe))


def _separate_one(
    client: Client, recipe: str, options: SeparateOptions, console: Console, place: SongPlace
) -> SongResult:
    usual = options.template == DEFAULT_TEMPLATE
    # names of a template are given when the stems are here
    folder = place.path("stem").parent if usual else options.output / f".{uuid.uuid4().hex}"
    try:
        with bars(console) as shown_bars:
            shown = _Shown(shown_bars, place.file.name)
            job, made = client.separate(
                place.file,
                folder,
                recipe=recipe,
                stems=options.stems,
                format=options.format,
                deadline_s=options.deadline_s,
                on_upload=shown.upload,
                on_progress=shown.job,
                on_download=shown.download,
            )
        paths = made if usual else _moved(made, place)
    except ServerError as error:
        error.args = (f"{place.file}: {error}",)
        raise
    finally:
        if not usual:
            shutil.rmtree(folder, ignore_errors=True)
    gain = 1.0 if job.gain is None else job.gain
    tell_gain(place.file, gain, 1 / gain if gain > 0 else 1.0, console)
    told = {stem: (own.snr, own.low, own.high) for stem, own in job.quality.items()}
    if job.note is not None:
        console.print(job.note, style="yellow", soft_wrap=True, highlight=False, markup=False)
    tell_made(place.file, place.folder(paths), paths, console, told, job.tier)
    return SongResult(place.file, "separated", paths, gain, quality=told, tier=job.tier)


def _moved(made: Mapping[str, Path], place: SongPlace) -> dict[str, Path]:
    """Give downloaded stems the names of the template; return them."""
    paths = place.paths(made)
    try:
        for stem, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            made[stem].replace(path)
    except OSError as error:
        raise OutputError(
            f"{error.filename} cannot be written ({error.strerror}): choose another --output."
        ) from error
    return paths


def bars(console: Console) -> Progress:
    """Return a display of progress; it is silent where nobody watches."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    watched = console.is_terminal and not console.quiet
    return Progress(*columns, console=console, transient=True, disable=not watched)


class _Shown:
    """One song's bars: upload in bytes, separation in chunks, download in bytes per stem."""

    def __init__(self, bars: Progress, name: str) -> None:
        self._bars, self._name = bars, name
        self._made: dict[str, Callable[[int, int | None, str], None]] = {}

    def upload(self, done: int, total: int) -> None:
        self._show("upload", done, total)

    def job(self, job: Separation) -> None:
        self._show("separation", job.chunks_done, job.chunks_total, job.status)

    def download(self, stem: str, done: int, total: int | None) -> None:
        self._show(f"download of {stem}", done, total)

    def _show(self, what: str, done: int, total: int | None, text: str = "") -> None:
        if what not in self._made:
            task = self._bars.add_task(f"{self._name}: {what}", total=total)

            def update(done: int, total: int | None, text: str) -> None:
                self._bars.update(
                    task, completed=done, total=total, description=f"{self._name}: {text or what}"
                )

            self._made[what] = update
        self._made[what](done, total, text)


def _is_path(recipe: str) -> bool:
    return "/" in recipe or "\\" in recipe or Path(recipe).suffix.lower() in _FILE_SUFFIXES


def _no_files(recipe: str) -> str:
    return (
        f"--recipe {recipe} is a file here, but a server runs only recipes of its own registry: "
        "name one of those, or leave out --server."
    )


def _choose(recipes: Sequence[RecipeInfo], name: str | None, server: str) -> RecipeInfo:
    """Return the recipe of that name, or the default one, which comes first."""
    if not recipes:
        raise ServerNotFoundError(f"{server} has no recipes: load one there (`stemwise serve`).")
    if name is None:
        return next((recipe for recipe in recipes if recipe.default), recipes[0])
    found = next((recipe for recipe in recipes if recipe.name == name), None)
    if found is None and Path(name).is_file():
        raise ConfigError(_no_files(name))
    if found is None:
        known = [recipe.name for recipe in recipes]
        near = did_you_mean(name, known)
        raise ConfigError(f"{server} has no recipe {name!r}: {near}it has {', '.join(known)}.")
    return found


def _stems_of(recipe: RecipeInfo) -> tuple[str, ...]:
    """Return the stems that a recipe makes; none where the server does not know them yet."""
    if not recipe.stems:
        return ()
    children = [child for below in recipe.children.values() for child in below]
    return tuple(dict.fromkeys([*recipe.stems, *children]))


def _check_stems(stems: Sequence[str], recipe: RecipeInfo, known: Sequence[str]) -> None:
    """Refuse a stem that the recipe does not make, before a song is sent in vain."""
    rests = [f"{parent}_remainder" for parent in recipe.children]
    every = sorted({*known, *rests})
    unknown = [stem for stem in stems if stem not in every]
    if unknown and recipe.stems:
        near = did_you_mean(unknown[0], every)
        raise ConfigError(
            f"{recipe.name} has no stem {unknown[0]!r}: {near}it has {', '.join(every)}."
        )
