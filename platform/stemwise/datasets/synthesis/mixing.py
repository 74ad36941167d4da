"""The mixing desk: rooms, equalisers, side-chain and levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.drum_parts import drum_hits
from stemwise.datasets.synthesis.signals import Mono, Rng, band, samples_of, seconds, white

PEAK = 0.9
DRUMS = ("kick", "snare", "toms", "cymbals")


@dataclass(frozen=True)
class Bus:
    """A channel of the desk: what its low cut keeps (Hz) and how much goes to the room."""

    low_cut_hz: float
    send: float


BUSES = {
    "lead_vocals": Bus(90, 0.28),
    "backing_vocals": Bus(140, 0.45),
    "kick": Bus(20, 0.0),
    "snare": Bus(90, 0.2),
    "toms": Bus(40, 0.2),
    "cymbals": Bus(250, 0.12),
    "bass": Bus(20, 0.0),
    "guitar": Bus(80, 0.2),
    "piano": Bus(50, 0.22),
    "other": Bus(90, 0.35),
}


def room(decay_s: float, rng: Rng) -> Audio:
    """Return a stereo impulse response of unit energy, highs dying first, `(2, samples)`."""
    n = samples_of(1.1 * decay_s)
    # decay_s is the time to fall by 60 dB.
    fall = np.exp(-6.9 * seconds(n) / decay_s).astype(np.float32)
    noise = white((2, n), rng)
    low, high = band(noise, 150, 2_500), band(noise, 2_500, 9_000)
    out = low * fall + 0.7 * high * fall**1.8
    delay = samples_of(0.012)
    response = np.concatenate([np.zeros((2, delay), dtype=np.float32), out], axis=1)
    response /= np.sqrt(np.mean(np.sum(response**2, axis=1)))
    return response


@dataclass(frozen=True)
class Desk:
    """Spectra of the room's response, `(2, bins)`, for signals of `samples` padded to `size`."""

    response: npt.NDArray[np.complex64]
    samples: int
    size: int
    wet: float

    def through(self, dry: Audio, bus: Bus) -> Audio:
        """Cut the lows and add the room, `(2, samples)`; silence stays silence."""
        if not dry.any() or not bus.send:
            return dry
        spectrum = fft.rfft(dry, self.size, axis=1)
        send = spectrum.mean(axis=0) * np.float32(bus.send * self.wet)
        spectrum *= _low_cut(self.size, bus.low_cut_hz)
        spectrum += send * self.response
        out = fft.irfft(spectrum, self.size, axis=1, overwrite_x=True)
        return np.array(out[:, : self.samples], dtype=np.float32)


def open_desk(song: Song) -> Desk:
    """Set up the desk with a room for the song."""
    response = room(song.style.room_s, song.rng("room"))
    size = fft.next_fast_len(song.samples + response.shape[1], real=True)
    return Desk(fft.rfft(response, size, axis=1), song.samples, size, song.style.wet)


def _low_cut(size: int, cut_hz: float) -> Mono:
    """Return the gain of a second-order low cut, `(bins,)`."""
    f = np.arange(size // 2 + 1, dtype=np.float32) * np.float32(SAMPLE_RATE / size / cut_hz)
    power = f**4
    return np.sqrt(power / (1 + power))


def sidechain(song: Song) -> Mono:
    """Return the gain that ducks bass and pads under every kick, `(samples,)`."""
    gain = np.ones(song.samples, dtype=np.float32)
    dip = 1 - song.style.sidechain * np.exp(-seconds(samples_of(0.4)) / 0.09)
    for hit in drum_hits(song):
        start = round(hit.start_s * SAMPLE_RATE)
        if hit.sound == "kick" and start < song.samples:
            part = gain[start : start + len(dip)]
            np.minimum(part, dip[: len(part)], out=part)
    return gain


def active_rms(sound: Audio) -> float:
    """Return the RMS over the 50 ms frames within 30 dB of the loudest one; 0 for silence."""
    frame = min(samples_of(0.05), sound.shape[1])
    frames = sound[:, : sound.shape[1] // frame * frame].reshape(2, -1, frame)
    power = np.einsum("cft,cft->f", frames, frames) / (2 * frame)
    loud = power[power > power.max() * 1e-3]
    return float(np.sqrt(loud.mean())) if len(loud) else 0.0


def balance(leaves: Mapping[str, Audio], song: Song) -> dict[str, Audio]:
    """Bring every instrument to its style's level, then the sum of all to a peak of `PEAK`."""
    rng = song.rng("levels")
    faders = {name: level + rng.uniform(-1.5, 1.5) for name, level in song.style.levels_db.items()}
    faders["lead_vocals"] = faders["vocals"]
    faders["backing_vocals"] = faders["vocals"] - rng.uniform(6, 10)
    # The kit is one instrument: its drums keep the balance that the drummer gave them.
    kit = active_rms(np.sum([leaves[drum] for drum in DRUMS], axis=0, dtype=np.float32))
    gains: dict[str, float] = {}
    for leaf, sound in leaves.items():
        rms = kit if leaf in DRUMS else active_rms(sound)
        level = faders["drums" if leaf in DRUMS else leaf]
        gains[leaf] = 10 ** (level / 20) / rms if rms else 0.0
    mixture = np.zeros_like(leaves["bass"])
    for leaf, sound in leaves.items():
        mixture += np.float32(gains[leaf]) * sound
    peak = float(np.abs(mixture).max())
    master = PEAK / peak if peak else 1.0
    return {
        leaf: _on_grid(sound * np.float32(gains[leaf] * master)) for leaf, sound in leaves.items()
    }


def _on_grid(sound: Audio) -> Audio:
    """Round to steps of 24-bit audio, so that files lose nothing and stems sum exactly."""
    steps: Audio = np.round(sound * np.float32(2**23))
    return np.asarray(steps / np.float32(2**23), dtype=np.float32)
