"""What a run's workers need to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stemwise.core.places import Place, is_local
from stemwise.core.precision import AUTO, PrecisionSetting
from stemwise.core.types import Track
from stemwise.datasets.base import short_hash
from stemwise.evaluation.attempts import Attempts
from stemwise.evaluation.hierarchy import HierarchySettings
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.settings import MetricSettings, Notify, Stage
from stemwise.evaluation.turns import Turns
from stemwise.models.registry import ReadyModel
from stemwise.separation.recipe import Recipe
from stemwise.storage import parts
from stemwise.storage.estimates import EstimateStore
from stemwise.storage.parts import Part

if TYPE_CHECKING:
    from stemwise.evaluation.track import TrackEvaluator


@dataclass(frozen=True)
class Work:
    """What every worker needs to know; sent once per worker."""

    tracks: Sequence[Track]
    fingerprints: Mapping[str, str]
    models: Sequence[ReadyModel]
    files: tuple[str, ...] | None
    metric: MetricSettings
    store: Place
    parts: Place
    device: str = "auto"
    precision: PrecisionSetting = AUTO
    stage: Stage = "all"
    hierarchy: HierarchySettings = field(default_factory=HierarchySettings)
    recipes: Sequence[Recipe] = ()
    ensembles: Sequence[Measured] = ()
    # what it separates is handed on to others, who encode and measure it
    hands_on: bool = False
    # the models that are loaded; those before are in the store. None: all
    loaded: tuple[str, ...] | None = None
    # parts of the pass before this one
    before: Place | None = None
    # whether no pass follows
    last: bool = True
    # whether estimates stay in the store once they are measured
    keep: bool = True
    # of this machine, for work in progress; None: the store where that is local, else the system's
    scratch: Path | None = None

    @property
    def role(self) -> str:
        """What a process with this work does, for whoever looks at the list of processes."""
        return "separate" if self.hands_on else "measure" if self.loaded == () else self.stage

    @property
    def raw(self) -> bool:
        """Whether estimates are measured raw and encoded afterwards, so that none is read back."""
        return self.hands_on or self.stage == "all"

    @property
    def attempts(self) -> Place:
        """Where the attempts at songs that ended their process are remembered."""
        return self.parts.parent / "attempts"

    @property
    def passes(self) -> int:
        """How many times models hear a song: those of level 2 once per parent."""
        below = sum(model.spec.parent != "mixture" for model in self.models)
        return len(self.models) + below * (len(self.hierarchy.sources) - 1)

    def states(self, max_attempts: int) -> dict[str, str | None]:
        """Return per track `finished` or `given up` where an equal run has had its say, else None."""
        ids = [track.track_id for track in self.tracks]
        found = zip(ids, parts.read_all(self.parts, ids), strict=True)
        return {name: self._state(name, part, max_attempts) for name, part in found}

    def _state(self, name: str, part: Part | None, max_attempts: int) -> str | None:
        fingerprint = self.fingerprints[name]
        if part is None or part.fingerprint != fingerprint:
            return None
        if part.failures == 0:
            return "finished"
        attempts = Attempts.load(self.attempts, name, fingerprint)
        return "given up" if attempts.given_up(max_attempts) is not None else None

    def store_here(self) -> EstimateStore:
        """Return the estimate store as processes of this machine use it."""
        owner = short_hash(str(self.parts), 12) + "-"
        return EstimateStore(self.store, self.scratch, self.raw, self.keep, owner)

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
        from stemwise.separation.device.decisions import FOLDER as DECISIONS

        zoo = (
            Zoo.load(
                self.models,
                self.device,
                batch_size,
                turns,
                self.loaded,
                self.precision,
                self.store / DECISIONS,
            )
            if loaded
            else Zoo.unloaded(self.models, self.precision)
        )
        store = self.store_here()
        if loaded and not is_local(self.store):
            store.sweep()  # what was left behind lies on this machine, and not where the run starts
        return TrackEvaluator(
            zoo,
            store,
            self.metric,
            self.files,
            notify=notify,
            measures=self.last and not self.hands_on and self.stage != "separate",
            settles=not self.hands_on,
            skips=self.stage != "separate",
            hierarchy=self.hierarchy,
            recipes=self.recipes,
            ensembles=self.ensembles,
        )
