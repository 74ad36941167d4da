"""Reading, writing and reshaping audio.

wav, flac, ogg and mp3 are decoded by libsndfile, everything else (m4a, mp4, WavPack, AC-3 …) by PyAV,
whose wheel carries its codecs, so no system ffmpeg is needed (`formats.py`). A file that is cut, empty
or holds NaN is an `AudioError`: scoring half a song as if it were whole would be worse than not
scoring it.
(Bare streams, `.aac` or an mp3 without a Xing header, do not say how long they are meant to be.)
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from stemwise.audio import containers
from stemwise.audio.completeness import LENGTH_UNKNOWN, check_complete
from stemwise.audio.formats import is_for_sndfile
from stemwise.audio.raw import RawAudio
from stemwise.core.errors import AudioError
from stemwise.core.places import Place, local_copy, place
from stemwise.core.types import CHANNELS, SAMPLE_RATE, Audio, Source

_READ_FRAMES = 1 << 20
# 40 dB above full scale. Mixes in float overshoot it by some 20 dB at most; what lies beyond is no
# level but another scale (16-bit steps written as floats peak at +90 dBFS) or nonsense, and models
# answer it with numbers that overflow.
MAX_PEAK = 100.0


@dataclass(frozen=True)
class Decoded:
    """Audio as it lies in a file: `(channels, samples)` float32 at the file's own rate."""

    samples: Audio
    sample_rate: int


def read(source: Source | Place | str) -> Decoded:
    """Decode one file (or one stream of a container) whole, at its own rate and channel count.

    A remote file is fetched first, and its copy removed afterwards.

    Raises:
        AudioError: the file is absent, not audio, cut, empty, or holds NaN or infinity.
        StorageError: a remote file cannot be fetched.
    """
    source = source if isinstance(source, Source) else Source(place(source))
    with local_copy(source.path) as path:
        return _read_local(path, source.stream)


def _read_local(path: Path, stream: int | None) -> Decoded:
    if not path.is_file():
        raise AudioError(f"{path} does not exist or is not a file.")
    if stream is None and is_for_sndfile(path, path.suffix.lower()):
        decoded = _read_sndfile(path)
    else:
        decoded = _read_av(path, stream or 0)
    if decoded.samples.shape[1] == 0:
        raise AudioError(f"{path} holds no audio samples.")
    _check_level(path, decoded.samples)
    return decoded


def _check_level(path: Path, samples: Audio) -> None:
    """Raise `AudioError` where samples are not finite, or beyond any level (`MAX_PEAK`)."""
    peak = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
    if peak <= MAX_PEAK:
        return
    bad = samples.size - int(np.count_nonzero(np.isfinite(samples)))
    if bad:
        raise AudioError(
            f"{path} holds {bad} samples that are NaN or infinite: export the file again."
        )
    raise AudioError(
        f"{path} has a peak of {peak:.3g} ({20 * math.log10(peak):+.0f} dB re full scale, at most "
        f"{20 * math.log10(MAX_PEAK):+.0f} are taken): export it again with samples from -1 to 1."
    )


def _read_sndfile(path: Path) -> Decoded:
    with _decoding(path), soundfile.SoundFile(path) as file:
        promised = file.frames
        samples = file.read(dtype="float32", always_2d=True)
        rate = int(file.samplerate)
    check_complete(path, promised, len(samples))
    return Decoded(np.ascontiguousarray(samples.T), rate)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turn what the decoders raise about the file at `path` into an `AudioError`."""
    try:
        yield
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error


def _read_av(path: Path, stream: int) -> Decoded:
    with containers.open_container(path, path.suffix.lower()) as container:
        chosen = containers.audio_stream(path, container, stream)
        blocks = list(containers.blocks(path, container, chosen, _READ_FRAMES))
    if not blocks:
        raise AudioError(f"{path} holds no audio samples.")
    return Decoded(np.concatenate(blocks, axis=1), int(chosen.rate or 0))


def to_layout(decoded: Decoded, origin: object = "audio") -> Audio:
    """Return stereo at 44.1 kHz: mono is doubled, other rates are resampled (soxr, VHQ).

    Raises:
        AudioError: more than two channels: which of them make up the stereo picture is unknown.
    """
    samples = decoded.samples
    _checked_channels(samples.shape[0], origin)
    if decoded.sample_rate != SAMPLE_RATE:
        samples = resample(samples, decoded.sample_rate, SAMPLE_RATE)
    return np.ascontiguousarray(_two_channels(samples), dtype=np.float32)


def _checked_channels(channels: int, origin: object) -> int:
    if channels > CHANNELS:
        raise AudioError(
            f"{origin} has {channels} channels, but separators take mono or stereo: "
            "mix it down first."
        )
    return channels


def _two_channels(samples: Audio) -> Audio:
    return np.repeat(samples, CHANNELS, axis=0) if len(samples) == 1 else samples


def load(source: Source | Place | str) -> Audio:
    """Decode one file and bring it to stereo, 44.1 kHz (see `read` and `to_layout` for errors)."""
    path = source.path if isinstance(source, Source) else source
    return to_layout(read(source), path)


def resample(samples: Audio, rate: int, target: int) -> Audio:
    """Resample `(channels, samples)` from `rate` to `target` Hz."""
    out: Audio = soxr.resample(samples.T, rate, target, quality="VHQ").T
    return np.ascontiguousarray(out, dtype=np.float32)


def fit_length(samples: Audio, length: int) -> Audio:
    """Trim or zero-pad the last axis at its end to `length`."""
    missing = length - samples.shape[-1]
    if missing <= 0:
        return samples[..., :length]
    return np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(0, missing)])


def rms_dbfs(samples: Audio) -> float:
    """Root mean square over channels and samples in dB re full scale; −inf for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf


