"""Ensembles of other kinds, measured as just another model: made of what was read of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stemwise.core.errors import ModelError
from stemwise.core.types import Audio, Parent
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.outputs import Output
from stemwise.evaluation.rows import Origin
from stemwise.measurement.matching import Match
from stemwise.separation.ensembles.apply import combined
from stemwise.separation.ensembles.spec import Ensemble

# stem → model → what the model makes of it
Matches = Mapping[str, Mapping[str, Match]]


def outputs_of(
    ensembles: Sequence[Measured],
    parent: Parent,
    found: Matches,
    lost: Matches,
    outputs: Mapping[str, Output],
) -> list[tuple[Output, dict[str, str]]]:
    """Return what each ensemble makes of a track, and why it lacks single stems.

    Args:
        ensembles: of the run.
        parent: what the models heard.
        found: of models that have estimates.
        lost: of models that failed: a stem that needs one of them fails.
        outputs: of the models, by name.
    """
    made = []
    for ensemble in ensembles:
        own: dict[str, Ensemble] = {}
        errors: dict[str, str] = {}
        for stem in dict.fromkeys([*found, *lost]):
            absent = lost.get(stem, {})
            one = ensemble.of(stem, [*found.get(stem, {}), *absent])
            if one is None:
                continue
            own[stem] = one
            if gone := [model for model in one.models if model in absent]:
                errors[stem] = _absent(gone[0], stem)
        if own:
            made.append((_output(ensemble, parent, own, found, outputs), errors))
    return made


def _output(
    ensemble: Measured,
    parent: Parent,
    own: Mapping[str, Ensemble],
    found: Matches,
    outputs: Mapping[str, Output],
) -> Output:
    def blend(stem: str, signals: Mapping[str, Audio]) -> Audio:
        for model in own[stem].models:
            if model not in signals:
                raise ModelError(_absent(model, stem))
        parts = combined(own[stem], [signals[model] for model in own[stem].models])
        return np.concatenate(list(parts), axis=1)

    def read(stem: str) -> Audio:
        return blend(stem, {m: outputs[m].read_sum(found[stem][m]) for m in own[stem].models})

    return Output(tuple(own), Origin(ensemble.model, parent), read, blend=blend)


def _absent(model: str, stem: str) -> str:
    return f"The ensemble needs {stem} of {model!r}, which this track does not have."
