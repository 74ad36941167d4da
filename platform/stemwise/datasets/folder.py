"""A plain folder of songs: `DIR/<track>/mixture.*` and `<stem>.*`, as most training tools use it.

Optional per track: `track.json` with facts, and `estimates/<model>/<stem>.*`, estimates of
other tools that are to be measured beside the models that run.
"""

from __future__ import annotations

import dataclasses
import re

from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.places import Place
from stemwise.core.suffixes import AUDIO_SUFFIXES
from stemwise.core.types import Reference, Source, Track
from stemwise.datasets import base

FACTS_FILE = "track.json"
ESTIMATES = "estimates"
EXPECTED = "a folder of songs (<track>/mixture.wav and <track>/<stem>.wav, or flac, mp3, ogg, m4a)"
SYNONYMS = {
    "accompaniment": stems.INSTRUMENTAL,
    "no_vocals": stems.INSTRUMENTAL,
    "hi_hat": "hihat",
    "hi-hat": "hihat",
}
VOICES = ("male", "female", "mixed")
# Where a stem lies there in several formats, the first of these is taken: lossless before lossy.
_PREFERRED = (".wav", ".flac", ".aiff", ".aif")
_SAFE_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Folder:
    """Reader of a folder of songs, one subfolder each."""

    name = "folder"

    def __init__(self, *, root: Place | str) -> None:
        self.root = base.root_of(root)

    def tracks(self) -> list[Track]:
        """List all songs (folders with a mixture or a stem of the tree), by track id.

        Raises:
            DatasetError: the root is absent or holds no song in this layout.
        """
        root = base.existing_root(self.root, EXPECTED)
        folders = base.entries(root, _is_song)
        if not folders:
            raise base.layout_error(root, EXPECTED, _holds_songs)
        ids = base.unique_ids({folder.name: folder.name for folder in folders})
        songs = base.each(folders, lambda folder: _song(folder, ids[folder.name]))
        found = _tell_gaps(_share_partition(songs))
        return sorted(found, key=lambda track: track.track_id)


def _is_audio(path: Place) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()


def _is_song(folder: Place) -> bool:
    # Names outside the stem tree do not make a song: an album of mp3s is not a set of stems.
    known = {stems.MIXTURE, *stems.ORDER}
    return folder.is_dir() and any(
        _stem_of(path) in known for path in base.entries(folder, _is_audio)
    )


def _stem_of(path: Place) -> str:
    written = path.stem.lower()
    return SYNONYMS.get(written, written)


def _holds_songs(folder: Place) -> bool:
    return any(_is_audio(path) for path in folder.glob(f"*/{stems.MIXTURE}.*"))


def _song(folder: Place, track_id: str) -> Track:
    problems: list[str] = []
    files = _stem_files(folder, problems)
    mixture = files.pop(stems.MIXTURE, None)
    partition = stems.partition_of(files)
    if not files:
        problems.append("The song has no stems beside its mixture.")
    if mixture is None and stems.INSTRUMENTAL in set(files) - set(partition):
        problems.append(
            "There is no mixture file, so the sum of the other stems is used; "
            "instrumental may hold more than they do."
        )
    track = Track(
        dataset=Folder.name,
        track_id=track_id,
        title=base.text_or_none(folder.name) or track_id,
        partition=partition,
        mixture=mixture,
        references={stem: Reference(stem, (files[stem],)) for stem in stems.in_order(files)},
        estimates=_estimates(folder, problems),
    )
    track = _with_facts(track, folder, problems)
    return dataclasses.replace(track, problems=tuple(problems))


def _stem_files(folder: Place, problems: list[str]) -> dict[str, Source]:
    """Map stem names to the audio files of one folder; add to `problems`."""
    candidates: dict[str, list[Place]] = {}
    problems += [
        f"{path.name!r} is not a file (a broken link or a folder): left out."
        for path in base.entries(folder, lambda path: path.suffix.lower() in AUDIO_SUFFIXES)
        if not path.is_file()
    ]
    for path in base.entries(folder, _is_audio):
        stem = _stem_of(path)
        if _is_usable(stem):
            candidates.setdefault(stem, []).append(path)
        else:
            problems.append(f"{path.name!r} is not a usable stem name and is left out.")
    for stem, paths in candidates.items():
        paths.sort(key=lambda path: _preference(path, stem))
        if len(paths) > 1:
            ignored = ", ".join(path.name for path in paths[1:])
            problems.append(f"{stem} has several files: {paths[0].name} is used, not {ignored}.")
    return {stem: Source(paths[0]) for stem, paths in candidates.items()}


