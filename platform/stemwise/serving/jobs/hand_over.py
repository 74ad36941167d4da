"""Signals and estimates handed over as files, between processes that see the same file system.

The ensemble makes a job's folder and says where it is; a model's replica that finds it there reads the
signal from its file and appends its estimates to files that the ensemble has made. Nothing of an hour
of music then passes through another process's memory. A replica on another machine finds no such
folder (or, where a path happens to exist, another token in it) and says so.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stemwise.audio.raw import RawAudio, Signal
from stemwise.core.errors import OutputError
from stemwise.core.types import CHANNELS, Audio
from stemwise.separation.spool import Spool, raw_path
from stemwise.serving.jobs.model_calls import JobStoppedError

_TOKEN = ".token"
FRAME_BYTES = CHANNELS * 4  # float32


@dataclass(frozen=True)
class Place:
    """Where a signal lies (`path`, `samples` frames), and the folder for what is made of it."""

    path: Path
    samples: int
    folder: Path
    token: str

    @staticmethod
    def made(heard: Signal, folder: Path, stems: tuple[str, ...]) -> Place | None:
        """Prepare an existing empty folder; None for a signal that is not in a file."""
        if not isinstance(heard, RawAudio):
            return None
        token = uuid.uuid4().hex
        (folder / _TOKEN).write_text(token)
        for stem in stems:
            raw_path(folder, stem).touch()
        return Place(heard.path.absolute(), heard.samples, folder.absolute(), token)

    def is_here(self) -> bool:
        """Tell whether this process sees signal and folder, not another machine's of the same name."""
        try:
            same = (self.folder / _TOKEN).read_text() == self.token
            return same and self.path.stat().st_size == self.samples * FRAME_BYTES
        except OSError:
            return False

    @property
    def heard(self) -> RawAudio:
        """The signal."""
        return RawAudio(self.path, self.samples)


class Writer:
    """Appends a model's estimates to the files of a place, and knows what a `Spool` has to know."""

    def __init__(self, place: Place, stems: tuple[str, ...]) -> None:
        # the files are there: one that is gone is not made again while the job's folder is deleted
        self._spool = Spool(place.folder, stems, mode="r+b")

    def add(self, stretch: Audio) -> None:
        """Append `(stems, 2, n)`.

        Raises:
            JobStoppedError: the job's folder is gone.
            OutputError: there is no room.
        """
        try:
            self._spool.add(stretch)
        except FileNotFoundError as error:
            raise JobStoppedError from error
        except OSError as error:
            raise OutputError(
                f"The estimates cannot be written ({error.strerror or error}): make room where the "
                "server keeps temporary files."
            ) from error

    def facts(self) -> tuple[int, dict[str, float]]:
        """Return the samples written, and the peaks by stem."""
        return self._spool.samples, dict(self._spool.peaks)


def spool_of(place: Place, samples: int, peaks: Mapping[str, float]) -> Spool:
    """Return the spool of estimates that a `Writer` has finished."""
    spool = Spool(place.folder, tuple(peaks))
    spool.samples = samples
    spool.peaks.update(peaks)
    return spool
