"""The estimate store: what a model once made of a mixture is never computed again.

An entry's key is a digest of the decoded audio, the model's identity (class, settings, checkpoint
digests) and the engine's version. An entry is a folder `<root>/<key[:2]>/<key>/` with one 24-bit FLAC
per stem and `entry.json`. A stem that would clip is stored scaled down; `gain` records by how much:
stored samples = estimate · gain.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from stemwise.errors import AudioError, OutputError
from stemwise.separation.spool import Spool
from stemwise.types import Audio

_FULL_SCALE = 1 - 2.0**-23  # the largest value that 24 bits hold


@dataclass(frozen=True)
class Entry:
    """One separation in the store."""

    key: str
    folder: Path
    gains: Mapping[str, float]
    samples: int
    wall_s: float
    device: str

    @property
    def stems(self) -> tuple[str, ...]:
        """Stems in the model's order."""
        return tuple(self.gains)

    def path(self, stem: str) -> Path:
        """Return the FLAC file of `stem`."""
        return self.folder / f"{stem}.flac"

    def read(self, stem: str) -> Audio:
        """Return the estimate `(channels, samples)`, its gain undone.

        Raises:
            AudioError: the file is absent or damaged.
        """
        try:
            samples, _ = soundfile.read(self.path(stem), dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            raise AudioError(
                f"{self.path(stem)} in the estimate store is damaged ({error}): "
                f"delete {self.folder} and run again."
            ) from error
        if len(samples) != self.samples:
            raise AudioError(
                f"{self.path(stem)} in the estimate store is cut: delete {self.folder} and run again."
            )
        audio: Audio = np.ascontiguousarray(samples.T)
        return audio if self.gains[stem] == 1 else audio / np.float32(self.gains[stem])


def audio_digest(*signals: Audio) -> str:
    """Return the SHA-256 of shape and samples of decoded audio."""
    digest = hashlib.sha256()
    for signal in signals:
        digest.update(repr(signal.shape).encode())
        digest.update(np.ascontiguousarray(signal, dtype="<f4").data)
    return digest.hexdigest()


def entry_key(audio: str, identity: str, engine: int) -> str:
    """Return the key of (decoded audio, model identity, engine version)."""
    return hashlib.sha256(f"{audio}:{identity}:{engine}".encode()).hexdigest()


class EstimateStore:
    """A folder of entries that several processes may read and write at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str) -> Entry | None:
        """Return the entry called `key`, or None where it was never finished."""
        folder = self._folder(key)
        try:
            content = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        entry = Entry(key=key, folder=folder, **content)
        return entry if all(entry.path(stem).is_file() for stem in entry.stems) else None

    def put(
        self,
        key: str,
        stems: Iterable[str],
        stretches: Iterable[Audio],
        device: str,
    ) -> Entry:
        """Store a separation as it is made and return its entry.

        Args:
            key: from `entry_key`.
            stems: in the order of the estimates.
            stretches: consecutive `(stems, channels, n)` float32 parts of the estimates; the time
                that making them takes is recorded as `wall_s`.
            device: what it ran on.

        Raises:
            OutputError: the store cannot be written.
        """
        names = tuple(stems)
        with self._scratch() as scratch:
            spool = Spool(scratch, names)
            timed = _Timed(stretches)
            for stretch in timed:
                spool.add(stretch)
            gains = {name: min(1.0, _FULL_SCALE / max(spool.peaks[name], 1e-9)) for name in names}
            entry = scratch / "entry"
            entry.mkdir()
            for name in names:
                spool.encode(name, entry / f"{name}.flac", gains[name])
            result = Entry(key, self._folder(key), gains, spool.samples, timed.seconds, device)
            content = asdict(result) | {"gains": gains}
            del content["key"], content["folder"]
            (entry / "entry.json").write_text(json.dumps(content), encoding="utf-8")
            self._publish(entry, result.folder)
        return result

    def _folder(self, key: str) -> Path:
        return self.root / key[:2] / key

    def _publish(self, made: Path, folder: Path) -> None:
        """Move a finished entry into place; an equal one that came first stays."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and self.get(folder.name) is None:
            shutil.rmtree(folder)  # damaged: a stem's file has been deleted
        try:
            made.rename(folder)
        except OSError:
            if not (folder / "entry.json").is_file():
                raise

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".making-", dir=self.root) as folder:
                yield Path(folder)
        except OSError as error:
            raise OutputError(
                f"The estimate store {self.root} cannot be written ({error.strerror or error}): "
                "choose another store= or output= folder, or make room."
            ) from error


class _Timed:
    """Iterates over something and adds up the seconds that its items take to be made."""

    def __init__(self, items: Iterable[Audio]) -> None:
        self._items = iter(items)
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Audio]:
        while True:
            started = time.perf_counter()
            item = next(self._items, None)
            self.seconds += time.perf_counter() - started
            if item is None:
                return
            yield item


def disk_free(path: Path) -> int:
    """Return the free bytes on the disk that holds `path` or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def writable(folder: Path) -> bool:
    """Tell whether files can be made in `folder` (created if absent)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            return os.access(folder, os.W_OK)
    except OSError:
        return False