def _is_usable(stem: str) -> bool:
    """Tell whether a file may carry this name; sums (`a+b`) are formed from their parts instead."""
    try:
        return stems.parts_of(stems.check_name(stem)) == (stem,)
    except ConfigError:
        return False


def _preference(path: Place, stem: str) -> tuple[bool, int, str]:
    suffix = path.suffix.lower()
    rank = _PREFERRED.index(suffix) if suffix in _PREFERRED else len(_PREFERRED)
    return path.stem.lower() != stem, rank, path.name


def _estimates(folder: Place, problems: list[str]) -> dict[str, dict[str, Source]]:
    """Find the estimates of other tools, by model."""
    parent = folder / ESTIMATES
    found: dict[str, dict[str, Source]] = {}
    for model in base.entries(parent, base.is_folder) if parent.is_dir() else ():
        if not _SAFE_MODEL.fullmatch(model.name):
            problems.append(
                f"{model.name!r} is not a usable model name: its estimates are left out."
            )
            continue
        own: list[str] = []
        files = _stem_files(model, own)
        files.pop(stems.MIXTURE, None)
        problems += [f"{ESTIMATES}/{model.name}: {problem}" for problem in own]
        if files:
            found[model.name] = {stem: files[stem] for stem in stems.in_order(files)}
    return found


def _with_facts(track: Track, folder: Place, problems: list[str]) -> Track:
    """Add what `track.json` says; what is unusable in it is a problem and else ignored."""
    path = folder / FACTS_FILE
    if not path.is_file():
        return track
    facts = base.read_json(path)
    if isinstance(facts, str):
        problems.append(f"{facts[:-1]}: its facts are ignored.")
        return track
    bleed, voice = facts.get("has_bleed"), facts.get("voice")
    if not (bleed is None or isinstance(bleed, bool)):
        problems.append(f"{FACTS_FILE}: has_bleed must be true or false and is ignored.")
        bleed = None
    if not (voice is None or voice in VOICES):
        problems.append(f"{FACTS_FILE}: voice must be one of {', '.join(VOICES)} and is ignored.")
        voice = None
    return dataclasses.replace(
        track,
        title=base.text_or_none(facts.get("title")) or track.title,
        artist=base.text_or_none(facts.get("artist")),
        genre=base.text_or_none(facts.get("genre")),
        has_bleed=bleed,
        references={
            stem: dataclasses.replace(
                reference,
                has_bleed=bleed,
                voice=voice if stem in ("vocals", "lead_vocals") else None,
            )
            for stem, reference in track.references.items()
        },
    )


def _share_partition(tracks: list[Track]) -> list[Track]:
    """Give all songs the partition of the whole folder, where theirs is a part of it.

    A song without piano among songs that have one is silent in piano: a model's `other` then means
    the same sum of stems, under the same name, in every song.
    """
    whole = stems.partition_of({stem for track in tracks for stem in track.references})
    return [
        dataclasses.replace(track, partition=whole)
        if track.partition and set(track.partition) <= set(whole)
        else track
        for track in tracks
    ]


def _tell_gaps(tracks: list[Track]) -> list[Track]:
    """Note where a tool lacks a file that it has for other songs.

    What it calls `other` is then another sum there, and none of the sums with that stem is whole.
    """
    made: dict[str, set[str]] = {}
    for track in tracks:
        for tool, files in track.estimates.items():
            made.setdefault(tool, set()).update(files)
    return [
        dataclasses.replace(
            track,
            problems=(
                *track.problems,
                *(
                    f"{ESTIMATES}/{tool} lacks {', '.join(stems.in_order(gap))} here, which it has for "
                    "other songs: its other stems are measured as they are."
                    for tool, files in sorted(track.estimates.items())
                    if (gap := made[tool] - set(files))
                ),
            ),
        )
        for track in tracks
    ]
