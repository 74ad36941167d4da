"""Writing MP3, for downloads and exports. libsndfile brings LAME along, so nothing else is needed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import soundfile

from stemwise.core.errors import ConfigError
from stemwise.core.types import CHANNELS, SAMPLE_RATE, Audio

# Constant bit rates of MPEG-1 layer III, kbit/s, that are worth having for stereo at 44.1 kHz.
BITRATES = (128, 160, 192, 224, 256, 320)
_HIGHEST, _LOWEST = 320, 32  # what libsndfile's compression levels 0 and 1 stand for


def write_mp3(frames: Iterable[Audio], path: Path, bitrate: int = 320) -> None:
    """Write stereo `frames`, blocks of `(n, 2)` float32 at 44.1 kHz, as an MP3 of constant bit rate.

    Its first frame tells players how many samples LAME added, so that decoders return as many samples
    as were written. Samples beyond full scale clip in the player: turn them down before.

    Args:
        bitrate: kbit/s, one of `BITRATES`.

    Raises:
        ConfigError: another bit rate.
    """
    if bitrate not in BITRATES:
        offered = ", ".join(map(str, BITRATES))
        raise ConfigError(f"MP3 with {bitrate} kbit/s is not offered: use one of {offered}.")
    with soundfile.SoundFile(
        path,
        "w",
        SAMPLE_RATE,
        CHANNELS,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=(_HIGHEST - bitrate) / (_HIGHEST - _LOWEST),
    ) as file:
        for block in frames:
            file.write(block)
