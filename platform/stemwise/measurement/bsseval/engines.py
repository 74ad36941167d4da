"""Which program computes BSS Eval v4: ours (`torch`), or the package `museval` as the reference."""

from __future__ import annotations

from collections.abc import Callable

from stemwise.core.errors import ConfigError
from stemwise.measurement.bsseval.scores import Engine

ENGINES = ("torch", "museval")


def load_engine(name: str, tell: Callable[[str], None] = lambda _: None) -> Engine:
    """Return the engine `name` for one parent of one track.

    Args:
        name: one of `ENGINES`.
        tell: receives a sentence where the references make the scores uncertain.

    Raises:
        ConfigError: there is no such engine.
    """
    if name == "torch":
        from stemwise.measurement.bsseval.torch_engine import TorchEngine

        return TorchEngine(tell)
    if name == "museval":
        from stemwise.measurement.bsseval.museval_engine import museval_scores

        return museval_scores
    raise ConfigError(f"metric.engine={name} is unknown: use one of {', '.join(ENGINES)}.")
