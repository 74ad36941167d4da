"""MUSDB18 (compressed): `<root>/{train,test}/<Artist - Title>.stem.mp4`, five AAC streams each.

Each stream was compressed on its own, so the stems sum to the mixture only roughly (about 30 dB).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stemwise.datasets import base
from stemwise.datasets.musdb18hq import (
    PARTITION,
    SPLITS,
    artist_and_title,
    check_split,
    plain,
    read_genres,
    split_folders,
    split_holds,
)
from stemwise.types import Reference, Source, Track

SUFFIX = ".stem.mp4"
MIXTURE_STREAM = 0
STREAM_OF = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}
EXPECTED = f"MUSDB18 ({{train,test}}/<Artist - Title>{SUFFIX})"


class MUSDB18:
    """Reader of MUSDB18's stem files; `split` is `train`, `test` or None for both.

    `root` holds the splits, or is itself one of them. An optional `tracks.csv` beside the splits
    gives genres.
    """

    name = "musdb18"

    def __init__(self, *, root: Path | str, split: str | None = None) -> None:
        self.root = Path(root).expanduser()
        self.split = check_split(split)

    def tracks(self) -> list[Track]:
        """List the songs of the split, by track id.

        Raises:
            DatasetError: the root is absent or holds no song in this layout.
        """
        root = base.existing_root(self.root, EXPECTED)
        found = {
            path: split
            for split, parent in split_folders(root, self.split, EXPECTED).items()
            for path in base.entries(parent, _is_song)
        }
        if not found:
            other = split_holds(root, "*/mixture.wav")
            advice = "it holds the other edition, so use dataset=musdb18hq" if other else None
            raise base.layout_error(root, EXPECTED, _holds_songs, advice)
        ids = base.unique_ids(
            {f"{split}/{path.name}": _name(path) for path, split in found.items()}
        )
        genres, problem = read_genres(root)
        tracks = [
            _song(path, ids[f"{split}/{path.name}"], split, genres, problem)
            for path, split in found.items()
        ]
        return sorted(tracks, key=lambda track: track.track_id)


def _is_song(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIX) and path.is_file()


def _holds_songs(folder: Path) -> bool:
    return any(any((folder / split).glob(f"*{SUFFIX}")) for split in SPLITS)


def _name(path: Path) -> str:
    return path.name[: -len(SUFFIX)]


def _song(
    path: Path, track_id: str, split: str, genres: Mapping[str, str], problem: str | None
) -> Track:
    artist, title = artist_and_title(_name(path))
    return Track(
        dataset=MUSDB18.name,
        track_id=track_id,
        title=title,
        artist=artist,
        genre=genres.get(plain(_name(path))),
        split=split,
        partition=PARTITION,
        mixture=Source(path, MIXTURE_STREAM),
        references={stem: Reference(stem, (Source(path, STREAM_OF[stem]),)) for stem in PARTITION},
        problems=(problem,) if problem else (),
    )
