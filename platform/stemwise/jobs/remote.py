"""`stemwise separate --server`: songs on a stemwise service; imports neither torch nor numpy.

Songs go one after another: the service splits each over its models and replicas already, a key may
have few jobs at a time, and lines and failures come in the order of the files, as they do locally.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

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
from stemwise.core.errors import AudioError, ConfigError, OutputError
from stemwise.jobs.songs import bars, check_output, each_song, tell_gain, tell_made

_FILE_SUFFIXES = {".yaml", ".yml", ".th", ".ckpt", ".pt", ".pth", ".safetensors"}
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


def separate_remotely(
    server: str,
    files: Sequence[Path],
    recipe: str | None,
    output: Path,
    file_format: str,
    stems: Sequence[str],
    console: Console,
) -> int:
    """Separate each file on `server` into `<output>/<file name>/<stem>.<format>`.

    Without a `recipe` the server's default is used. Return the exit code, as `separate` does.
    """
    if recipe is not None and _is_path(recipe):
        raise ConfigError(_no_files(recipe))
    with Client(server) as client:
        check_output(output)
        chosen = _choose(client.recipes(), recipe, client.server)
        _check_stems(stems, chosen)

        def work(file: Path, folder: Path) -> None:
            try:
                job, made = _separate_one(
                    client, file, folder, chosen.name, stems, file_format, console
                )
            except ServerError as error:
                error.args = (f"{file}: {error}",)
                raise
            gain = 1.0 if job.gain is None else job.gain
            tell_gain(gain, 1 / gain if gain > 0 else 1.0, console)
            tell_made(file, folder, made, console)

        return each_song(files, output, work, _OF_ONE_SONG)


def _separate_one(
    client: Client,
    file: Path,
    folder: Path,
    recipe: str,
    stems: Sequence[str],
    file_format: str,
    console: Console,
) -> tuple[Separation, dict[str, Path]]:
    with bars(console) as shown_bars:
        shown = _Shown(shown_bars, file.name)
        return client.separate(
            file,
            folder,
            recipe=recipe,
            stems=stems,
            format=file_format,
            on_upload=shown.upload,
            on_progress=shown.job,
            on_download=shown.download,
        )


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
        known = ", ".join(recipe.name for recipe in recipes)
        raise ConfigError(f"{server} has no recipe {name!r}: it has {known}.")
    return found


def _check_stems(stems: Sequence[str], recipe: RecipeInfo) -> None:
    """Refuse a stem that the recipe does not make, before a song is sent in vain."""
    children = [child for below in recipe.children.values() for child in below]
    rests = [f"{parent}_remainder" for parent in recipe.children]
    known = [*recipe.stems, *children, *rests]
    unknown = [stem for stem in stems if stem not in known]
    if unknown and recipe.stems:
        raise ConfigError(
            f"{recipe.name} has no stem {unknown[0]!r}: it has {', '.join(sorted(set(known)))}."
        )
