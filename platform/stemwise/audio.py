"""Reading, writing and reshaping audio.

wav, flac, ogg and mp3 are decoded by libsndfile, everything else (m4a, mp4, stem.mp4) by PyAV,
whose wheel carries its codecs, so no system ffmpeg is needed. A file that is cut, empty or holds
NaN is an `AudioError`: scoring half a song as if it were whole would be worse than not scoring it.
(Bare streams, `.aac` or an mp3 without a Xing header, do not say how long they are meant to be.)
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from stemwise.completeness import check_complete
from stemwise.errors import AudioError
from stemwise.raw_audio import RawAudio
from stemwise.types import CHANNELS, SAMPLE_RATE, Audio, Source

if TYPE_CHECKING:
    from av import AudioFrame

SNDFILE_SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"}
AV_SUFFIXES = {".m4a", ".mp4", ".aac", ".mka", ".webm", ".wma"}
AUDIO_SUFFIXES = SNDFILE_SUFFIXES | AV_SUFFIXES
_READ_FRAMES = 1 << 20


@dataclass(frozen=True)
class Decoded:
    """Audio as it lies in a file: `(channels, samples)` float32 at the file's own rate."""

    samples: Audio
    sample_rate: int


def read(source: Source | Path | str) -> Decoded:
    """Decode one file (or one stream of a container) whole, at its own rate and channel count.

    Raises:
        AudioError: the file is absent, not audio, cut, empty, or holds NaN or infinity.
    """
    source = source if isinstance(source, Source) else Source(Path(source))
    path = source.path
    if not path.is_file():
        raise AudioError(f"{path} does not exist or is not a file.")
    if source.stream is None and _is_for_sndfile(path):
        decoded = _read_sndfile(path)
    else:
        decoded = _read_av(path, source.stream or 0)
    if decoded.samples.shape[1] == 0:
        raise AudioError(f"{path} holds no audio samples.")
    bad = decoded.samples.size - int(np.count_nonzero(np.isfinite(decoded.samples)))
    if bad:
        raise AudioError(
            f"{path} holds {bad} samples that are NaN or infinite: export the file again."
        )
    return decoded


def _read_sndfile(path: Path) -> Decoded:
    try:
        with soundfile.SoundFile(path) as file:
            promised = file.frames
            samples = file.read(dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error
    check_complete(path, promised, len(samples))
    return Decoded(np.ascontiguousarray(samples.T), rate)


def _is_for_sndfile(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix == ".mp3":
        return _mp3_knows_its_length(path)
    return suffix not in AV_SUFFIXES


def _mp3_knows_its_length(path: Path) -> bool:
    """Tell whether an mp3's first frame holds its length.

    Where it does not, libsndfile estimates: it would cut a song of variable bit rate short.
    """
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # the tag's size has seven bits per byte
            size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
            file.seek(10 + size)
            head = b""
        head += file.read(2048)
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _read_av(path: Path, stream: int) -> Decoded:
    import av  # its shared libraries cost 0.2 s at import and only containers need them

    try:
        # Tags in another encoding than UTF-8 are no reason to refuse a song.
        with av.open(str(path), metadata_errors="ignore") as container:
            streams = container.streams.audio
            if stream >= len(streams):
                raise AudioError(
                    f"{path} has {len(streams)} audio streams, but stream {stream} was asked for."
                )
            chosen = streams[stream]
            rate = int(chosen.rate or 0)
            resampler = av.AudioResampler(format="fltp")
            blocks: list[Audio] = []
            for frame in container.decode(chosen):
                blocks.extend(_planes(out) for out in resampler.resample(frame))
            blocks.extend(_planes(out) for out in resampler.resample(None))
    except av.FFmpegError as error:
        raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error
    if not blocks:
        raise AudioError(f"{path} holds no audio samples.")
    samples = np.concatenate(blocks, axis=1)
    check_complete(path, 0, samples.shape[1])
    return Decoded(samples, rate)


def _planes(frame: AudioFrame) -> Audio:
    return np.asarray(frame.to_ndarray(), dtype=np.float32)


def to_layout(decoded: Decoded, origin: object = "audio") -> Audio:
    """Return stereo at 44.1 kHz: mono is doubled, other rates are resampled (soxr, VHQ).

    Raises:
        AudioError: more than two channels: which of them make up the stereo picture is unknown.
    """
    samples = decoded.samples
    channels = samples.shape[0]
    if channels > CHANNELS:
        raise AudioError(
            f"{origin} has {channels} channels, but separators take mono or stereo: "
            "mix it down first."
        )
    if decoded.sample_rate != SAMPLE_RATE:
        samples = resample(samples, decoded.sample_rate, SAMPLE_RATE)
    if channels == 1:
        samples = np.repeat(samples, CHANNELS, axis=0)
    return np.ascontiguousarray(samples, dtype=np.float32)


def load(source: Source | Path | str) -> Audio:
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
        with raw.open("wb") as out:
            for block in _stereo_blocks(path):
                np.ascontiguousarray(block.T).tofile(out)
                frames += block.shape[1]
        if frames == 0:
            raise AudioError(f"{path} holds no audio samples.")
        yield RawAudio(raw, frames)


def _stereo_blocks(path: Path) -> Iterator[Audio]:
    """Decode blockwise; containers that only PyAV reads are decoded whole."""
    if not path.is_file() or not _is_for_sndfile(path):
        yield load(path)
        return
    try:
        with soundfile.SoundFile(path) as file:
            rate, channels, frames = int(file.samplerate), int(file.channels), 0
            if channels > CHANNELS:
                to_layout(Decoded(np.zeros((channels, 1), np.float32), rate), path)
            stream = (
                None
                if rate == SAMPLE_RATE
                else soxr.ResampleStream(
                    rate, SAMPLE_RATE, channels, dtype="float32", quality="VHQ"
                )
            )
            while True:
                block: Audio = file.read(_READ_FRAMES, dtype="float32", always_2d=True)
                if not np.isfinite(block).all():
                    raise AudioError(f"{path} holds samples that are NaN or infinite.")
                frames += len(block)
                last = len(block) < _READ_FRAMES
                if last:
                    check_complete(path, file.frames, frames)
                if stream is not None:
                    block = stream.resample_chunk(block, last=last)
                yield np.repeat(block.T, CHANNELS, axis=0) if channels == 1 else block.T
                if last:
                    return
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error
