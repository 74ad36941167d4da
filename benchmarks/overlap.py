"""Less overlap: how much less a model hears (counted), and which fade loses least (on the demo zoo).

    python benchmarks/overlap.py                  samples heard per sample of audio, no weights needed
    python benchmarks/overlap.py --fades SONGS    fades and overlaps against the authors' tiling

What less overlap costs a model on your songs is one command: `stemwise evaluate overlap=both …`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from stemwise.analysis.clusters import interval
from stemwise.core import memory
from stemwise.core.types import SAMPLE_RATE
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.demo import DemoDataset
from stemwise.models.overlap import FAST, cut
from stemwise.models.registry import build, get, prepare
from stemwise.models.tiling import CenteredTiling, CountedTiling, Tile
from stemwise.report.zoo_cost import default_tiling
from stemwise.separation.overlap_add import overlap_add
from stemwise.separation.separator import track_scale

OFFICIAL = ("scnet", "scnet_large", "melband_roformer_vocals", "melband_roformer_karaoke")
OFFICIAL += ("bs_roformer", "htdemucs_6s", "drumsep")
TRAINED = ("demo_scnet", "demo_melband")
SECONDS = (30, 240)
CPU = torch.device("cpu")


def tiling_of(name: str, fast: bool) -> CountedTiling:
    """Return how an official model cuts a track; HTDemucs hears whole chunks only."""
    spec = get(name)
    tiling = default_tiling(cut(spec, FAST) if fast else spec)
    if name == "htdemucs_6s" and isinstance(tiling, CenteredTiling):
        chunk = tiling.chunk
        return replace(tiling, valid_length=lambda _: chunk)
    return tiling


def counted() -> None:
    """Print what is heard of songs of 30 and 240 s in both ways, and the ratio."""
    for name in OFFICIAL:
        cells = []
        for seconds in SECONDS:
            length = seconds * SAMPLE_RATE
            usual, fast = (tiling_of(name, way).heard(length) for way in (False, True))
            cells.append(f"{usual / length:.2f} -> {fast / length:.2f} ({usual / fast:.2f}x)")
        print(f"{name:26}", *cells, sep="  ")


Fade = Callable[[int, int], Tensor]


def linear(length: int, _: int) -> Tensor:
    """Rise over all that is shared."""
    return (torch.arange(length) + 0.5) / length


def cosine(length: int, _: int) -> Tensor:
    """Rise as a raised cosine over all that is shared."""
    return torch.sin(linear(length, 0) * math.pi / 2) ** 2


def short(length: int, chunk: int) -> Tensor:
    """Rise over a tenth of a chunk in the middle of what is shared, as long as MSST's fades."""
    centred = torch.arange(length) + 0.5 - length / 2
    return (centred / (chunk // 10) + 0.5).clamp(1e-6, 1)


@dataclass(frozen=True)
class Way:
    """Chunks that overlap by at least a share of one, the last at the end of the track or all spread."""

    chunk: int
    share: float
    fade: Fade
    spread: bool = False

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield the chunks of a track that is longer than one."""
        step, last = self.chunk - int(self.chunk * self.share), length - self.chunk
        count = math.ceil(last / step) + 1
        starts = [
            k * last // (count - 1) if self.spread else min(k * step, last) for k in range(count)
        ]
        weights = [torch.ones(self.chunk) for _ in starts]
        for k, (one, after) in enumerate(pairwise(starts)):
            rise = self.fade(min(one + self.chunk - after, self.chunk // 2), self.chunk)
            weights[k + 1][: len(rise)] *= rise
            weights[k][-len(rise) :] *= rise.flip(0)
        for start, weight in zip(starts, weights, strict=True):
            yield Tile(start, start + self.chunk, start, start + self.chunk, weight)


def ways(chunk: int) -> dict[str, Way]:
    """Return what is compared with the authors' tiling."""
    return {
        "25 %, linear": Way(chunk, 0.25, linear),
        "25 %, raised cosine": Way(chunk, 0.25, cosine),
        "25 %, short": Way(chunk, 0.25, short),
        "25 %, linear, spread": Way(chunk, 0.25, linear, spread=True),
        "20 %, linear, spread": Way(chunk, 0.2, linear, spread=True),
        "12.5 %, linear, spread": Way(chunk, 0.125, linear, spread=True),
    }


def fades(songs: int) -> None:
    """Print mean SNR differences from the authors' tiling over demo songs, intervals over artists."""
    tracks = DemoDataset(songs_per_genre=songs, duration_s=20.0, seed=7, real_track=False).tracks()
    for name in TRAINED:
        model = build(prepare(get(name)))
        found: dict[str, list[float]] = {}
        artists: list[str] = []
        for number, track in enumerate(tracks):
            audio = TrackAudio(track)
            length = (15 + number * 7 % 6) * SAMPLE_RATE - 12_345 * (number % 3)
            mixture = np.ascontiguousarray(audio.mixture[:, :length])
            kinds = {"reference": model.tiling, **ways(model.tiling.chunk)}
            snrs = {}
            for kind, tiling in kinds.items():
                scale = track_scale(mixture) if model.normalisation == "zscore" else (0.0, 1.0)
                with torch.inference_mode():
                    parts = overlap_add(mixture, tiling.tiles(length), model.forward, CPU, 1, scale)
                    made = torch.cat(list(parts), -1).numpy()
                true = [audio.reference(stem)[:, :length] for stem in model.stems]
                snrs[kind] = [snr(x, y) for x, y in zip(true, made, strict=True)]
            artists += [track.artist or track.track_id] * len(model.stems)
            for kind, values in snrs.items():
                found.setdefault(kind, []).extend(np.subtract(values, snrs["reference"]))
        for kind, values in found.items():
            low, high = interval(np.array(values), artists)
            print(f"{name:14} {kind:22} {np.mean(values):+.4f} dB  [{low:+.4f}, {high:+.4f}]")


def snr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the energy ratio in dB."""
    return 10 * math.log10(np.square(reference).sum() / np.square(reference - estimate).sum())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--fades", type=int, metavar="SONGS", help="demo songs per genre")
    chosen = parser.parse_args()
    memory.keep()
    torch.set_num_threads(1)
    if chosen.fades:
        fades(chosen.fades)
    else:
        counted()
