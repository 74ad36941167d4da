"""Where the stems of songs are written: a template of names, told before anything is computed."""

from __future__ import annotations

import os
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath

from stemwise.core.errors import AudioError, ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.jobs.separate_options import DEFAULT_TEMPLATE, SeparateOptions
from stemwise.jobs.song_files import SongFile

FIELDS = ("track", "stem", "ext", "trackext", "folder", "recipe")


@dataclass(frozen=True)
class SongPlace:
    """A song and where its stems go."""

    song: SongFile
    template: str
    root: Path
    fields: Mapping[str, str]

    @property
    def file(self) -> Path:
        """The song's file."""
        return self.song.path

    def path(self, stem: str) -> Path:
        """Return the place of one stem."""
        return self.root / self.song.below / self.template.format(**self.fields, stem=stem)

    def paths(self, stems: Iterable[str]) -> dict[str, Path]:
        """Return the places of several stems."""
        return {stem: self.path(stem) for stem in stems}

    def folder(self, stems: Iterable[str]) -> Path:
        """Return the nearest folder that holds all stems."""
        return Path(os.path.commonpath([self.path(stem).parent for stem in stems]))


def check_template(text: str) -> str:
    """Return a usable template of file names.

    Raises:
        ConfigError: unknown or missing fields, or a place outside of the output.
    """
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(f"--filename {text} is not usable ({error}): use {known}.") from error
    used = [part[1:] for part in parsed if part[1] is not None]
    for name, form, conversion in used:
        if name not in FIELDS or form or conversion:
            near = did_you_mean(name, FIELDS)
            raise ConfigError(f"--filename {text} has an unknown {{{name}}}: {near}use {known}.")
    if "stem" not in [name for name, _, _ in used]:
        raise ConfigError(
            f"--filename {text} lacks {{stem}}: all stems of a song would be one file."
        )
    if not text.endswith(".{ext}"):
        raise ConfigError(f"--filename {text} must end in .{{ext}}, the format's suffix.")
    place = PurePosixPath(text.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or text.startswith("~"):
        raise ConfigError(f"--filename {text} leads out of the output: --output names the folder.")
    return text


def song_places(
    songs: Sequence[SongFile], options: SeparateOptions, recipe: str, stems: Sequence[str] = ()
) -> list[SongPlace]:
    """Return where each song's stems go.

    With the usual names, folders of the same name are numbered. Where a template was given, or names
    must mean the same another time (`skip_existing`), two songs of one place are an error.

    Args:
        songs: that were found.
        options: the template and the output.
        recipe: its name, for templates.
        stems: that will be made, as far as that is known.

    Raises:
        ConfigError: two songs would be written to the same place.
    """
    template = check_template(options.template)
    numbered = template == DEFAULT_TEMPLATE and not options.skip_existing
    taken: set[tuple[str, str]] = set()
    places = []
    for song in songs:
        track = _track(song.path)
        if numbered:
            names = chain([track], (f"{track}-{number}" for number in count(2)))
            at = str(song.below).casefold()
            track = next(name for name in names if (at, name.casefold()) not in taken)
            taken.add((at, track.casefold()))
        fields = {
            "track": track,
            "ext": options.extension,
            "trackext": song.path.suffix[1:] or "none",
            "folder": song.path.absolute().parent.name or "root",
            "recipe": recipe,
        }
        places.append(SongPlace(song, template, options.output, fields))
    _check_collisions(places, stems or ("{stem}",))
    return places


def check_name(file: Path) -> None:
    """Refuse a name that cannot be printed, sent, or handed to libsndfile (AudioError)."""
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise AudioError(
            f"{os.fsencode(file)!r} is not valid text: give the file another name."
        ) from error


def _track(file: Path) -> str:
    return file.stem.removesuffix(".stem") or "track"


def _check_collisions(places: Sequence[SongPlace], stems: Sequence[str]) -> None:
    taken: dict[str, SongPlace] = {}
    for place in places:
        for path in place.paths(stems).values():
            other = taken.setdefault(str(path).casefold(), place)
            if other is not place:
                raise ConfigError(
                    f"{other.file} and {place.file} would both be written to {path}: separate them "
                    'into two outputs, or give --filename "{folder}/{track}/{stem}.{ext}".'
                )
