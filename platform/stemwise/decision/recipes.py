"""The content of a recipe's YAML: which models make which stem, and what may be claimed of each.

Sub-stems are measured below one estimate of their parent, the run's (`parent_model`). A recipe takes
its parent from where that is best, which may be elsewhere: what was measured then says nothing about
the recipe's own sub-stems, and nothing is claimed of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stemwise.core import stems
from stemwise.core.types import ESTIMATE, REFERENCE
from stemwise.separation.ensembles.spec import is_ensemble
from stemwise.separation.quality import Quality

Stem = tuple[str, str, str]
Weights = Mapping[str, float]
Interval = tuple[float, float | None, float | None]
_WITH_HIHAT = stems.composite(("hihat", "cymbals"))


@dataclass(frozen=True)
class Choice:
    """What was chosen for one stem, and what that is worth.

    Attributes:
        weights: of the models.
        below: the models whose estimates of the parent it was measured on; empty at level 1.
        oracle_gap: mean score that the track oracle has above it, in dB.
        held_out_snr: mean SNR on held-out tracks with its interval; None where nothing was held out.
        established: whether a blend's gain is certain; None where that was not asked.
        gain: of an established blend, corrected for having been chosen for it.
        unusable: what it does not beat, `silence` or the unprocessed `input`; None where it does.
        ensemble: what a recipe holds of it in the place of weights of models; `weights` are then those
            of signals (`decision/cross_stem.py`).
        over_blend: what the ensemble gains over the plain blend, corrected likewise.
        quality: what predicts its SNR without a reference; None where nothing does.
    """

    weights: Weights
    below: frozenset[str]
    oracle_gap: float
    held_out_snr: Interval | None = None
    established: bool | None = None
    gain: float | None = None
    unusable: str | None = None
    quality: Quality | None = None
    ensemble: Mapping[str, Any] | None = None
    over_blend: float | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The models that have to run for it."""
        if self.ensemble is None:
            return tuple(rounded(self.weights))
        return tuple(self.ensemble["models"])

    @property
    def content(self) -> dict[str, Any]:
        """What a recipe holds of it."""
        return rounded(self.weights) if self.ensemble is None else dict(self.ensemble)


