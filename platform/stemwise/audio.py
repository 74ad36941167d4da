"""Reading, writing and reshaping audio.

wav, flac, ogg and mp3 are decoded by libsndfile, everything else (m4a, mp4, stem.mp4) by PyAV, whose
wheel carries its codecs, so no system ffmpeg is needed. A file that is cut, empty or holds NaN is an
`AudioError`: scoring half a song as if it were whole would be worse than not scoring it.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from stemwise.errors import AudioError
from stemwise.types import CHANNELS, SAMPLE_RATE, Audio, Source

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
    use_av = source.stream is not None or path.suffix.lower() in AV_SUFFIXES
    decoded = _read_av(path, source.stream or 0) if use_av else _read_sndfile(path)
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
    # libsndfile shortens `frames` itself when a wav's header promises more than the file holds, so
    # the header is compared as well.
    missing = promised - len(samples) if promised < 1 << 60 else 0
    if missing > 0 or _wav_is_cut(path):
        raise AudioError(
            f"{path} is cut: its header promises more audio than the file holds "
            f"({len(samples)} frames read); copy or export it again."
        )
    return Decoded(np.ascontiguousarray(samples.T), rate)


def _wav_is_cut(path: Path) -> bool:
    """Tell whether a RIFF file ends before its `data` chunk does."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return False
        file.seek(12)
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                # 0 and 0xFFFFFFFF are what streaming writers leave when they could not seek back.
                return length not in (0, 0xFFFFFFFF) and file.tell() + length > size
            file.seek(length + (length & 1), os.SEEK_CUR)
    return False


def _read_av(path: Path, stream: int) -> Decoded:
    import av  # its shared libraries cost 0.2 s at import and only containers need them

    try:
        with av.open(str(path)) as container:
            streams = container.streams.audio
            if stream >= len(streams):
                raise AudioError(
                    f"{path} has {len(streams)} audio streams, but stream {stream} was asked for."
                )
            chosen = streams[stream]
            rate = int(chosen.rate or 0)
            resampler = av.AudioResampler(format="fltp")
            blocks: list[npt.NDArray[np.float32]] = []
            for frame in container.decode(chosen):
                blocks.extend(out.to_ndarray() for out in resampler.resample(frame))
            blocks.extend(out.to_ndarray() for out in resampler.resample(None))
    except av.FFmpegError as error:
        raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error
    if not blocks:
        raise AudioError(f"{path} holds no audio samples.")
    return Decoded(np.concatenate(blocks, axis=1).astype(np.float32, copy=False), rate)


def to_layout(decoded: Decoded, origin: object = "audio") -> Audio:
    """Return stereo at 44.1 kHz: mono is doubled, other rates are resampled (soxr, very high quality).

    Raises:
        AudioError: more than two channels, since which of them make up the stereo picture is unknown.
    """
    samples = decoded.samples
    channels = samples.shape[0]
    if channels > CHANNELS:
        raise AudioError(
            f"{origin} has {channels} channels, but separators take mono or stereo: mix it down first."
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
    """Root mean square over all channels and samples in dB re full scale; −inf for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf


@contextmanager
def open_mapped(path: Path | str) -> Iterator[Audio]:
    """Yield a file as stereo 44.1 kHz on disk (a memory map), so that an hour costs no memory.

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
        yield np.memmap(raw, dtype=np.float32, mode="r", shape=(frames, CHANNELS)).T


def _stereo_blocks(path: Path) -> Iterator[Audio]:
    """Decode blockwise; containers that only PyAV reads are decoded whole."""
    if path.suffix.lower() not in SNDFILE_SUFFIXES or not path.is_file():
        yield load(path)
        return
    if _wav_is_cut(path):
        raise AudioError(f"{path} is cut: its header promises more audio than the file holds.")
    try:
        with soundfile.SoundFile(path) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            if channels > CHANNELS:
                to_layout(Decoded(np.zeros((channels, 1), np.float32), rate), path)
            stream = None if rate == SAMPLE_RATE else soxr.ResampleStream(
                rate, SAMPLE_RATE, channels, dtype="float32", quality="VHQ"
            )
            while True:
                block = file.read(_READ_FRAMES, dtype="float32", always_2d=True)
                if not np.isfinite(block).all():
                    raise AudioError(f"{path} holds samples that are NaN or infinite.")
                last = len(block) < _READ_FRAMES
                if stream is not None:
                    block = stream.resample_chunk(block, last=last)
                yield np.repeat(block.T, CHANNELS, axis=0) if channels == 1 else block.T
                if last:
                    return
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error
