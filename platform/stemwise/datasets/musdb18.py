"""MUSDB18 (compressed): `<root>/{train,test}/<Artist - Title>.stem.mp4`, five AAC streams each.

Each stream was compressed on its own, so the stems sum to the mixture only roughly (about 30 dB).
"""

from __future__ import annotations

from collections.abc import Mapping

from stemwise.core.places import Place
from stemwise.core.types import Reference, Source, Track
from stemwise.datasets.musdb18hq import (
    MUSDB18HQ,
    PARTITION,
    SPLITS,
    Layout,
    artist_and_title,
    plain,
)

SUFFIX = ".stem.mp4"
MIXTURE_STREAM = 0
STREAM_OF = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}
EXPECTED = f"MUSDB18 ({{train,test}}/<Artist - Title>{SUFFIX})"


class MUSDB18(MUSDB18HQ):
    """Reader of MUSDB18's stem files; arguments and splits are those of MUSDB18-HQ.

    An optional `tracks.csv` beside the splits gives genres.
    """

    name = "musdb18"

    def _layout(self) -> Layout:
        return Layout(
            expected=EXPECTED,
            is_song=_is_song,
            label=_name,
            song=_song,
            holds_songs=_holds_songs,
            other_edition=("*/mixture.wav", "musdb18hq"),
        )


def _is_song(path: Place) -> bool:
    return path.name.lower().endswith(SUFFIX) and path.is_file()


def _holds_songs(folder: Place) -> bool:
    return any(any((folder / split).glob(f"*{SUFFIX}")) for split in SPLITS)


def _name(path: Place) -> str:
    return path.name[: -len(SUFFIX)]


def _song(
    path: Place, track_id: str, split: str, genres: Mapping[str, str], problem: str | None
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
