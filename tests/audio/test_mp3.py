"""MP3s that we write, as other decoders see them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from stemwise.audio.mp3 import BITRATES, write_mp3
from stemwise.core.errors import ConfigError

RATE = 44_100


@pytest.mark.parametrize("bitrate", BITRATES)
def test_bit_rate_length_and_sound(tmp_path: Path, bitrate: int):
    at = np.arange(RATE + 123) / RATE
    tone = np.stack([0.5 * np.sin(2 * np.pi * 440 * at), 0.25 * np.sin(2 * np.pi * 660 * at)], 1)
    sound = tone.astype(np.float32)
    path = tmp_path / "tone.mp3"
    write_mp3(
        (sound[start : start + 10_000] for start in range(0, len(sound), 10_000)), path, bitrate
    )
    with av.open(str(path)) as opened:
        assert opened.streams.audio[0].bit_rate == bitrate * 1000
    decoded, rate = soundfile.read(path)
    assert rate == RATE and decoded.shape == sound.shape
    noise = decoded[2000:-2000] - sound[2000:-2000]
    assert 20 * np.log10(np.std(sound) / np.std(noise)) > 25  # a shift by one sample gives 23 dB


def test_other_bit_rates_are_refused(tmp_path: Path):
    with pytest.raises(
        ConfigError, match="MP3 with 100 kbit/s is not offered: use one of 128, 160"
    ):
        write_mp3([], tmp_path / "none.mp3", 100)
