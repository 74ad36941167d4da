"""`stemwise.evaluate`: the whole job of `stemwise evaluate`, from Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from stemwise.api.run import Run, open_run
from stemwise.api.settings import settings_of
from stemwise.core.errors import ConfigError
from stemwise.jobs import evaluate as job
from stemwise.jobs.settings import EvaluateSettings

Model = str | Mapping[str, Any]


def evaluate(
    dataset: str | Mapping[str, Any],
    models: Model | Sequence[Model],
    output: str | os.PathLike[str],
    *,
    verbose: bool = True,
    **settings: Any,
) -> Run:
    """Separate, measure, score, select and report a dataset, as `stemwise evaluate` does.

    The same call resumes where an earlier one stopped. A Ray that you have started is used and left
    running; else one is started and stopped again.

    Args:
        dataset: a name (`"demo"`), a name with its arguments
            (`{"name": "folder", "root": "songs"}`), or a mapping as in conf/dataset (with `_target_`).
        models: a set (`"demo"`), a model, or a list of models, entries of your own
            (`{"name": "mine", "base": "scnet", "checkpoint": "mine.ckpt"}`) and `"file:NAME"`.
        output: folder or URI of the results.
        verbose: whether progress is printed.
        settings: the other keys of conf/evaluate.yaml: `tracks=3`, `device="cpu"`, `store=…`,
            `metric="plain"` or `metric={"name": "paper", "museval": True}`, and so on.

    Returns:
        The run. Models that failed on a track do not raise: see `Run.failures`.

    Raises:
        ConfigError: an unknown name, key or value.
        DatasetError: a dataset that is absent or not in its layout.
        CheckpointError: a checkpoint that cannot be fetched.
        OutputError: the output cannot be written, or another run holds it.

    Example:
        >>> run = stemwise.evaluate(
        ...     {"name": "folder", "root": "songs"}, ["htdemucs_6s", "scnet"], "runs/songs"
        ... )
        >>> run.leaderboard
    """
    if "dataset" in settings or "models" in settings or "output" in settings:
        raise ConfigError("dataset, models and output are given twice.")
    given = {**settings, "dataset": dataset, "models": models, "output": os.fspath(output)}
    made = settings_of(EvaluateSettings, "evaluate", given)
    # lines, also in a notebook, where a live display would need widgets
    console = Console(
        file=sys.stdout, width=120, force_jupyter=False, force_terminal=False, quiet=not verbose
    )
    job.evaluate(made, console, shown=Console(quiet=True, force_jupyter=False))
    return open_run(output)
