"""MoisesDB: `<root>/moisesdb_v0.1/<song-uuid>/data.json` and `<stemName>/<track-id>.<extension>`.

Its eleven stem names become the six of `stems.LEVEL1`; track types give the sub-stems of drums and
vocals where they can be trusted. The dataset ships no mixture: it is the sum of the references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stemwise.core import stems
from stemwise.core.places import Place
from stemwise.core.types import Reference, Source, Track, any_bleed
from stemwise.datasets import base
from stemwise.datasets.moisesdb_parts import SINGERS, STRICT, Recording, checked, sub_references

VERSION_FOLDER = "moisesdb_v0.1"
SONG_FILE = "data.json"
EXPECTED = f"MoisesDB ({VERSION_FOLDER}/<song>/{SONG_FILE})"

LEVEL1_OF = {name: name for name in stems.LEVEL1} | dict.fromkeys(
    ("percussion", "other_keys", "other_plucked", "bowed_strings", "wind"), "other"
)


class MoisesDB:
    """Reader of MoisesDB.

    Args:
        root: the folder with `moisesdb_v0.1` in it, or that one itself.
        drum_parts: what counts as a recording of a part of the drums (`moisesdb_parts`).

    Raises:
        ConfigError: an unknown `drum_parts`.
    """

    name = "moisesdb"

    def __init__(self, *, root: Place | str, drum_parts: str = STRICT) -> None:
        self.root = base.root_of(root)
        self.drum_parts = checked(drum_parts)

    def tracks(self) -> list[Track]:
        """List all songs that have a `data.json`, by track id.

        Raises:
            DatasetError: the root is absent or holds no song in this layout.
        """
        root = base.existing_root(self.root, EXPECTED)
        version = root / VERSION_FOLDER
        songs = base.entries(version if version.is_dir() else root, _is_song)
        if not songs:
            raise base.layout_error(root, EXPECTED, _holds_songs)
        ids = base.unique_ids({song.name: song.name for song in songs})
        found = base.each(songs, lambda song: _song(song, ids[song.name], self.drum_parts))
        return sorted(found, key=lambda track: track.track_id)


def _is_song(folder: Place) -> bool:
    return (folder / SONG_FILE).is_file()


def _holds_songs(folder: Place) -> bool:
    return any(any(folder.glob(f"{depth}*/{SONG_FILE}")) for depth in ("", f"{VERSION_FOLDER}/"))


def _song(folder: Place, track_id: str, drum_parts: str) -> Track:
    """Read one song; a broken `data.json` gives a track without references that says so."""
    content = base.read_json(folder / SONG_FILE)
    data: Mapping[str, Any] = {} if isinstance(content, str) else content
    problems = [content] if isinstance(content, str) else []
    recordings = list(_recordings(folder, data, problems)) if data else []
    if not recordings:
        problems.append("The song has no usable recording.")
    return Track(
        dataset=MoisesDB.name,
        track_id=track_id,
        title=base.text_or_none(data.get("song")) or folder.name,
        artist=base.text_or_none(data.get("artist")),
        genre=base.text_or_none(data.get("genre")),
        partition=stems.LEVEL1,
        references=_references(recordings, drum_parts, problems),
        has_bleed=any_bleed(recording.source.has_bleed for recording in recordings),
        problems=tuple(problems),
        drum_parts=drum_parts,
    )


def _recordings(folder: Place, data: Mapping[str, Any], problems: list[str]) -> Iterator[Recording]:
    """Yield the recordings that `data.json` lists and that lie on disk; add to `problems`."""
    seen: set[Place] = set()
    for entry in _objects(data, "stems", problems):
        stem_name = base.text_or_none(entry.get("stemName")) or ""
        stem = LEVEL1_OF.get(stem_name)
        if stem is None and _is_component(stem_name):
            problems.append(f"Unknown stemName {stem_name!r} counts as 'other'.")
        for item in _objects(entry, "tracks", problems):
            name = f"{item.get('id')}.{item.get('extension')}"
            # Names in data.json are not trusted as paths: they could lead out of the song's folder.
            if not _is_component(stem_name) or not _is_component(name):
                problems.append(f"{stem_name!r}/{name!r} is not a safe file name and is left out.")
                continue
            path = folder / stem_name / name
            if not path.is_file():
                problems.append(f"{stem_name}/{name!r} is listed but absent on disk: left out.")
                continue
            if path in seen:
                problems.append(f"{stem_name}/{name} is listed more than once and is used once.")
                continue
            seen.add(path)
            bleed, kind = item.get("has_bleed"), base.text_or_none(item.get("trackType")) or ""
            source = Source(
                path,
                voice=SINGERS.get(kind),
                has_bleed=bleed if isinstance(bleed, bool) else None,
            )
            yield Recording(source, stem or "other", kind)


def _objects(
    parent: Mapping[str, Any], key: str, problems: list[str]
) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of the list `parent[key]`; anything else there is a problem."""
    items = parent.get(key)
    if not isinstance(items, list):
        problems.append(f"{SONG_FILE} has no list {key!r}.")
        return
    for item in items:
        if isinstance(item, Mapping):
            yield item
        else:
            problems.append(f"{SONG_FILE} holds an entry in {key!r} that is not an object.")


def _is_component(name: str) -> bool:
    """Tell whether `name` is one plain path component."""
    return (
        name[:1] not in ("", ".")
        and not set(name) & set("/\\:\0")
        and len(name.encode("utf-8", "replace")) <= 255
    )


def _references(
    recordings: list[Recording], drum_parts: str, problems: list[str]
) -> dict[str, Reference]:
    """Group recordings to the references of both levels."""
    references: dict[str, Reference] = {}
    for stem in stems.LEVEL1:
        own = [recording for recording in recordings if recording.stem == stem]
        if own:
            references[stem] = Reference.of(stem, (recording.source for recording in own))
            references |= sub_references(stem, own, drum_parts, problems)
    return references
