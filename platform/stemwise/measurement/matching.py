"""Which reference belongs to which output of a model.

`other` means "what is left besides my own other stems", so it is another signal for a model of four
stems than for one of six. A model's `other` is therefore compared with the sum of all stems of the
dataset's partition that the model does not name, and a row whose reference is such a sum carries the
sum's name (`guitar+piano+other`). In the other direction, a six-stem model on a four-stem dataset has
its guitar and piano added to its `other`.

Cymbals include the hi-hat where nobody splits it off: a model without hi-hat is compared with
`hihat+cymbals` where the dataset has both, and the hi-hat of a model is added to its cymbals where the
dataset has no such reference.

What one model makes whole and another in parts is one stem for both: a model of guitar, piano and other
is also scored on their sum where a four-stem model of the run makes that, and one of four stems on the
instrumental.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stemwise.core.stems import INSTRUMENTAL, LEVEL1, composite, parts_of, without_voices

_CYMBALS = ("hihat", "cymbals")


@dataclass(frozen=True)
class Match:
    """The row `stem`, estimated by the sum of the model's `parts`; `known` tells if it has a truth."""

    stem: str
    parts: tuple[str, ...]
    known: bool

    @property
    def whole(self) -> bool:
        """Whether the model makes the stem itself, not as a sum of its outputs."""
        return len(self.parts) == 1


def match_stems(
    model: Sequence[str], partition: Sequence[str], references: Collection[str]
) -> list[Match]:
    """Return one match per row that a model with stems `model` gets on a track.

    Args:
        model: the model's stems.
        partition: the dataset's stems that add up to the mixture.
        references: stems with a reference on this track, sub-stems included.
    """
    named = [stem for stem in model if stem not in ("other", *_CYMBALS)]
    matches = [
        Match(
            stem, (stem,), stem in references or (stem == INSTRUMENTAL and "vocals" in references)
        )
        for stem in named
    ]
    matches += _match_cymbals([stem for stem in model if stem in _CYMBALS], references)
    if "other" in model:
        matches.append(_match_other(model, partition, references))
    return matches


def match_sum(stem: str, own: Sequence[Match], partition: Sequence[str]) -> Match | None:
    """Return the match of a row that other models make whole and this one in parts, if it does.

    Args:
        stem: the row: a sum of the dataset's stems (`a+b`), or the instrumental.
        own: the model's own matches.
        partition: the dataset's stems that add up to the mixture.
    """
    parts = set(parts_of(stem))
    if stem == INSTRUMENTAL:
        parts = set(without_voices(partition))
    pieces = [match for match in own if set(parts_of(match.stem)) <= parts]
    covered = [part for match in pieces for part in parts_of(match.stem)]
    if not pieces or sorted(covered) != sorted(parts):
        return None
    return Match(stem, tuple(part for match in pieces for part in match.parts), known=True)


def _match_cymbals(model: Sequence[str], references: Collection[str]) -> list[Match]:
    """Match cymbals and hi-hat, which are one stem for some models and datasets and two for others."""
    both = tuple(stem for stem in _CYMBALS if stem in references)
    if tuple(model) == ("cymbals",) and len(both) > 1:
        return [Match(composite(both), ("cymbals",), known=True)]
    if len(model) > 1 and both == ("cymbals",):
        return [Match("cymbals", tuple(model), known=True)]
    return [Match(stem, (stem,), stem in references) for stem in model]


def _match_other(
    model: Sequence[str], partition: Sequence[str], references: Collection[str]
) -> Match:
    rest = [stem for stem in partition if stem == "other" or stem not in model]
    if not rest or not set(rest) <= {*LEVEL1, INSTRUMENTAL}:
        return Match("other", ("other",), known=False)
    known = {*partition, "vocals"} if INSTRUMENTAL in rest else {*partition}
    surplus = [stem for stem in model if stem in LEVEL1 and stem not in known]
    parts = ("other", *(stem for stem in surplus if stem != "other"))
    return Match(composite(rest), parts, known=any(stem in references for stem in rest))
