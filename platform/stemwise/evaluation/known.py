"""What the separation of a song tells those who measure it, where two processes share the work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stemwise.core.types import Parent

if TYPE_CHECKING:
    from stemwise.evaluation.zoo import LoadedModel

# (model, stem of the parent, its source)
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Lost:
    """A model that has no estimates of a song: the stems that it would have made, and why not."""

    stems: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class Known:
    """Facts that only the process with the models knows.

    Attributes:
        stems: of the models, which some checkpoints tell only once they are loaded.
        lost: models that failed, by place.
    """

    stems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lost: Mapping[Place, Lost] = field(default_factory=dict)

    @classmethod
    def of(cls, models: Iterable[LoadedModel], estimates: Iterable[Mapping[str, Any]]) -> Known:
        """Gather them from loaded models and a song's rows of `estimates`."""
        stems = {model.name: model.own_stems for model in models if model.own_stems}
        lost: dict[Place, Lost] = {}
        for row in estimates:
            if row["status"] == "failed":
                place = (row["model"], row["parent"], row["parent_source"])
                before = lost.get(place, Lost((), ""))
                lost[place] = Lost((*before.stems, row["stem"]), row["error"])
        return cls(stems, lost)

    def of_model(self, model: str, parent: Parent) -> Lost | None:
        """Return what is known of a model's failure on a parent, if it failed."""
        return self.lost.get((model, parent.stem, parent.source))
