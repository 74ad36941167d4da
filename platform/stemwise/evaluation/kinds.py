"""Ensembles of other kinds, measured as just another model: made of what was read of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stemwise.core.errors import ModelError
from stemwise.core.types import ENSEMBLE_PREFIX, Audio, Parent
from stemwise.evaluation.outputs import Output
from stemwise.evaluation.rows import Origin
from stemwise.measurement.matching import Match
from stemwise.separation.ensembles.apply import combined
from stemwise.separation.ensembles.kinds import get_kind
from stemwise.separation.ensembles.spec import Ensemble

# stem → model → what the model makes of it
Matches = Mapping[str, Mapping[str, Match]]


@dataclass(frozen=True)
class Measured:
    """An ensemble that a run measures.

    Attributes:
        name: in tables after `ensemble:`.
        kind: of conf/ensemble.
        models: in their order.
        settings: all that the kind has.
        every: whether all of the models must make a stem; else those that do, where they suffice.
        stems: what it makes; empty for all.
    """

    name: str
    kind: str
    models: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    every: bool = False
    stems: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """What it is called in tables."""
        return ENSEMBLE_PREFIX + self.name

    def of(self, stem: str, makers: Sequence[str]) -> Ensemble | None:
        """Return the ensemble of a stem, given the models that make it; None where it has none."""
        if self.stems and stem not in self.stems:
            return None
        members = tuple(model for model in self.models if model in makers)
        short = len(members) < len(self.models) if self.every else False
        if short or len(members) < get_kind(self.kind).least:
            return None
        return Ensemble(self.kind, members, self.settings)


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
