"""What the demo zoo reaches on the songs of `make demo`: the table of docs/demo-zoo.md.

    python benchmarks/demo_zoo.py [NAME…]

Mean SNR in dB over the twelve generated songs, beside that of the model's untouched input, and on how
many songs the model is above it. A song that lacks the stem, or is nothing else, does not count. At
level 2 the parent is the true one and then the estimate of demo_scnet.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import soundfile
import torch

from stemwise.core import stems
from stemwise.core.types import Audio, Track
from stemwise.datasets.demo import DemoDataset
from stemwise.measurement import energy_ratios
from stemwise.models.registry import build, get, prepare
from stemwise.separation.separator import Separator

MODELS = ("demo_scnet", "demo_htdemucs", "demo_melband", "demo_drumsep", "demo_karaoke")
PARENTS = "demo_scnet"
_SILENT = 1e-9  # mean power of a stem that a song lacks, or of all the rest


def separate(name: str) -> Separator:
    """Load a model of the zoo."""
    spec = get(name)
    return Separator(build(prepare(spec)), "cpu", residual=spec.residual)


def snr(reference: Audio, estimate: Audio) -> float:
    """Return the SNR of a whole song in dB."""
    true, made = (signal.astype(np.float64).ravel() for signal in (reference, estimate))
    return float(energy_ratios.snr(true @ true, true @ made, made @ made))


def sounds(track: Track) -> dict[str, Audio]:
    """Return all true stems `(2, samples)` of a song, and its mixture."""
    found: dict[str, Audio] = {}
    for stem, reference in track.references.items():
        parts = [soundfile.read(s.path, dtype="float32")[0].T for s in reference.sources]
        found[stem] = np.sum(parts, axis=0)
    found[stems.MIXTURE] = np.sum([found[stem] for stem in stems.LEVEL1], axis=0)
    return found


def targets(stem: str, made: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a stem of a model holds: `other` is all that the model does not name."""
    if stem != "other":
        return (stem,)
    return tuple(one for one in stems.LEVEL1 if one == "other" or one not in made)


def heard(name: str, truth: Mapping[str, Audio], parents: Mapping[str, Audio]) -> Iterator[Audio]:
    """Yield what a model is given: the mixture, or the true and the estimated parent."""
    parent = get(name).parent
    yield truth[parent]
    if parent != stems.MIXTURE:
        yield parents[parent]


def main(names: tuple[str, ...]) -> None:
    """Print one line per model, input and stem."""
    loaded = {name: separate(name) for name in {*names, PARENTS}}
    rows: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    for track in DemoDataset(real_track=False).tracks():
        truth = sounds(track)
        parent = loaded[PARENTS]
        estimates = parent(truth[stems.MIXTURE]).numpy()
        parents = dict(zip(parent.stems_for(), estimates, strict=True))
        for name in names:
            made = loaded[name].stems_for()
            for kind, given in zip(
                ("true", "estimated"), heard(name, truth, parents), strict=False
            ):
                for stem, estimate in zip(made, loaded[name](given).numpy(), strict=True):
                    true = np.sum([truth[one] for one in targets(stem, made)], axis=0)
                    if min(np.mean(true**2), np.mean((true - given) ** 2)) > _SILENT:
                        rows[name, kind, stem].append((snr(true, estimate), snr(true, given)))
    for (name, kind, stem), seen in sorted(rows.items()):
        ours, theirs = np.mean(seen, axis=0)
        above = sum(a > b for a, b in seen)
        print(f"{name:14} {kind:9} {stem:15} {ours:6.2f} {theirs:6.2f} {above:3} of {len(seen)}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(tuple(sys.argv[1:]) or MODELS)
