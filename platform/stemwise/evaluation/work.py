"""What a run's workers need to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stemwise.core.types import Track
from stemwise.evaluation.attempts import Attempts
from stemwise.evaluation.hierarchy import HierarchySettings
from stemwise.evaluation.settings import MetricSettings, Stage
from stemwise.evaluation.turns import Turns
from stemwise.models.registry import ReadyModel
from stemwise.separation.recipe import Recipe
from stemwise.storage import parts
from stemwise.storage.estimates import EstimateStore

if TYPE_CHECKING:
    from stemwise.evaluation.track import TrackEvaluator

# (track id, stage or model, seconds of audio, seconds of work)
Notify = Callable[[str, str, float, float], None]


@dataclass(frozen=True)
class Work:
    """What every worker needs to know; sent once per worker."""

    tracks: Sequence[Track]
    fingerprints: Mapping[str, str]
    models: Sequence[ReadyModel]
    files: tuple[str, ...] | None
    metric: MetricSettings
    store: Path
    parts: Path
    device: str = "auto"
    stage: Stage = "all"
    hierarchy: HierarchySettings = field(default_factory=HierarchySettings)
    recipes: Sequence[Recipe] = ()
    # what it separates is handed on to others, who encode and measure it
    hands_on: bool = False
    # the models that are loaded; those before are in the store. None: all
    loaded: tuple[str, ...] | None = None
    # parts of the pass before this one
    before: Path | None = None
    # whether no pass follows
    last: bool = True

    @property
    def attempts(self) -> Path:
        """Where the attempts at songs that ended their process are remembered."""
        return self.parts.parent / "attempts"

    @property
    def passes(self) -> int:
        """How many times models hear a song: those of level 2 once per parent."""
        below = sum(model.spec.parent != "mixture" for model in self.models)
        return len(self.models) + below * (len(self.hierarchy.sources) - 1)

    def state(self, track: Track, max_attempts: int) -> str | None:
        """Return `finished` or `given up` where an equal run has had its say on a track, else None."""
        part = parts.read(self.parts, track.track_id)
        fingerprint = self.fingerprints[track.track_id]
        if part is None or part.fingerprint != fingerprint:
            return None
        if part.failures == 0:
            return "finished"
        attempts = Attempts.load(self.attempts, track.track_id, fingerprint)
        return "given up" if attempts.given_up(max_attempts) is not None else None

    def evaluator(
        self,
        loaded: bool,
        batch_size: int | None = None,
        notify: Notify = lambda *_: None,
        turns: Turns | None = None,
    ) -> TrackEvaluator:
        """Return what turns a track into rows.

        Args:
            loaded: whether models are loaded; else only the store can answer for them.
            batch_size: chunks per forward pass; None lets the engine choose.
            notify: called after each stage.
            turns: who may run a model next, where threads work on several songs.
        """
        # here, since they import torch, and those who only pass work on need none
        from stemwise.evaluation.track import TrackEvaluator
        from stemwise.evaluation.zoo import Zoo

        zoo = (
            Zoo.load(self.models, self.device, batch_size, turns, self.loaded)
            if loaded
            else Zoo.unloaded(self.models)
        )
        return TrackEvaluator(
            zoo,
            EstimateStore(self.store, raw=self.hands_on),
            self.metric,
            self.files,
            notify=notify,
            measures=self.last and not self.hands_on and self.stage != "separate",
            skips=self.stage != "separate",
            hierarchy=self.hierarchy,
            recipes=self.recipes,
        )
