"""`stemwise measure`: everything after separation, from estimates that are there already."""

from __future__ import annotations

from rich.console import Console

from stemwise.jobs.evaluate import evaluate
from stemwise.jobs.launch import launch
from stemwise.jobs.settings import EvaluateSettings


def measure(settings: EvaluateSettings, console: Console) -> int:
    """Evaluate with the estimates of the store (and those of other tools); no model is loaded or run."""
    return evaluate(settings, console, stage="measure")


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise measure` with the overrides of `stemwise evaluate`."""
    return launch("evaluate", EvaluateSettings, measure, arguments)
