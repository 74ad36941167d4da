"""MUSDB18-HQ: `<root>/{train,test}/<Artist - Title>/{mixture,drums,bass,other,vocals}.wav`.

The helpers for splits, titles and genres serve the compressed edition (`musdb18`) as well.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stemwise.core import stems
from stemwise.core.errors import ConfigError, DatasetError
from stemwise.core.places import Place, read_bytes, resolved
from stemwise.core.types import Reference, Source, Track
from stemwise.datasets import base

SPLITS = ("train", "test")
PARTITION = stems.in_order(("vocals", "drums", "bass", "other"))
GENRE_FILE = "tracks.csv"
EXPECTED = "MUSDB18-HQ ({train,test}/<Artist - Title>/{mixture,drums,bass,other,vocals}.wav)"


@dataclass(frozen=True)
class Layout:
    """How one edition of MUSDB18 lies on disk.

    `expected` is its layout for people; `is_song` picks the songs of a split and `label` is a song's
    `Artist - Title`; `song` makes its track of (path, id, split, genres, problem). `holds_songs` and
    `other_edition` (what it has in its splits, its name) serve the message for a wrong root.
    """

    expected: str
    is_song: Callable[[Place], bool]
    label: Callable[[Place], str]
    song: Callable[[Place, str, str, Mapping[str, str], str | None], Track]
    holds_songs: Callable[[Place], bool]
    other_edition: tuple[str, str]


def list_songs(root: Place, split: str | None, layout: Layout) -> list[Track]:
    """List the songs of the split, by track id.

    Raises:
        DatasetError: the root is absent or holds no song in this layout.
    """
    root = base.existing_root(root, layout.expected)
    found = {
        path: name
        for name, parent in split_folders(root, split, layout.expected).items()
        for path in base.entries(parent, layout.is_song)
    }
    if not found:
        pattern, name = layout.other_edition
        other = split_holds(root, pattern)
        advice = f"it holds the other edition, so use dataset={name}" if other else None
        raise base.layout_error(root, layout.expected, layout.holds_songs, advice)
    ids = base.unique_ids(
        {f"{name}/{path.name}": layout.label(path) for path, name in found.items()}
    )
    genres, problem = read_genres(root)
    tracks = [
        layout.song(path, ids[f"{name}/{path.name}"], name, genres, problem)
        for path, name in found.items()
    ]
    return sorted(tracks, key=lambda track: track.track_id)


class MUSDB18HQ:
    """Reader of MUSDB18-HQ; `split` is `train`, `test` or None for both.

    `root` holds the splits, or is itself one of them.
    """

    name = "musdb18hq"

    def __init__(self, *, root: Place | str, split: str | None = None) -> None:
        self.root = base.root_of(root)
        self.split = check_split(split)

    def tracks(self) -> list[Track]:
        """List the songs of the split, by track id (DatasetError where there are none)."""
        return list_songs(self.root, self.split, self._layout())

    def _layout(self) -> Layout:
        return Layout(
            expected=EXPECTED,
            is_song=_is_song,
            label=lambda folder: folder.name,
            song=_song,
            holds_songs=_holds_songs,
            other_edition=("*.stem.mp4", "musdb18"),
        )


def _is_song(folder: Place) -> bool:
    return any((folder / f"{stem}.wav").is_file() for stem in (stems.MIXTURE, *PARTITION))


def _holds_songs(folder: Place) -> bool:
    return any(any(folder.glob(f"{split}/*/{stems.MIXTURE}.wav")) for split in SPLITS)


def split_holds(root: Place, pattern: str) -> bool:
    """Tell whether a split under `root`, or `root` as a split, has an entry that fits `pattern`."""
    return any(any(folder.glob(pattern)) for folder in (root, *(root / name for name in SPLITS)))


def _song(
    folder: Place, track_id: str, split: str, genres: Mapping[str, str], problem: str | None
) -> Track:
    present = [stem for stem in (stems.MIXTURE, *PARTITION) if (folder / f"{stem}.wav").is_file()]
    problems = [problem] if problem else []
    problems += [
        f"{stem}.wav is absent." for stem in (stems.MIXTURE, *PARTITION) if stem not in present
    ]
    artist, title = artist_and_title(folder.name)
    return Track(
        dataset=MUSDB18HQ.name,
        track_id=track_id,
        title=title,
        artist=artist,
        genre=genres.get(plain(folder.name)),
        split=split,
        partition=PARTITION,
        mixture=Source(folder / f"{stems.MIXTURE}.wav") if stems.MIXTURE in present else None,
        references={
            stem: Reference(stem, (Source(folder / f"{stem}.wav"),))
            for stem in PARTITION
            if stem in present
        },
        problems=tuple(problems),
    )


def check_split(split: str | None) -> str | None:
    """Return `split` if MUSDB18 has it.

    Raises:
        ConfigError: it is none of `train`, `test` and None.
    """
    if split is not None and split not in SPLITS:
        raise ConfigError(f"MUSDB18 has no split {split!r}: use 'train', 'test' or null for both.")
    return split


def split_folders(root: Place, split: str | None, expected: str) -> dict[str, Place]:
    """Return the wanted split folders under `root`; `root` may itself be named as a split.

    Raises:
        DatasetError: `root` is one split and the other one is wanted.
    """
    folders = {name: root / name for name in SPLITS if (root / name).is_dir()}
    own_name = resolved(root).name  # gives `.` its name
    if not folders and own_name in SPLITS:
        folders = {own_name: root}
    wanted = {name: path for name, path in folders.items() if split in (None, name)}
    if folders and not wanted:
        raise DatasetError(
            f"{root} has no folder {split!r} but only {', '.join(folders)}, where {expected} is "
            "expected: set dataset.root to the folder that holds both, or choose another split."
        )
    return wanted


def artist_and_title(name: str) -> tuple[str | None, str]:
    """Split `Artist - Title`; a name without the dash is a title."""
    artist, dash, title = name.partition(" - ")
    return (artist.strip(), title.strip()) if dash and artist and title else (None, name)


def plain(name: str) -> str:
    """Return the Unicode spelling under which names are compared (file systems differ in it)."""
    return unicodedata.normalize("NFC", name.strip())


def read_genres(root: Place) -> tuple[dict[str, str], str | None]:
    """Read the optional `tracks.csv` (columns `track`, `genre`) in `root` or above a split.

    Returns:
        Genres by name of the track, and the problem where the file cannot be used.
    """
    own = resolved(root)
    beside = [root / GENRE_FILE, own.parent / GENRE_FILE]
    path = beside[1] if own.name in SPLITS and not beside[0].is_file() else beside[0]
    if not path.is_file():
        return {}, None
    try:
        text = read_bytes(path).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, ValueError, csv.Error) as error:
        return {}, f"{GENRE_FILE} cannot be read ({error}): genres are unknown."
    if not rows or not {"track", "genre"} <= set(rows[0]):
        return {}, f"{GENRE_FILE} lacks the columns track and genre: genres are unknown."
    named = {plain(row["track"] or ""): base.text_or_none(row["genre"]) for row in rows}
    return {track: genre for track, genre in named.items() if genre}, None
