"""Small spectrograms of audio files as PNG, made once per file."""

from __future__ import annotations

import hashlib
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from stemwise.core.errors import OutputError
from stemwise.core.places import Place, opened, version

WIDTH, HEIGHT = 320, 96
SECONDS = 30.0
_LEVELS = 24  # few levels, so that a picture stays far below 30 kB
_RANGE_DB = 72.0
_FFT = 2048
_LOWEST_HZ = 40.0
# dark blue – violet – orange – pale yellow: lighter is louder for every kind of colour vision
_STOPS = (
    (9, 11, 28),
    (66, 24, 104),
    (150, 44, 110),
    (222, 92, 70),
    (250, 180, 90),
    (252, 250, 200),
)

Float = npt.NDArray[np.float64]


def middle(path: Place, seconds: float = SECONDS) -> tuple[npt.NDArray[np.float32], int]:
    """Return (samples `(n, channels)`, rate) of the middle of a file, all of a short one.

    Of a remote file only what is needed is fetched.

    Raises:
        soundfile.SoundFileError: it cannot be decoded.
        OSError: it cannot be read.
    """
    with opened(path) as readable, soundfile.SoundFile(readable) as file:
        wanted = min(file.frames, int(seconds * file.samplerate))
        file.seek((file.frames - wanted) // 2)
        return file.read(wanted, dtype="float32", always_2d=True), int(file.samplerate)


def picture(samples: npt.NDArray[np.float32], rate: int) -> bytes:
    """Return the PNG of a spectrogram: pitch upwards (logarithmic), level as lightness."""
    mono = samples.mean(axis=1, dtype=np.float64)
    mono = np.pad(mono, (0, max(0, _FFT - len(mono))))
    starts = np.linspace(0, len(mono) - _FFT, WIDTH).astype(int)
    frames = mono[starts[:, None] + np.arange(_FFT)] * np.hanning(_FFT)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    level = 10 * np.log10(_bands(power, rate) + 1e-12)
    top = max(float(level.max()), -60.0)  # silence stays dark
    scaled = np.clip((level - top) / _RANGE_DB + 1, 0, 1)
    return _png(np.round(scaled * (_LEVELS - 1)).astype(np.uint8).T[::-1])


def _bands(power: Float, rate: int) -> Float:
    """Return the strongest bin within each of HEIGHT bands, evenly spaced in pitch."""
    edges = np.geomspace(_LOWEST_HZ, rate / 2, HEIGHT + 1) / rate * _FFT
    low = np.clip(edges[:-1].astype(int), 0, power.shape[1] - 1)
    high = np.clip(np.ceil(edges[1:]).astype(int), low + 1, power.shape[1])
    return np.stack([power[:, a:b].max(axis=1) for a, b in zip(low, high, strict=True)], axis=1)


def _png(indices: npt.NDArray[np.uint8]) -> bytes:
    """Return an image of palette indices `(height, width)` as PNG."""
    where = np.linspace(0, len(_STOPS) - 1, _LEVELS)
    colours = np.stack(
        [np.interp(where, range(len(_STOPS)), [stop[c] for stop in _STOPS]) for c in range(3)],
        axis=1,
    )
    height, width = indices.shape
    lines = b"".join(b"\0" + row.tobytes() for row in indices)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    palette = colours.round().astype(np.uint8).tobytes()
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


class Gallery:
    """The spectrograms of a report.

    Args:
        folder: where they go; what is there already is not made again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._wanted: set[str] = set()

    def add(self, audio: Place) -> str | None:
        """Return the file name of the spectrogram of `audio`; None where that cannot be decoded.

        Raises:
            OutputError: the folder cannot be written.
        """
        try:
            size, mark = version(audio)
            known = f"{audio}:{size}:{mark}"  # another content has another name
            name = f"{hashlib.sha256(known.encode()).hexdigest()[:16]}.png"
            if not (self.folder / name).is_file():
                made = picture(*middle(audio))
                self._write(name, made)
        except (soundfile.SoundFileError, OSError):
            return None
        self._wanted.add(name)
        return name

    def _write(self, name: str, content: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be written ({error.strerror or error}): make room."
            ) from error

    def sweep(self) -> None:
        """Remove pictures that nothing asked for, of estimates that are no more."""
        for path in self.folder.glob("*.png"):
            if path.name not in self._wanted:
                with suppress(OSError):
                    path.unlink()
