"""BSS Eval v4 through the `museval` package: the reference, `metric.engine=museval`.

museval scores all sources of a model together: frames in which any source is silent are undefined for
all of them, and it refuses a source that is silent throughout, with which every frame is such.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from stemwise.core.errors import require
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.measurement.bsseval.scores import METRICS, Scores, median, with_complement


def museval_scores(
    references: Mapping[str, Audio], estimates: Mapping[str, Audio], mixture: Audio
) -> Scores:
    """Return stem → metric → median over 1 s frames in dB (see `scores.Engine`).

    Raises:
        MissingDependencyError: museval is not installed.
    """
    metrics = load_metrics()
    stems = list(references)
    true, found = with_complement(references, mixture), with_complement(estimates, mixture)
    sources, outputs = _frames_last(true, true), _frames_last(found, true)
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
        stem: {metric: median(frames[index]) for metric, frames in values.items()}
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
        raise require("museval", "museval", "metric.engine=museval")
    path = Path(package.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    if spec is None or spec.loader is None:
        raise require("museval", "museval", "metric.engine=museval")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _frames_last(signals: Mapping[str, Audio], order: Iterable[str]) -> npt.NDArray[np.float64]:
    return np.stack([signals[stem].T.astype(np.float64) for stem in order])


def _any_silent(signals: npt.NDArray[np.float64]) -> bool:
    """Tell whether a signal is silent as museval sees it: its channels cancel at every sample."""
    return not signals.sum(axis=2).any(axis=1).all()