@dataclass(frozen=True)
class Opened:
    """An open audio file.

    `sample_rate` in Hz and `channels` are the file's own, `frames` what its header promises (None
    where it does not say). `streams` are kind and codec of what a container holds, for example
    `("audio", "aac")`, cover pictures left out. `blocks` gives stereo at 44.1 kHz, `(2, samples)`,
    block by block, and raises an `AudioError` as `read` and `to_layout` would.
    """

    sample_rate: int
    channels: int
    frames: int | None
    blocks: Iterator[Audio]
    streams: tuple[tuple[str, str], ...] = ()


@contextmanager
def open_blocks(path: Path, suffix: str | None = None) -> Iterator[Opened]:
    """Open a file to be decoded and resampled block by block, so that an hour costs no memory.

    `suffix` (with its dot) says what the file is where its name does not; it is then read as that and
    nothing else.

    Raises:
        AudioError: the file is absent or cannot be opened as audio.
    """
    told, suffix = suffix is not None, (path.suffix if suffix is None else suffix).lower()
    streams: tuple[tuple[str, str], ...] = ()
    if not path.is_file():
        raise AudioError(f"{path} does not exist or is not a file.")
    with ExitStack() as stack:
        if is_for_sndfile(path, suffix, told):
            with _decoding(path):
                file = stack.enter_context(soundfile.SoundFile(path))
            rate, channels = int(file.samplerate), int(file.channels)
            frames = int(file.frames) if file.frames < LENGTH_UNKNOWN else None
            blocks = _sndfile_blocks(path, file)
        else:
            container = stack.enter_context(containers.open_container(path, suffix, told))
            stream = containers.audio_stream(path, container, 0)
            streams = containers.streams(container)
            rate, channels, frames = int(stream.rate), int(stream.channels), None
            blocks = containers.blocks(path, container, stream, _READ_FRAMES)
        yield Opened(rate, channels, frames, _stereo_blocks(path, rate, channels, blocks), streams)


def _sndfile_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[Audio]:
    frames, last = 0, False
    while not last:
        with _decoding(path):
            block: Audio = file.read(_READ_FRAMES, dtype="float32", always_2d=True)
        frames += len(block)
        last = len(block) < _READ_FRAMES
        if last:
            check_complete(path, file.frames, frames)
        yield block.T


def _stereo_blocks(
    path: Path, rate: int, channels: int, blocks: Iterator[Audio]
) -> Iterator[Audio]:
    """Bring `blocks` to stereo and 44.1 kHz, as `to_layout` does with all of them at once."""
    _checked_channels(channels, path)  # before a block of a thousand channels fills the memory
    stream = None
    for block in blocks:
        if stream is None and rate != SAMPLE_RATE:
            channels = _checked_channels(len(block), path)  # what the decoder really gives
            stream = soxr.ResampleStream(
                rate, SAMPLE_RATE, channels, dtype="float32", quality="VHQ"
            )
        _check_level(path, block)
        yield _two_channels(block if stream is None else stream.resample_chunk(block.T).T)
    if stream is not None:
        rest = np.zeros((0, channels), np.float32)
        yield _two_channels(stream.resample_chunk(rest, last=True).T)


@contextmanager
def open_on_disk(path: Path | str) -> Iterator[RawAudio]:
    """Yield a file as stereo 44.1 kHz on disk, so that an hour costs no memory.

    Decoding and resampling run block by block into a temporary file that is removed on leaving.

    Raises:
        AudioError: as `read` and `to_layout`.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix="stemwise-") as folder:
        raw = Path(folder) / "mixture.f32"
        frames = 0
        with raw.open("wb") as out, open_blocks(path) as opened:
            for block in opened.blocks:
                append_frames(out, block)
                frames += block.shape[1]
        if frames == 0:
            raise AudioError(f"{path} holds no audio samples.")
        yield RawAudio(raw, frames)


def append_frames(out: BinaryIO, block: Audio) -> None:
    """Write `(2, samples)` to the raw file `out` in the layout of `RawAudio`."""
    # Not `tofile`, which does not say why it fails (a full disk, for one).
    out.write(np.ascontiguousarray(block.T, dtype=np.float32).data)
