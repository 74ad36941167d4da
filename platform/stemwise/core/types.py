"""The nouns that the stages hand to each other.

Audio in memory is float32, shape `(channels, samples)`; estimates of a model are
`(stems, channels, samples)` in the model's stem order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from stemwise.core.places import Place
from stemwise.core.stems import MIXTURE

Audio = npt.NDArray[np.float32]

SAMPLE_RATE = 44_100
CHANNELS = 2
# How estimates of other tools are called, in `models=` and in tables: file:NAME.
FILE_PREFIX = "file:"
# How ensembles that can be served are called in tables: recipe:NAME.
RECIPE_PREFIX = "recipe:"
# How other kinds of ensembles that a run measures are called in tables: ensemble:NAME.
ENSEMBLE_PREFIX = "ensemble:"
# The recipe that a run fits, whose rows are scored on held-out tracks only.
HELD_OUT = "deployable"
# The two sources of a parent at level 2.
REFERENCE, ESTIMATE = "reference", "estimate"


@dataclass(frozen=True)
class Parent:
    """The signal that a model separates: the mixture, or at level 2 one of its stems.

    `source` is `mixture`, `reference` (the true stem: an upper bound) or `estimate`; `model` says
    whose estimate it is.
    """

    stem: str = MIXTURE
    source: str = MIXTURE
    model: str | None = None


WHOLE = Parent()


@dataclass(frozen=True)
class Source:
    """One audio file that contributes to a stem; `stream` picks one of a container's audio streams.

    `voice` and `has_bleed` are what the dataset says of this very recording.
    """

    path: Place
    stream: int | None = None
    voice: str | None = None
    has_bleed: bool | None = None


@dataclass(frozen=True)
class Reference:
    """The true recording of one stem: the sum of its sources.

    `status` is `ok`, or `ambiguous_reference` where the dataset cannot tell what belongs to the stem:
    `unplaced` are the recordings that may hold some of it. `voice` is `male`, `female` or `mixed` for
    singing voices whose kind is known.
    """

    stem: str
    sources: tuple[Source, ...]
    voice: str | None = None
    has_bleed: bool | None = None
    status: str = "ok"
    unplaced: tuple[Source, ...] = ()

    @classmethod
    def of(cls, stem: str, sources: Iterable[Source], unplaced: Iterable[Source] = ()) -> Reference:
        """Return the reference whose facts follow from those of its recordings."""
        sources, unplaced = tuple(sources), tuple(unplaced)
        voices = {source.voice for source in sources} - {None}
        return cls(
            stem,
            sources,
            voice="mixed" if len(voices) > 1 else next(iter(voices), None),
            has_bleed=any_bleed(source.has_bleed for source in sources),
            status="ambiguous_reference" if unplaced else "ok",
            unplaced=unplaced,
        )

    def without(self, broken: Collection[Source]) -> Reference:
        """Return what is left when these files cannot be used, with the facts of the others."""
        kept = tuple(source for source in self.sources if source not in broken)
        unplaced = tuple(source for source in self.unplaced if source not in broken)
        if (kept, unplaced) == (self.sources, self.unplaced):
            return self
        made = Reference.of(self.stem, kept, unplaced)
        return replace(
            made,
            # what was said of the stem and not of its recordings stays true
            voice=made.voice if any(source.voice for source in self.sources) else self.voice,
            has_bleed=self.has_bleed
            if all(source.has_bleed is None for source in self.sources)
            else made.has_bleed,
            status=made.status if self.unplaced else self.status,
        )


def any_bleed(flags: Iterable[bool | None]) -> bool | None:
    """Combine flags of several recordings: true if any is true, else unknown if any is unknown."""
    known = list(flags)
    if any(known):
        return True
    return None if None in known or not known else False


@dataclass(frozen=True)
class Track:
    """One song of a dataset: paths and facts, no audio.

    `mixture` is None where the mixture is the sum of the `partition`'s references.
    `partition` names the stems that together make up the mixture *by the dataset's own vocabulary*,
    also those that this song lacks (they are silent in it); it decides what a model's `other` means.
    `estimates` are those of other tools: model name → stem → file.
    `problems` are sentences about what is odd in the dataset's files.
    `drum_parts` says by which rule its recordings of drums became parts, where there is a choice.
    """

    dataset: str
    track_id: str
    title: str
    partition: tuple[str, ...]
    references: Mapping[str, Reference]
    mixture: Source | None = None
    artist: str | None = None
    genre: str | None = None
    split: str | None = None
    has_bleed: bool | None = None
    estimates: Mapping[str, Mapping[str, Source]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    drum_parts: str | None = None
