"""Folders of museval's track files: of one method, or of many as SiSEC 2018 laid them out.

    <method>/{train,test}/<Artist - Title>.json      what museval writes, and its MethodStore reads
    <method>/<Artist - Title>.json                   the same without splits
    <root>/<method>/…                                many methods

Of a method with splits `test` is read unless another split is asked for, as museval itself does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.datasets.base import entries
from stemwise.importing.museval_track import read_track
from stemwise.importing.published import (
    Frames,
    Published,
    Source,
    TrackScores,
    check_model,
    common_frames,
)

SPLITS = ("test", "train")
EVERY = "all"
_EXPECTED = "museval's files ([<method>/][{train,test}/]<Artist - Title>.json)"


@dataclass(frozen=True)
class _File:
    path: Path
    label: str
    split: str | None


def read_folder(
    root: Path,
    wanted: Sequence[str] | None = None,
    split: str | None = None,
    given: Mapping[str, str] | None = None,
) -> Published:
    """Read one method or a folder of methods.

    Args:
        root: the folder.
        wanted: methods to read (None: all); of a folder of one method, the name it shall have.
        split: `test`, `train`, `all`, or None: `test` where there are splits. Names the split of
            tracks that lie in none.
        given: translations of stem names.

    Raises:
        ConfigError: a split or method that there is not.
        DatasetError: no such folder, nothing in it that can be read, or frames of different lengths.
    """
    if split not in (None, EVERY, *SPLITS):
        raise ConfigError(f"split={split} is unknown: use test, train, all or null.")
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise DatasetError(f"{root} {what}, but a folder of {_EXPECTED} is expected: set input=.")
    methods, skipped = _methods(root, wanted)
    notes = list(skipped)
    tracks: list[TrackScores] = []
    sources: list[Source] = []
    for name, folder in methods.items():
        files, reason = _files(root, folder, split)
        if not files:
            notes.append(f"{name}: {folder.name} {reason}.")
            continue
        found = [read_track(f.path, f.label, name, f.split, given or {}) for f in files]
        tracks += without_doubles(found)
        sources.append(Source(name, str(root), len(files), _digest(files)))
    readable = [track for track in tracks if track.error is None]
    if not readable:
        reasons = [track.error or "" for track in tracks] or notes
        raise DatasetError(
            f"{root} holds no track that can be read: "
            f"{reasons[0] if reasons else f'{_EXPECTED} are expected.'}"
        )
    # museval's own default where every track is shorter than a frame
    frames = common_frames(readable, Frames(1.0, 1.0))
    return Published(tracks, sources, frames, None, notes, incomplete=bool(notes))


def _methods(root: Path, wanted: Sequence[str] | None) -> tuple[dict[str, Path], list[str]]:
    """Return the folders by method, and sentences about folders that are none."""
    if _is_method(root):
        if wanted is not None and len(wanted) != 1:
            raise ConfigError(f"{root} holds one method: give models= its name, not {len(wanted)}.")
        name = wanted[0] if wanted else root.resolve().name
        return {check_model(name, str(root)): root}, []
    folders = {check_model(path.name, str(path)): path for path in entries(root, Path.is_dir)}
    unknown = [name for name in wanted or () if name not in folders]
    if unknown:
        raise ConfigError(
            f"models={unknown[0]} is not a folder of {root}: it has {', '.join(folders)[:500]}."
        )
    chosen = {name: path for name, path in folders.items() if not wanted or name in wanted}
    empty = [name for name, path in chosen.items() if not _holds_tracks(path)]
    notes = [f"{name}: the folder holds no track of museval and is left out." for name in empty]
    return {name: path for name, path in chosen.items() if name not in empty}, notes


def _is_method(root: Path) -> bool:
    """Tell one method from a folder of methods, beside which other JSON files may lie."""
    if any(_json(root / name) for name in SPLITS):
        return True
    return bool(_json(root)) and not any(map(_holds_tracks, entries(root, Path.is_dir)))


def _holds_tracks(folder: Path) -> bool:
    return any(_json(folder / name) for name in ("", *SPLITS))


def _json(folder: Path) -> list[Path]:
    """Return the track files below a folder of a split, or those of a folder itself."""
    if not folder.is_dir():
        return []
    if folder.name not in SPLITS:
        return entries(folder, _is_json)
    below = [path for child in entries(folder, Path.is_dir) for path in sorted(child.rglob("*"))]
    return [*entries(folder, _is_json), *filter(_is_json, below)]


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json" and path.is_file()


def _files(root: Path, folder: Path, split: str | None) -> tuple[list[_File], str]:
    """Return a method's track files of the split, and why there are none."""
    there = {name: _json(folder / name) for name in SPLITS if _json(folder / name)}
    if not there or folder.name in SPLITS:
        label = folder.name if folder.name in SPLITS else None if split == EVERY else split
        found = [_File(path, _label(root, path), label) for path in _json(folder)]
        return found, "holds no track"
    asked = SPLITS if split == EVERY else (split or "test",)
    files = [
        _File(path, _label(root, path), name) for name in asked for path in there.get(name, ())
    ]
    return files, f"has no track of split {asked[0]}, only of {', '.join(there)}: set split="


def _label(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _digest(files: Sequence[_File]) -> str:
    """Return a digest of the names and contents of files."""
    whole = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.label):
        try:
            content = hashlib.sha256(file.path.read_bytes()).hexdigest()
        except OSError:  # said by its track's error
            content = "unreadable"
        whole.update(f"{file.label}\0{content}\n".encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def without_doubles(tracks: Sequence[TrackScores]) -> list[TrackScores]:
    """Return one entry per track: equal doubles become one, others an error that names both files."""
    found: dict[str, TrackScores] = {}
    for track in tracks:
        other = found.get(track.track_id)
        if other is None or (other.stems == track.stems and other.error == track.error):
            found[track.track_id] = track
        elif not (other.error and "twice" in other.error):
            found[track.track_id] = replace(
                other,
                stems={},
                rejected={},
                error=f"{other.source} and {track.source} give {track.title!r} twice with different "
                "scores: remove one of them.",
            )
    return list(found.values())
