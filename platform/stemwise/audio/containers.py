"""Files that only PyAV (FFmpeg's libraries) reads: MP4, WavPack, AC-3, MP3 that does not say its length.

PyAV is imported where it is used: its shared libraries cost 0.2 s, and only such files need them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemwise.audio.completeness import check_complete
from stemwise.core.errors import AudioError
from stemwise.core.types import Audio

if TYPE_CHECKING:
    from av import AudioStream
    from av.container import InputContainer


# Audio as phones, stores and encoders write it; other decoders are kept from uploads.
CODECS = ("aac", "alac", "mp3", "mp3float", "opus", "flac", "wavpack", "ac3", "eac3")
_FORMATS = {
    **{".mp3": "mp3", ".m4a": "mov", ".aac": "aac", ".wv": "wv"},
    **{".ac3": "ac3", ".eac3": "eac3"},
}
_CAUTION = {"codec_whitelist": ",".join(CODECS), "protocol_whitelist": "file"}
# What is known by its content alone: FFmpeg takes noise for a bare stream (MP3, AC-3), and playlists
# make it read other files.
_BY_CONTENT = (
    "3gp,aiff,amr,ape,asf,au,avi,caf,dsf,flac,flv,iff,matroska,mov,mp4,mpc,mpc8,ogg,rm,tak,tta,w64,"
    "wav,wv"
)
# Their headers say how many samples there are.
_EXACT = {"ape", "tak", "tta", "wv"}


def recognised(path: Path) -> bool:
    """Tell whether FFmpeg knows by its content what the file is, and finds audio in it."""
    import av

    options = {"format_whitelist": _BY_CONTENT, "protocol_whitelist": "file"}
    try:
        with av.open(str(path), options=options, metadata_errors="ignore") as container:
            return any(stream.rate for stream in container.streams.audio)
    except (av.FFmpegError, OSError):
        return False  # why it cannot be read is said by whoever reads it


@contextmanager
def open_container(path: Path, suffix: str, told: bool = False) -> Iterator[InputContainer]:
    """Open the file at `path`, which is an MP3 where `suffix` is `.mp3`.

    Where somebody has `told` by its content what an upload is, it is read as that, and FFmpeg itself
    uses no decoder but those of CODECS while it looks at it.

    Raises:
        AudioError: FFmpeg does not know its format.
    """
    import av

    # Left alone, FFmpeg chooses the format by the content behind an ID3 tag; a playlist there would
    # make it read other files.
    form = _FORMATS.get(suffix) if told or suffix == ".mp3" else None
    options = _CAUTION if told else {}
    with ExitStack() as stack:
        try:
            # Tags in another encoding than UTF-8 are no reason to refuse a song.
            container = av.open(str(path), format=form, options=options, metadata_errors="ignore")
        except av.FFmpegError as error:
            raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error
        yield stack.enter_context(container)


def streams(container: InputContainer) -> tuple[tuple[str, str], ...]:
    """Return kind and codec of the streams, for example `("audio", "aac")`, without cover pictures."""
    from av.stream import Disposition

    return tuple(
        (stream.type, getattr(stream.codec_context, "name", "unknown"))
        for stream in container.streams
        if not stream.disposition & Disposition.attached_pic
    )


def audio_stream(path: Path, container: InputContainer, index: int) -> AudioStream:
    """Return the container's audio stream number `index`.

    Raises:
        AudioError: there is none, or it does not say its sample rate.
    """
    streams = container.streams.audio
    if index >= len(streams):
        raise AudioError(
            f"{path} has {len(streams)} audio streams, but stream {index} was asked for."
        )
    if not streams[index].rate:
        raise AudioError(f"{path} does not say its sample rate: export it again.")
    return streams[index]


def blocks(
    path: Path, container: InputContainer, stream: AudioStream, size: int
) -> Iterator[Audio]:
    """Decode one stream at its own rate, as `(channels, samples)` of `size` samples or some more.

    Raises:
        AudioError: it cannot be decoded, is cut, or changes its rate or channels midway.
    """
    import av

    planes: list[Audio] = []
    frames = waiting = 0
    try:
        for samples in _frames(path, container, stream):
            planes.append(samples)
            waiting += samples.shape[1]
            if waiting >= size:
                yield np.concatenate(planes, axis=1)
                frames, waiting, planes = frames + waiting, 0, []
    except av.FFmpegError as error:
        raise AudioError(f"{path} cannot be decoded as audio ({error}).") from error
    check_complete(path, _promised(container, stream), frames + waiting)
    if planes:
        yield np.concatenate(planes, axis=1)


def _promised(container: InputContainer, stream: AudioStream) -> int:
    """Return how many samples the header promises; 0 where it does not say, or not exactly."""
    if container.format.name not in _EXACT or not stream.duration or stream.time_base is None:
        return 0
    return int(stream.duration * stream.time_base * (stream.rate or 0))


def _frames(path: Path, container: InputContainer, stream: AudioStream) -> Iterator[Audio]:
    import av

    resampler = av.AudioResampler(format="fltp")
    first = None
    for frame in itertools.chain(container.decode(stream), (None,)):
        if frame is not None:
            layout = frame.sample_rate, len(frame.layout.channels)
            first = first or layout
            if layout != first:
                raise AudioError(
                    f"{path} changes its sample rate or number of channels midway: export it again."
                )
        for out in resampler.resample(frame):
            yield np.asarray(out.to_ndarray(), dtype=np.float32)
