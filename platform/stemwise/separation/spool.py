"""Estimates on disk while they are made, so that their length costs no memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from stemwise.audio.raw import RawAudio
from stemwise.core.types import CHANNELS, SAMPLE_RATE, Audio

_BLOCK = 1 << 15  # frames that stay in the CPU's cache from one pass over them to the next
_STEPS = 1 << 23  # of 24 bits from silence to full scale
FULL_SCALE = 1 - 2.0**-23  # the largest value that 24 bits hold
# How stems are encoded, by file format.
SUBTYPES = {"flac": "PCM_24", "wav": "FLOAT"}
# A quarter less CPU time than libFLAC's default, for files that are 3 % larger (24 bits, one minute of
# vocals); lossless like every level.
_FLAC_LEVEL = 0.1


class Frames(Protocol):
    """Audio that is read from its beginning, in blocks of frames."""

    def frames(self, block: int) -> Iterator[Audio]:
        """Yield all frames, `(n, 2)` float32, `block` at a time."""


def raw_path(folder: Path, stem: str) -> Path:
    """Return the raw file of a stem."""
    return folder / f"{stem}.f32"


class Spool:
    """Collects consecutive stretches of several stems in raw files; `folder` must exist.

    First everything is added, then it is read. With the mode `r+b` the files must exist, too.
    """

    def __init__(
        self, folder: Path, stems: Iterable[str], mode: Literal["ab", "r+b"] = "ab"
    ) -> None:
        self.stems, self._mode = tuple(stems), mode
        self.peaks = dict.fromkeys(self.stems, 0.0)
        self.samples = 0
        self._paths = {stem: raw_path(folder, stem) for stem in self.stems}

    def add(self, stretch: Audio) -> None:
        """Append `(stems, 2, n)` float32."""
        self.samples += stretch.shape[2]
        for stem, signal in zip(self.stems, stretch, strict=True):
            with self._paths[stem].open(self._mode, buffering=0) as file:
                file.seek(0, os.SEEK_END)
                for frames in _frames(signal):
                    frames.tofile(file)
                    peak = max(float(frames.max()), -float(frames.min()))
                    self.peaks[stem] = max(self.peaks[stem], peak)

    def read(self, stem: str) -> RawAudio:
        """Return `stem`, `(2, samples)`, to be read in slices."""
        return RawAudio(self._paths[stem], self.samples)

    def encode(
        self,
        stem: str,
        path: Path,
        gain: float = 1.0,
        subtype: str = "PCM_24",
        rate: int = SAMPLE_RATE,
    ) -> None:
        """Write `stem`·gain as an audio file in the format that its suffix names."""
        encode(self.read(stem), path, gain, subtype, rate)


def _frames(signal: Audio) -> Iterator[Audio]:
    """Yield `(2, samples)` as `(n, 2)`, part by part, in memory that the next part takes."""
    frames = np.empty((_BLOCK, len(signal)), np.float32)
    for start in range(0, signal.shape[1], _BLOCK):
        part = signal[:, start : start + _BLOCK]
        for channel, samples in enumerate(part):  # three times faster than assigning part.T
            frames[: len(samples), channel] = samples
        yield frames[: part.shape[1]]


def encode(
    signal: Frames,
    path: Path,
    gain: float = 1.0,
    subtype: str = "PCM_24",
    rate: int = SAMPLE_RATE,
) -> None:
    """Write `signal`·gain as an audio file in the format that its suffix names."""
    level = _FLAC_LEVEL if path.suffix == ".flac" else None
    with soundfile.SoundFile(
        path, "w", rate, CHANNELS, subtype=subtype, compression_level=level
    ) as file:
        for frames in signal.frames(_BLOCK):
            if subtype == "PCM_24":  # its 24 bits are the upper ones of 32
                steps = to_24_bits(frames, gain)
                file.write(np.left_shift(steps, 8, out=steps))
            else:
                file.write(frames * np.float32(gain))


def to_24_bits(samples: Audio, gain: float = 1.0) -> npt.NDArray[np.int32]:
    """Return samples·gain as whole numbers of 24 bits, the nearest ones."""
    return _steps(samples, gain, np.empty(samples.shape, np.float32)).astype(np.int32)


def _steps(samples: Audio, gain: float, out: Audio) -> Audio:
    """Write the nearest whole number of steps of samples·gain to `out`; return that."""
    np.multiply(samples, np.float32(gain), out=out)
    np.multiply(out, np.float32(_STEPS), out=out)
    np.rint(out, out=out)
    return np.clip(out, -_STEPS, _STEPS - 1, out=out)


def as_stored(samples: Audio, gain: float = 1.0) -> Audio:
    """Return what is read of samples·gain from a file of 24 bits, the gain undone."""
    read = np.empty(samples.shape, np.float32)
    for start in range(0, samples.shape[-1], _BLOCK):
        part = read[..., start : start + _BLOCK]
        _steps(samples[..., start : start + _BLOCK], gain, part)
        part += 0  # whole numbers know no −0
        part /= np.float32(_STEPS)
        if gain != 1:
            part /= np.float32(gain)
    return read


def common_gain(spools: Mapping[str, Spool], file_format: str) -> float:
    """Return the factor that keeps the loudest stem below FLAC's full scale; 1 where nothing clips.

    It is the same for all stems, so that they still add up.
    """
    peak = max(spool.peaks[stem] for stem, spool in spools.items())
    return FULL_SCALE / peak if file_format == "flac" and peak > FULL_SCALE else 1.0