@dataclass(frozen=True)
class Unclaimed:
    """Sub-stems of which a recipe claims nothing: measured below another parent than its own."""

    parent: str
    stems: tuple[str, ...]
    measured_below: tuple[str, ...]
    own: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """A recipe being made: its stems by level, and who estimated the parents that were measured.

    Attributes:
        name: of the recipe and its file.
        top: level-1 stems.
        children: parent → sub-stem.
        blends: weights of the parent models that are blends, by the name that the tables have.
    """

    name: str
    top: Mapping[str, Choice]
    children: Mapping[str, Mapping[str, Choice]]
    blends: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(
        cls,
        name: str,
        chosen: Mapping[Stem, Choice],
        blends: Mapping[str, Mapping[str, Any]],
        alone: str | None = None,
    ) -> Recipe:
        """Arrange what was chosen per stem.

        Args:
            name: the recipe's.
            chosen: by (parent, parent source, stem).
            blends: see the class.
            alone: the stem that the songs are recordings of, if they hold nothing else: its parts
                are then what the recipe makes of a file.
        """
        chosen = _with_cymbals(chosen)
        made = {key[2]: chosen[key] for key in level1_of(chosen, alone)}
        children: dict[str, dict[str, Choice]] = {}
        for (parent, source, stem), own in chosen.items():
            if source == ESTIMATE and parent in made and stem in stems.PARENT:
                children.setdefault(parent, {})[stem] = own
        return cls(name, made, children, blends)

    def models(self) -> tuple[str, ...]:
        """Return the models that it runs."""
        every = [
            *self.top.values(),
            *(c for group in self.children.values() for c in group.values()),
        ]
        return tuple(dict.fromkeys(model for own in every for model in own.models))

    def unclaimed(self) -> list[Unclaimed]:
        """Return, by parent, the sub-stems that were measured below another parent than the recipe's."""
        found = []
        for parent, group in self.children.items():
            other = {stem: own for stem, own in group.items() if not self._is_own(parent, own)}
            below = tuple(sorted({model for own in other.values() for model in own.below}))
            if other:
                models = self.top[parent].models
                found.append(Unclaimed(parent, tuple(other), below, models))
        return found

    def content(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the YAML holds; `facts` begin its provenance."""
        recipe: dict[str, Any] = {
            "name": self.name,
            "sample_rate": 44_100,
            "stems": {stem: own.content for stem, own in self.top.items()},
        }
        if self.children:
            recipe["children"] = {
                parent: {stem: own.content for stem, own in group.items()}
                for parent, group in self.children.items()
            }
        recipe |= remainder_of(self.top)
        told = {s: own.quality.content() for s, own in self._claimed().items() if own.quality}
        if told:
            recipe["quality"] = told
        return recipe | {"provenance": {**facts, **self._claims()}}

    def _claimed(self) -> dict[str, Choice]:
        """Return each stem that the recipe makes as it was measured."""
        claimed = dict(self.top)
        for parent, group in self.children.items():
            claimed |= {stem: own for stem, own in group.items() if self._is_own(parent, own)}
        return claimed

    def _claims(self) -> dict[str, Any]:
        """Return what the provenance says of those stems."""
        claimed = self._claimed()
        held = {s: _four(own.held_out_snr) for s, own in claimed.items() if own.held_out_snr}
        claims: dict[str, Any] = {}
        if held:
            claims["held_out_snr"] = held
            claims["established"] = {stem: claimed[stem].established for stem in held}
        gains = {s: round(own.gain, 4) for s, own in claimed.items() if own.gain is not None}
        if gains:
            claims["gain_db"] = gains
        over = {s: round(c.over_blend, 4) for s, c in claimed.items() if c.over_blend is not None}
        if over:
            claims["gain_over_blend_db"] = over
        unusable = {s: f"not above {own.unusable}" for s, own in claimed.items() if own.unusable}
        if unusable:
            claims["unusable"] = unusable
        claims["oracle_gap_db"] = {stem: round(own.oracle_gap, 4) for stem, own in claimed.items()}
        if self.children:
            claims["parent_models"] = {
                parent: ", ".join(sorted({m for own in group.values() for m in own.below}))
                for parent, group in self.children.items()
            }
        return claims

    def _is_own(self, parent: str, choice: Choice) -> bool:
        """Tell whether a sub-stem was measured below the very parent that the recipe makes."""
        own = self.top[parent].content
        return bool(choice.below) and all(
            _same(self.blends.get(model, {model: 1.0}), own) for model in choice.below
        )


def remainder_of(top: Iterable[str]) -> dict[str, str]:
    """Return the key that names what level-1 stems leave; nothing where they leave nothing."""
    none_left = {"other", stems.INSTRUMENTAL, *stems.PARENT} & set(top)
    return {} if none_left else {"remainder": "other"}


def level1_of(found: Iterable[Stem], alone: str | None) -> list[Stem]:
    """Return those of the stems that were fitted of which a recipe is made, level 2 apart."""
    whole_stems = stems.LEVEL1 if alone is None else stems.CHILDREN[alone]
    top = [
        key for key in found if key[0] == stems.MIXTURE or (key[0] == alone and key[1] == REFERENCE)
    ]
    named = [key for key in top if key[2] in whole_stems]
    # a two-stem model's instrumental is a stem of its own only where nothing else makes it up
    if {stem for _, _, stem in named} - {"vocals"}:
        return named
    return [*named, *(key for key in top if key[2] == stems.INSTRUMENTAL)]


def in_recipe(found: Sequence[Stem], alone: str | None) -> list[Stem]:
    """Return those of the stems that were fitted that a recipe makes, on both levels."""
    top = level1_of(found, alone)
    parents = {stem for _, _, stem in top}
    below = [key for key in found if key[1] == ESTIMATE and key[0] in parents]
    return [*top, *(key for key in below if key not in top)]


def _with_cymbals(chosen: Mapping[Stem, Choice]) -> dict[Stem, Choice]:
    """Return what was chosen, cymbals that hold the hi-hat under the name that models give them."""
    found = dict(chosen)
    for (parent, source, stem), own in chosen.items():
        if stem == _WITH_HIHAT and (parent, source, "cymbals") not in chosen:
            found[parent, source, "cymbals"] = own
    return found


def alone(partitions: Sequence[Sequence[str]]) -> str | None:
    """Return the stem that all songs are recordings of, by their partitions; None for whole songs."""
    parents = {stems.whole_of(partition) for partition in partitions}
    return parents.pop() if len(parents) == 1 else None


def rounded(weights: Weights) -> dict[str, float]:
    """Return weights as they are written; one that rounds to 0 is none, since it would be run."""
    found = {model: round(float(weight), 6) for model, weight in weights.items()}
    return {model: weight for model, weight in found.items() if weight != 0}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two values of a stem are one: blends, or ensembles of one kind and its settings."""
    if is_ensemble(one) != is_ensemble(other):
        return False
    if not is_ensemble(one):
        return _equal(one, other)
    # models follow from the weights; wiener is empty where no Wiener estimate has one
    rest = [
        {k: v for k, v in own.items() if v and k not in ("weights", "models")}
        for own in (one, other)
    ]
    return rest[0] == rest[1] and _equal(one["weights"], other["weights"])


def _equal(one: Weights, other: Weights) -> bool:
    """Tell whether two blends are one up to what solvers differ by from machine to machine (−80 dB)."""
    return all(abs(one.get(m, 0.0) - other.get(m, 0.0)) <= 1e-4 for m in {*one, *other})


def _four(values: Interval) -> list[float | None]:
    return [None if value is None else round(value, 4) for value in values]
