"""One song from a genre and a seed: compose, perform, mix."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from stemwise.core.types import Audio
from stemwise.datasets.synthesis import bass, drums, guitar, mixing, other, piano, voice
from stemwise.datasets.synthesis.composition import Song, compose
from stemwise.datasets.synthesis.genres import STYLES
from stemwise.datasets.synthesis.signals import pan, samples_of

GENRES = tuple(STYLES)
# Raise it whenever the same genre, seed and duration give other samples than before.
VERSION = 2
CHILDREN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "vocals": ("lead_vocals", "backing_vocals"),
        "drums": mixing.DRUMS,
    }
)
LEAVES = (*CHILDREN["vocals"], *CHILDREN["drums"], "bass", "guitar", "piano", "other")
_EDGE_S = 0.02


def render(genre: str, seed: int, duration_s: float = 14.0) -> dict[str, Audio]:
    """Return the ten leaves of a song, each float32 `(2, samples)` at 44.1 kHz.

    Their sum is the mixture, whose peak is 0.9. The same arguments give the same samples. A leaf
    that the song lacks is digital silence.

    Raises:
        ConfigError: the genre is unknown, the seed negative, or the duration not above zero.
    """
    return render_song(compose(genre, seed, duration_s))


def voice_of(genre: str, seed: int) -> str:
    """Tell without rendering whether a song's lead singer is `male` or `female`."""
    return compose(genre, seed, 1.0).voice


def render_song(song: Song) -> dict[str, Audio]:
    """Perform and mix a composed song."""
    # Notes are small matrix products, which BLAS's threads would slow down, on a busy machine
    # several times.
    with threadpool_limits(1, user_api="blas"):
        dry = _perform(song)
    if song.style.sidechain:
        duck = mixing.sidechain(song)
        dry["bass"] *= duck
        dry["other"] *= duck
    desk = mixing.open_desk(song)
    wet = {leaf: desk.through(dry[leaf], mixing.BUSES[leaf]) for leaf in LEAVES}
    return mixing.balance({leaf: _trim_edges(sound) for leaf, sound in wet.items()}, song)


def _perform(song: Song) -> dict[str, Audio]:
    """Let everybody play; who is absent leaves silence."""
    silence = np.zeros((2, song.samples), dtype=np.float32)
    leaves = dict.fromkeys(LEAVES, silence) | voice.perform(song)
    if "drums" not in song.absent:
        leaves |= drums.perform(song)
    if "bass" not in song.absent:
        leaves["bass"] = pan(bass.perform(song), 0.0)
    for player, module in (("guitar", guitar), ("piano", piano), ("other", other)):
        if player not in song.absent:
            leaves[player] = module.perform(song)
    return leaves


def _trim_edges(sound: Audio) -> Audio:
    """Fade the excerpt's end, so that it does not click."""
    fade = min(samples_of(_EDGE_S), sound.shape[1])
    sound[:, sound.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return sound
