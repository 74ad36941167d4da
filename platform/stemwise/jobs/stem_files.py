"""Writing the stems of a song: FLAC, WAV or MP3, each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stemwise.audio.mp3 import BITRATES, write_mp3
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.jobs.separate_options import Format
from stemwise.separation.spool import Spool, common_gain
from stemwise.storage.disk import disk_free

BITRATE = BITRATES[-1]
_BLOCK = 1 << 15
_SUBTYPES = {"flac": "PCM_24", "wav24": "PCM_24", "wav": "FLOAT"}


def check_bitrate(bitrate: int | None) -> int:
    """Return the kbit/s of MP3s, the highest where nobody said it.

    Raises:
        ConfigError: none that is offered.
    """
    if bitrate is not None and bitrate not in BITRATES:
        offered = ", ".join(map(str, BITRATES))
        raise ConfigError(f"--bitrate {bitrate} is not usable: give {offered} (kbit/s).")
    return bitrate or BITRATE


def write_files(
    made: Mapping[str, Spool],
    places: Mapping[str, Path],
    kind: Format,
    rate: int = SAMPLE_RATE,
    bitrate: int = BITRATE,
) -> float:
    """Write each stem to its place; return the gain that kept the loudest from clipping.

    It is 1 but where a format holds nothing above full scale (all but `wav`, which is float32): then all
    stems are turned down alike.

    Args:
        made: spools of stems, at `rate` Hz.
        places: of the stems' files; folders are made.
        kind: of file.
        rate: in Hz; MP3 has 44,100.
        bitrate: of MP3, kbit/s.

    Raises:
        ConfigError: an MP3 of another rate or bit rate.
        OutputError: a place cannot be written.
    """
    if kind == "mp3" and rate != SAMPLE_RATE:
        raise ConfigError(
            f"MP3 is written at {SAMPLE_RATE} Hz: choose another format for {rate} Hz."
        )
    gain = common_gain(made, "wav" if kind == "wav" else "flac")
    for stem, spool in made.items():
        path = places[stem]
        # half a file must never carry the name of a whole one
        unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                if kind == "mp3":
                    write_mp3(_frames(spool, stem, gain), unfinished, bitrate)
                else:
                    spool.encode(stem, unfinished, gain, _SUBTYPES[kind], rate)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except (OSError, RuntimeError) as error:
            # libsndfile does not pass on why the system refused
            room = f"{disk_free(path.parent) / 1e6:.0f} MB are free there"
            raise OutputError(
                f"{path.parent} cannot be written ({error}; {room}): choose another folder."
            ) from error
    return gain


def _frames(spool: Spool, stem: str, gain: float) -> Iterator[Audio]:
    for frames in spool.read(stem).frames(_BLOCK):
        yield frames * gain
