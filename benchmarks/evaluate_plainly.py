"""What one writes without stemwise: separate songs with the peers' loops and score them, one by one.

One process, no resuming, no tables beyond a JSON file. `evaluate.py` starts this script and compares.

    python benchmarks/evaluate_plainly.py SONGS OUTPUT --models demo_htdemucs,demo_scnet --scores museval

For each song the stems are read and added up, each model separates the mixture (demucs with its own
`apply_model`, the others with MSST's loop, both with their authors' overlap), the estimates are written
as 24-bit FLAC and scored: SNR and SI-SDR in numpy, then BSS Eval v4 by museval, or the SDR of
fast_bss_eval (512 taps, a channel at a time).
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from stemwise.core.types import SAMPLE_RATE
from stemwise.measurement.bsseval.museval_engine import load_metrics
from stemwise.models import registry

# a benchmark here is called like the package museval
sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]
# MSST's loop is written down once, for the tests of equality
sys.path.append(str(Path(__file__).parents[1] / "tests" / "models"))
from reference_inference import demucs_apply, msst_separate  # noqa: E402

Stems = dict[str, np.ndarray]
# without it a channel with few different samples ends the script
_DIAGONAL = 1e-10
Separate = Callable[[np.ndarray], np.ndarray]


def separator(name: str) -> tuple[tuple[str, ...], Separate]:
    """Return a model's stems, and what its authors' code makes of a mixture `(2, samples)`."""
    spec = registry.get(name)
    model: Any = registry.build(registry.prepare(spec))
    network, settings = model.network, spec.settings
    if spec.target.endswith("DemucsModel"):
        return model.stems, lambda mixture: demucs_apply(network, mixture).numpy()
    rules = settings["chunk"], settings["num_overlap"], bool(settings.get("zscore"))
    return model.stems, lambda mixture: msst_separate(network, mixture, *rules).numpy()


def ratio_db(signal: np.ndarray, error: np.ndarray) -> float:
    """Return the ratio of two energies in dB."""
    return float(10 * np.log10(np.sum(np.square(signal, dtype=np.float64)) / np.sum(error**2.0)))


def plain_scores(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """Return SNR and SI-SDR in dB (Le Roux et al. 2019), over both channels."""
    x, y = reference.astype(np.float64), estimate.astype(np.float64)
    target = x * (np.sum(x * y) / np.sum(x * x))
    return {"snr": ratio_db(x, y - x), "si_sdr": ratio_db(target, y - target)}


def museval_scores(references: Stems, estimates: Stems) -> dict[str, dict[str, float]]:
    """Return museval's SDR, ISR, SIR and SAR per stem: medians over whole seconds.

    museval takes no stem that is silent throughout: it is left out and has no scores.
    """
    heard = [stem for stem in estimates if references[stem].any()]
    both = [
        np.stack([signals[stem].T.astype(np.float64) for stem in heard])
        for signals in (references, estimates)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_metrics().bss_eval(*both, window=SAMPLE_RATE, hop=SAMPLE_RATE)[:4]
        medians = np.nanmedian(np.stack(found), axis=-1)
    names = ("museval_sdr", "museval_isr", "museval_sir", "museval_sar")
    scores = {
        stem: dict(zip(names, map(float, medians[:, place]), strict=True))
        for place, stem in enumerate(heard)
    }
    return {stem: scores.get(stem, dict.fromkeys(names, float("nan"))) for stem in estimates}


def fast_scores(references: Stems, estimates: Stems) -> dict[str, dict[str, float]]:
    """Return the SDR of fast_bss_eval per stem, the mean of the channels that are not silent."""
    import fast_bss_eval

    found = {}
    for stem, estimate in estimates.items():
        truth, made = (torch.from_numpy(x).double() for x in (references[stem], estimate))
        heard = [c for c in range(len(truth)) if truth[c].any()]
        sdr = [float(fast_bss_eval.sdr(truth[[c]], made[[c]], load_diag=_DIAGONAL)) for c in heard]
        found[stem] = {"sdr": float(np.mean(sdr)) if sdr else float("nan")}
    return found


def work_on(
    song: Path, models: dict[str, tuple[tuple[str, ...], Separate]], output: Path, scores: str
) -> dict[str, Any]:
    """Separate and score one song; return model → stem → scores."""
    references = {
        file.stem: soundfile.read(file, dtype="float32", always_2d=True)[0].T
        for file in sorted(song.glob("*.*"))
        if file.stem != "mixture" and file.suffix in {".wav", ".flac"}
    }
    mixture = np.ascontiguousarray(sum(references.values()), dtype=np.float32)
    found: dict[str, Any] = {}
    for name, (stems, separate) in models.items():
        with torch.inference_mode():
            estimates = dict(zip(stems, separate(mixture), strict=True))
        estimates = {stem: signal for stem, signal in estimates.items() if stem in references}
        folder = output / song.name / name
        folder.mkdir(parents=True)
        for stem, signal in estimates.items():
            soundfile.write(folder / f"{stem}.flac", signal.T, SAMPLE_RATE, subtype="PCM_24")
        more = (museval_scores if scores == "museval" else fast_scores)(references, estimates)
        found[name] = {
            stem: plain_scores(references[stem], signal) | more[stem]
            for stem, signal in estimates.items()
        }
    return found


def main() -> None:
    """Work on all songs and write `scores.json`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--models", required=True)
    parser.add_argument("--scores", choices=("museval", "fast_bss_eval"), required=True)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    models = {name: separator(name) for name in options.models.split(",")}
    found = {
        song.name: work_on(song, models, options.output, options.scores)
        for song in sorted(options.songs.iterdir())
        if song.is_dir()
    }
    (options.output / "scores.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
