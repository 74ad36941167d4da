"""BSS Eval v4 through the `museval` package, where a run asks for it (`metric.museval=true`).

museval scores all sources of a model together: frames in which any source is silent are undefined for
all of them, and it refuses a source that is silent throughout, with which every frame is such. A model
with a single stem is scored beside its complement, mixture − stem, as is usual.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from stemwise.errors import require
from stemwise.types import SAMPLE_RATE, Audio

METRICS = ("museval_sdr", "museval_isr", "museval_sir", "museval_sar")


def museval_scores(
    references: Mapping[str, Audio], estimates: Mapping[str, Audio], mixture: Audio
) -> dict[str, dict[str, float | None]]:
    """Return stem → metric → median over 1 s frames in dB; None where no frame is defined.

    Args:
        references: stem → `(2, samples)`.
        estimates: the same stems of one model.
        mixture: `(2, samples)`.

    Raises:
        MissingDependencyError: museval is not installed.
    """
    metrics = load_metrics()
    stems = list(references)
    true, estimated = [references[s] for s in stems], [estimates[s] for s in stems]
    if len(stems) == 1:
        true.append(mixture - true[0])
        estimated.append(mixture - estimated[0])
    sources, outputs = _frames_last(true), _frames_last(estimated)
    if _any_silent(sources) or _any_silent(outputs):
        return {stem: dict.fromkeys(METRICS) for stem in stems}
    with warnings.catch_warnings():
        # frames of silence are reported as NaN below; museval warns about each as well
        warnings.simplefilter("ignore")
        sdr, isr, sir, sar, _ = metrics.bss_eval(
            sources,
            outputs,
            compute_permutation=False,
            window=SAMPLE_RATE,
            hop=SAMPLE_RATE,
            framewise_filters=False,  # what makes it version 4
            bsseval_sources_version=False,
        )
    values = dict(zip(METRICS, (sdr, isr, sir, sar), strict=True))
    return {
        stem: {metric: _median(frames[index]) for metric, frames in values.items()}
        for index, stem in enumerate(stems)
    }


@cache
def load_metrics() -> ModuleType:
    """Return the module `museval.metrics`.

    It is loaded from its file, because importing the package itself imports dataset readers that
    refuse to start without an ffmpeg program, which measuring never calls.

    Raises:
        MissingDependencyError: museval is not installed.
    """
    package = importlib.util.find_spec("museval")
    if package is None or package.origin is None:
        raise require("museval", "museval", "metric.museval=true")
    path = Path(package.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    if spec is None or spec.loader is None:
        raise require("museval", "museval", "metric.museval=true")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _frames_last(signals: list[Audio]) -> npt.NDArray[np.float64]:
    return np.stack([signal.T.astype(np.float64) for signal in signals])


def _any_silent(signals: npt.NDArray[np.float64]) -> bool:
    """Tell whether a signal is silent as museval sees it: its channels cancel at every sample."""
    return not signals.sum(axis=2).any(axis=1).all()


def _median(frames: npt.NDArray[np.float64]) -> float | None:
    defined = frames[~np.isnan(frames)]
    value = float(np.median(defined)) if len(defined) else math.nan
    return None if math.isnan(value) else value
