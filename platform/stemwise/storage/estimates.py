"""The estimate store: what a model once made of a mixture is never computed again.

An entry's key is a digest of the decoded audio, the model's identity (class, settings, checkpoint
digests), the engine's version, and the precision where that is not float32. It is a folder
`<root>/<key[:2]>/<key>/` with one 24-bit FLAC per stem and `entry.json`. A stem that would clip is
stored scaled down; `gain` records by how much: stored samples = estimate · gain. An entry whose files
are not whole counts as absent.

Entries are made in a folder of this machine (`scratch`). A local entry is then moved into place; of a
remote one (`s3://…`) `entry.json` is written last, and makes it visible.

An entry may be handed on raw, as float32 in `<scratch>/.raw/<key>/`, by a process that has better things
to do than to encode it; whoever measures it encodes it then. Reading gives the same samples either way.
A store that keeps nothing has raw entries only, which are removed once they are measured, and which
each run has for itself.

Runs that share a store claim a key before they make its entry (`claims.py`), so that none is made twice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from errno import EXDEV
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from stemwise.audio.raw import RawAudio
from stemwise.core import places
from stemwise.core.errors import AudioError, OutputError, StorageError
from stemwise.core.places import Place, is_local
from stemwise.core.precision import FP32, Precision
from stemwise.core.types import CHANNELS, Audio
from stemwise.separation.spool import FULL_SCALE, Spool, as_stored, encode, raw_path
from stemwise.storage.claims import Claim, Claims, claiming

if TYPE_CHECKING:
    from upath import UPath

_CONTENT = "entry.json"
_SCRATCH = ".making-"
_SONG = ".song-"
_RAW = ".raw"


@dataclass(frozen=True)
class Entry:
    """One separation in the store."""

    key: str
    folder: Place
    gains: Mapping[str, float]
    samples: int
    wall_s: float
    device: str
    batch_size: int | None = None  # chunks of a pass; unknown of entries that older versions wrote
    precision: Precision = FP32  # all that older versions knew
    raw: Path | None = field(default=None, compare=False)  # where it lies that is not encoded yet
    kept: bool = field(default=True, compare=False)  # whether it stays once it is measured

    @property
    def stems(self) -> tuple[str, ...]:
        """Stems in the model's order."""
        return tuple(self.gains)

    def path(self, stem: str) -> Place:
        """Return the FLAC file of `stem`."""
        return self.folder / f"{stem}.flac"

    def uri(self, stem: str) -> str | None:
        """Return where `stem` can be found later; None where it is not kept."""
        return str(self.path(stem)) if self.kept else None

    def read(self, stem: str) -> Audio:
        """Return the estimate `(channels, samples)`, its gain undone.

        Raises:
            AudioError: the file is absent or damaged; the entry then counts as absent from now on.
            StorageError: it cannot be fetched.
        """
        if self.raw is not None and (samples := self._read_raw(self.raw, stem)) is not None:
            return samples
        problem: object = "it is cut"
        try:
            with places.local_copy(self.path(stem)) as file:
                samples, _ = soundfile.read(file, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            samples, problem = np.zeros((0, 2), np.float32), error
        if len(samples) != self.samples:
            self._forget()
            raise AudioError(
                f"{self.path(stem)} in the estimate store is damaged ({problem}): "
                "run again, and it is made again."
            )
        audio: Audio = np.ascontiguousarray(samples.T)
        return audio if self.gains[stem] == 1 else audio / np.float32(self.gains[stem])

    def _forget(self) -> None:
        with suppress(OSError):
            places.remove(self.folder / _CONTENT)

    def _read_raw(self, folder: Path, stem: str) -> Audio | None:
        """Return the estimate as it will be read once it is encoded; None where it is by now."""
        signal = RawAudio(raw_path(folder, stem), self.samples)
        try:
            samples = signal[:, :]
        except OSError:
            return None
        return as_stored(samples, self.gains[stem])


def audio_digest(*signals: Audio) -> str:
    """Return the SHA-256 of shape and samples of decoded audio."""
    digest = hashlib.sha256()
    for signal in signals:
        digest.update(repr(signal.shape).encode())
        digest.update(np.ascontiguousarray(signal, dtype="<f4").data)
    return digest.hexdigest()


def entry_key(audio: str, identity: str, engine: int, precision: Precision = FP32) -> str:
    """Return the key of (decoded audio, model identity, engine version, precision)."""
    # float32 is not named, so that entries of versions that knew nothing else are found
    named = "" if precision == FP32 else f":{precision}"
    return hashlib.sha256(f"{audio}:{identity}:{engine}{named}".encode()).hexdigest()


class EstimateStore:
    """A folder of entries that several processes may read and write at once.

    Args:
        root: the folder, local or remote.
        scratch: a folder of this machine in which entries are made, and lie while they are raw; None is
            `root` where that is local, else a folder of the system's for temporary files.
        raw: whether `put` leaves the encoding to others (`settle`).
        keep: whether entries stay; else they are there, raw, until `settle` removes them.
        owner: whose raw entries they are, where none is kept.
    """

    def __init__(
        self,
        root: Place,
        scratch: Path | None = None,
        raw: bool = False,
        keep: bool = True,
        owner: str = "",
    ) -> None:
        self.root, self.keep, self.owner = root, keep, owner
        self.scratch = places.scratch_of(root) if scratch is None else scratch
        self.raw = raw or not keep
        self._unseen: set[str] = set()

    def get(self, key: str) -> Entry | None:
        """Return the entry called `key`, or None where it was never finished or is not whole.

        Raises:
            StorageError: a remote store cannot be read.
        """
        found = self._get_published(key) or self._get_raw(key)
        # another run may have encoded it, and removed the raw one, between the two looks
        return self._get_published(key) if found is None and is_local(self.root) else found

    def _get_published(self, key: str) -> Entry | None:
        folder = self._folder(key)
        there = self._sizes(folder)
        if _CONTENT not in there:
            return None
        try:
            content = json.loads(places.read_bytes(folder / _CONTENT))
            sizes = content.pop("sizes")
            entry = Entry(key=key, folder=folder, **content)
            whole = all(there.get(entry.path(stem).name) == sizes[stem] for stem in entry.stems)
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return None
        return entry if whole else None

    def _sizes(self, folder: Place) -> Mapping[str, int]:
        """Return name → bytes of an entry's files; empty where there is none."""
        if is_local(folder):
            try:
                return {file.name: file.stat().st_size for file in folder.iterdir()}
            except OSError:
                return {}
        try:
            return places.sizes(folder)
        except OSError as error:
            raise StorageError(
                f"The estimate store {self.root} cannot be read ({places.cause(error)}): check the "
                "credentials and the connection."
            ) from error

    def _get_raw(self, key: str) -> Entry | None:
        folder = self._raw_folder(key)
        try:
            content = json.loads((folder / _CONTENT).read_text(encoding="utf-8"))
            entry = Entry(key=key, folder=self._folder(key), raw=folder, kept=self.keep, **content)
            size = entry.samples * CHANNELS * np.dtype(np.float32).itemsize
            whole = all(raw_path(folder, stem).stat().st_size == size for stem in entry.stems)
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return None
        return entry if whole else None

    def settle(self, key: str) -> None:
        """Encode an entry that was handed on raw, or remove it where nothing is kept.

        Raises:
            OutputError: the store cannot be written.
            StorageError: it cannot be read.
        """
        raw = self._get_raw(key)
        if raw is None or raw.raw is None:
            return
        if self.keep and not self._is_published(key):
            try:
                with self._making() as scratch:
                    made = scratch / "entry"
                    made.mkdir()
                    self._encode(raw, made)
                    self._publish(made, raw.folder)
            except (OSError, soundfile.SoundFileError) as error:
                # another run that encodes it too may be faster, and remove the raw one
                if not self._is_published(key):
                    raise self._unwritable(error) from error
        shutil.rmtree(raw.raw, ignore_errors=True)

    def claim(self, key: str, patient: bool = True) -> Claim | Entry | None:
        """Return a claim on a key that has no entry, or the entry that somebody else has made meanwhile.

        Hold the claim while the entry is made (`claimed`). Nobody claims what is not kept. Whoever waits
        first encodes what others cannot see of his, so that two never wait for each other.

        Args:
            key: from `entry_key`.
            patient: whether to wait while somebody else makes it; else None is returned.

        Raises:
            OutputError: the store cannot be written.
            StorageError: it cannot be read.
        """
        if not self.keep:
            return Claim(lambda: None)
        claims = Claims(self.root)
        try:
            claim: Claim | Entry | None = claims.take(key)
            if claim is None and patient:
                self._show_others()
                claim = claims.wait(key, lambda: self.get(key))
        except OSError as error:
            raise self._unwritable(error) from error
        if not isinstance(claim, Claim):
            return claim
        # it may have been made between the look at the store and the claim
        if (found := self.get(key)) is not None:
            claim.release()
            return found
        return claim

    @contextmanager
    def claimed(self, key: str, claim: Claim) -> Iterator[None]:
        """Hold a claim while the entry is made, and on until others can see that it was."""
        raw = self._raw_folder(key)
        seen = is_local(self.root) and self.scratch == self.root
        with claiming(claim, lambda: seen or not raw.is_dir()):
            yield
            if not seen:
                self._unseen.add(key)

    def _show_others(self) -> None:
        """Encode the raw entries that are claimed because other machines cannot see them."""
        for key in tuple(self._unseen):
            self.settle(key)
            self._unseen.discard(key)

    def song_folder(self) -> Path | None:
        """Make a scratch folder for what is decoded of a song; None where that is impossible."""
        with suppress(OSError):
            self.scratch.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=_SONG, dir=self.scratch))
        return None

    def drop(self, keys: Iterable[str], folder: Path | None) -> None:
        """Remove raw entries that nobody will settle, and what was decoded of their song."""
        for left in (*map(self._raw_folder, keys), *([folder] if folder else [])):
            shutil.rmtree(left, ignore_errors=True)

    def _is_published(self, key: str) -> bool:
        entry = self.get(key)
        return entry is not None and entry.raw is None

    def put(
        self,
        key: str,
        stems: Iterable[str],
        stretches: Iterable[Audio],
        device: str,
        batch_size: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        precision: Precision = FP32,
    ) -> Entry:
        """Store a separation as it is made and return its entry.

        Args:
            key: from `entry_key`.
            stems: in the order of the estimates.
            stretches: consecutive `(stems, channels, n)` float32 parts of the estimates; the time
                that making them takes is recorded as `wall_s`.
            device: what it ran on.
            batch_size: tells the chunks of a pass; asked after the last stretch, since memory that does
                not suffice makes them fewer on the way.
            clock: seconds that count for `wall_s`.
            precision: in which it was computed.

        Raises:
            OutputError: the store cannot be written.
        """
        timed = _Timed(stretches, clock)
        place = self._raw_folder(key) if self.raw else self._folder(key)
        try:
            with self._making() as scratch:
                made = self._make(scratch, key, tuple(stems), timed, device, batch_size, precision)
                self._publish(made, place)
        except (OSError, soundfile.SoundFileError) as error:
            if error is timed.error:
                raise  # what was to be stored could not be made
            raise self._unwritable(error) from error
        # an equal one of another process may have come first
        entry = (self._get_raw(key) if self.raw else None) or self.get(key)
        if entry is None:
            raise OutputError(f"{self._folder(key)} vanished while it was written: run again.")
        return entry

    def sweep(self, older_than_s: float = 86_400) -> None:
        """Remove what processes on this machine left behind that were killed in the middle of it."""
        local = {self.scratch, *([self.root] if is_local(self.root) else [])}
        kinds = (f"{_SCRATCH}*", f"{_SONG}*", f"{_RAW}/*")
        left = [path for folder in local for kind in kinds for path in folder.glob(kind)]
        for scratch in left:
            with suppress(FileNotFoundError):  # its maker has just finished
                if time.time() - scratch.stat().st_mtime > older_than_s:
                    shutil.rmtree(scratch, ignore_errors=True)

    def _unwritable(self, error: Exception) -> OutputError:
        reason = places.cause(error)
        where = str(getattr(error, "filename", None) or "")
        if self.scratch != self.root and where.startswith(str(self.scratch)):
            return OutputError(
                f"The scratch folder {self.scratch} cannot be written ({reason}): choose another "
                "cluster.scratch=, or make room."
            )
        return OutputError(
            f"The estimate store {self.root} cannot be written ({reason}): "
            "choose another store= or output= folder, or make room."
        )

    def _make(
        self,
        scratch: Path,
        key: str,
        names: tuple[str, ...],
        timed: _Timed,
        device: str,
        batch_size: Callable[[], int] | None,
        precision: Precision,
    ) -> Path:
        """Write an entry into a folder below `scratch` and return that."""
        spooled = scratch / "raw"
        spooled.mkdir()
        spool = Spool(spooled, names)
        for stretch in timed:
            spool.add(stretch)
        gains = {name: min(1.0, FULL_SCALE / max(spool.peaks[name], 1e-9)) for name in names}
        size = batch_size() if batch_size is not None else None
        facts = (gains, spool.samples, timed.seconds, device, size, precision)
        entry = Entry(key, spooled, *facts, raw=spooled)
        if self.raw:
            self._write(spooled, entry)
            return spooled
        made = scratch / "entry"
        made.mkdir()
        self._encode(entry, made)
        return made

    def _encode(self, entry: Entry, folder: Path) -> None:
        """Write a raw entry as FLAC into `folder`."""
        assert entry.raw is not None
        sizes = {}
        for stem in entry.stems:
            path = folder / f"{stem}.flac"
            raw = RawAudio(raw_path(entry.raw, stem), entry.samples)
            encode(raw, path, entry.gains[stem])
            sizes[stem] = path.stat().st_size
        self._write(folder, entry, sizes=sizes)

    def _write(self, folder: Path, entry: Entry, **more: object) -> None:
        content = {
            "gains": dict(entry.gains),
            "samples": entry.samples,
            "wall_s": entry.wall_s,
            "device": entry.device,
            "batch_size": entry.batch_size,
            "precision": entry.precision,
        }
        (folder / _CONTENT).write_text(json.dumps(content | more), encoding="utf-8")

    def _folder(self, key: str) -> Place:
        return self.root / key[:2] / key

    def _raw_folder(self, key: str) -> Path:
        return self.scratch / _RAW / (key if self.keep else f"{self.owner}{key}")

    def _publish(self, made: Path, folder: Place) -> None:
        """Bring a finished entry into place; a local equal one that came first stays."""
        if not is_local(folder):
            _upload(made, folder)
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and self.get(folder.name) is None:
            with suppress(FileNotFoundError):  # another process was faster
                folder.rename(made.parent / "damaged")
        try:
            _move(made, folder)
        except OSError:
            if self.get(folder.name) is None:
                raise

    @contextmanager
    def _making(self) -> Iterator[Path]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=self.scratch) as folder:
            yield Path(folder)


def _move(made: Path, folder: Path) -> None:
    """Move an entry in one step, also to another disk."""
    try:
        made.rename(folder)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        beside = folder.parent.parent / f"{_SCRATCH}{uuid.uuid4().hex}"
        try:
            shutil.copytree(made, beside)
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _upload(made: Path, folder: UPath) -> None:
    """Upload an entry; what makes it visible comes last."""
    files = sorted(made.iterdir(), key=lambda file: file.name == _CONTENT)
    for file in files:
        places.send(file, folder / file.name)


class _Timed:
    """Iterates over something, adds up the seconds that making its items takes, keeps its error."""

    def __init__(self, items: Iterable[Audio], clock: Callable[[], float]) -> None:
        self._items, self._clock = iter(items), clock
        self.seconds = 0.0
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Audio]:
        while True:
            started = self._clock()
            try:
                item = next(self._items, None)
            except Exception as error:
                self.error = error
                raise
            self.seconds += self._clock() - started
            if item is None:
                return
            yield item
