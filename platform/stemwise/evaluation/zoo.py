"""The models of a run, loaded once per worker; one that cannot be loaded fails alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stemwise.core.errors import ModelError, StemwiseError
from stemwise.core.places import Place
from stemwise.core.precision import (
    AUTO,
    PRECISIONS,
    Choice,
    Precision,
    PrecisionSetting,
    named,
    precision_for,
)
from stemwise.core.types import Audio
from stemwise.evaluation.known import Known
from stemwise.evaluation.turns import Turns
from stemwise.models.registry import ReadyModel, build, needs_references, on_this_machine
from stemwise.separation.device.decisions import Decisions
from stemwise.separation.separator import ENGINE_VERSION, Separator
from stemwise.storage.claims import Claim
from stemwise.storage.estimates import Entry, EstimateStore, audio_digest, entry_key


@dataclass
class LoadedModel:
    """A model of the run: its separator, or the sentence that says why it has none."""

    ready: ReadyModel
    separator: Separator | None = None
    error: str | None = None
    # what another process, in which it is loaded, says of its stems
    told: tuple[str, ...] = ()
    turns: Turns | None = None
    precision: Choice = AUTO

    @property
    def name(self) -> str:
        """The model's name."""
        return self.ready.spec.name

    @property
    def parent(self) -> str:
        """The stem it separates: `mixture` at level 1."""
        return self.ready.spec.parent

    @property
    def uses_references(self) -> bool:
        """Whether it sees the true stems, known without its weights too."""
        if self.separator is not None:
            return self.separator.model.uses_references
        return self.error is None and needs_references(self.ready.spec)

    @property
    def own_stems(self) -> tuple[str, ...]:
        """What the loaded model makes of every track; empty where the track decides."""
        if self.separator is None or not self.separator.model.stems:
            return ()
        return self.separator.stems_for()

    def stems(self, partition: Sequence[str]) -> tuple[str, ...]:
        """Return the model's stems; those of the track where only the track decides."""
        if self.own_stems or self.told:
            return self.own_stems or self.told
        spec = self.ready.spec
        return spec.with_residual(spec.stems or partition)

    def separate(
        self,
        mixture: Audio,
        references: Callable[[], Mapping[str, Audio]],
        store: EstimateStore,
        key: str | None = None,
        patient: bool = True,
    ) -> tuple[Entry, bool] | None:
        """Return the store's entry for this mixture, and whether it had to be made.

        What another run makes just now is waited for, or left for later, and None is returned.

        Args:
            mixture: `(2, samples)`.
            references: called only if the model uses the true stems.
            store: where entries are kept.
            key: of the entry, where it is known, for a model that is not loaded.
            patient: whether to wait for another run that makes it.

        Raises:
            ModelError: the entry is not there, and the model was not or could not be loaded.
        """
        if key is not None and self.separator is None and (told := store.get(key)) is not None:
            return told, False
        used = references() if self.uses_references else {}
        audio = audio_digest(mixture, *used.values())
        if self.separator is not None and not self.separator.settled:
            settle = self.separator.settle  # the key needs the precision
            (self.turns.taking(settle) if self.turns else settle)(mixture, used)
        keys = [
            entry_key(audio + "".join(used), self.ready.identity, ENGINE_VERSION, precision)
            for precision in self._precisions()
        ]
        found = next((entry for entry in map(store.get, keys) if entry is not None), None)
        if found is not None:
            return found, False
        if self.separator is None:
            raise ModelError(
                self.error
                or f"The store has no estimates of this mixture by {self.name!r}: run "
                "`stemwise run-separate` or `stemwise evaluate` with the same settings first."
            )
        claim = store.claim(keys[0], patient)
        if not isinstance(claim, Claim):
            return None if claim is None else (claim, False)
        with store.claimed(keys[0], claim):
            return self._made(self.separator, keys[0], mixture, used, store), True

    def _made(
        self,
        separator: Separator,
        key: str,
        mixture: Audio,
        used: Mapping[str, Audio],
        store: EstimateStore,
    ) -> Entry:
        """Separate, and return the store's new entry."""
        turns = self.turns
        in_turn = turns.taking(separator.forward) if turns else None
        stream = separator.stream(mixture, used, forward=in_turn)
        return store.put(
            key,
            separator.stems_for(used),
            (part.numpy() for part in stream),
            str(separator.device),
            # asked for at the end: out of memory makes it smaller on the way
            lambda: separator.batch_size,
            turns.clock if turns else time.perf_counter,
            separator.precision,
        )

    def _precisions(self) -> tuple[Precision, ...]:
        """Return the precision of its estimates; where others decided it, all that it can be."""
        if self.separator is not None:
            return (self.separator.precision,)
        asked = named(self.precision)
        return PRECISIONS if asked is None else (asked,)


@dataclass
class Zoo:
    """All models of a run."""

    models: list[LoadedModel] = field(default_factory=list)

    def of(self, parent: str) -> list[LoadedModel]:
        """Return the models that take `parent` apart."""
        return [model for model in self.models if model.parent == parent]

    def own_stems(self) -> dict[str, tuple[str, ...]]:
        """Return what each loaded model makes of every track, where the track does not decide."""
        return {model.name: model.own_stems for model in self.models if model.own_stems}

    def told(self, known: Known) -> Zoo:
        """Return these models with what other processes tell of their stems on one song."""
        stems = known.stems
        return Zoo([replace(model, told=stems.get(model.name, ())) for model in self.models])

    @classmethod
    def load(
        cls,
        ready: Iterable[ReadyModel],
        device: str,
        batch_size: int | None,
        turns: Turns | None = None,
        names: Collection[str] | None = None,
        precision: PrecisionSetting = AUTO,
        decisions: Place | None = None,
    ) -> Zoo:
        """Load the models; what a model raises becomes its `error`.

        Args:
            ready: all models of the run.
            device: where to.
            batch_size: chunks per forward pass; None lets the engine choose.
            turns: who may run a model next, where threads work on several songs.
            names: of those to load; the store answers for the others. None: all.
            precision: in which models compute.
            decisions: folder of what `auto` decided, for all workers; None keeps that here.
        """
        return cls(
            [
                _load(
                    item,
                    device,
                    batch_size,
                    turns,
                    precision_for(precision, item.spec.name),
                    None if decisions is None else Decisions(decisions, item.identity),
                )
                if names is None or item.spec.name in names
                else LoadedModel(item, precision=precision_for(precision, item.spec.name))
                for item in ready
            ]
        )

    @classmethod
    def unloaded(cls, ready: Iterable[ReadyModel], precision: PrecisionSetting = AUTO) -> Zoo:
        """Know the models without loading any weights: only the store can answer for them."""
        return cls.load(ready, "cpu", None, names=(), precision=precision)


def _load(
    ready: ReadyModel,
    device: str,
    batch_size: int | None,
    turns: Turns | None,
    precision: Choice,
    decisions: Decisions | None,
) -> LoadedModel:
    try:
        separator = Separator(
            build(on_this_machine(ready)),
            device,
            batch_size,
            ready.spec.residual,
            precision,
            decisions,
        )
        return LoadedModel(ready, separator, turns=turns, precision=precision)
    # some libraries of models exit where others raise; whatever it is must not stop the others
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return LoadedModel(ready, error=describe(error), precision=precision)


def describe(error: BaseException) -> str:
    """Return an exception as one line for a table."""
    text = " ".join(str(error).split()) or "no message"
    # our own errors are whole sentences; of others the kind says more than the text
    return (text if isinstance(error, StemwiseError) else f"{type(error).__name__}: {text}")[:2000]
