"""Which reference belongs to which output of a model.

`other` means "what is left besides my own other stems", so it is another signal for a model of four
stems than for one of six. A model's `other` is therefore compared with the sum of all stems of the
dataset's partition that the model does not name, and a row whose reference is such a sum carries the
sum's name (`guitar+piano+other`). In the other direction, a six-stem model on a four-stem dataset has
its guitar and piano added to its `other`.

Cymbals include the hi-hat where nobody splits it off: a model without hi-hat is compared with
`hihat+cymbals` where the dataset has both, and the hi-hat of a model is added to its cymbals where the
dataset has no such reference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stemwise.stems import INSTRUMENTAL, LEVEL1, composite

_CYMBALS = ("hihat", "cymbals")


@dataclass(frozen=True)
class Match:
    """The row `stem`, estimated by the sum of the model's `parts`; `known` tells if it has a truth."""

    stem: str
    parts: tuple[str, ...]
    known: bool


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
