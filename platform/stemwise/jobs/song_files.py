"""Which songs are meant by files and folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stemwise.core.errors import AudioError
from stemwise.core.suffixes import AUDIO_SUFFIXES

_SHOWN = 3


@dataclass(frozen=True)
class SongFile:
    """A song, and the folders that lie between the folder that was named and its file."""

    path: Path
    below: Path = Path()


@dataclass
class Found:
    """The songs that were found; `failures` are folders without any, `others` are no audio files."""

    songs: list[SongFile] = field(default_factory=list)
    failures: dict[Path, AudioError] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    folders: int = 0

    def note(self) -> str | None:
        """Say in one sentence what was passed over; None for nothing."""
        parts = []
        if count := len(self.others):
            names = ", ".join(path.name for path in self.others[:_SHOWN])
            more = ", …" if count > _SHOWN else ""
            parts.append(f"{_number(count, 'file')} that {_are(count)} not audio ({names}{more})")
        if self.folders:
            parts.append(f"{_number(self.folders, 'folder')} below (--recursive searches them too)")
        return f"Skipped: {' and '.join(parts)}." if parts else None


def find_songs(given: Sequence[Path], recursive: bool, output: Path) -> Found:
    """Return the songs of files and folders, each once, those of a folder by name.

    A file that was named is a song whatever it is called; of a folder, those that are called like audio.
    Hidden files and folders are nobody's songs, and `output` is not searched.
    """
    found, seen = Found(), set[str]()
    for path in given:
        songs = _in_folder(path, recursive, output, found) if path.is_dir() else [SongFile(path)]
        for song in songs:
            key = os.path.abspath(song.path)  # noqa: PTH100 - links are not followed
            if key not in seen:
                seen.add(key)
                found.songs.append(song)
    return found


def _in_folder(folder: Path, recursive: bool, output: Path, found: Found) -> list[SongFile]:
    """Return a folder's songs; note what is passed over, and the folder itself where it has none."""
    songs: list[SongFile] = []
    unreadable: list[OSError] = []
    below = 0
    for root, folders, names in os.walk(folder, onerror=unreadable.append):
        here = Path(root)
        inside = [n for n in folders if n[0] != "." and (here / n).absolute() != output.absolute()]
        below += 0 if recursive else len(inside)
        folders[:] = sorted(inside, key=str.casefold) if recursive else []
        for path in (here / name for name in sorted(names, key=str.casefold) if name[0] != "."):
            if path.suffix.lower() in AUDIO_SUFFIXES:
                songs.append(SongFile(path, here.relative_to(folder)))
            else:
                found.others.append(path)
    found.folders += below
    if unreadable and not songs:
        why = unreadable[0].strerror
        found.failures[folder] = AudioError(f"{folder} cannot be searched ({why}).")
    elif not songs:
        hint = (
            f": {_number(below, 'folder')} below may, search them with --recursive" if below else ""
        )
        found.failures[folder] = AudioError(f"{folder} holds no audio files{hint}.")
    return songs


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
