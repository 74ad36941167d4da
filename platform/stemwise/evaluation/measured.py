"""An ensemble that a run measures, as settings say it; light, since supervisors of songs hold it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemwise.core.types import ENSEMBLE_PREFIX
from stemwise.separation.ensembles.kinds import get_kind
from stemwise.separation.ensembles.spec import Ensemble


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
