"""Measuring a song for blends over all stems: every model's every estimate against every reference."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stemwise.audio.raw import Signal
from stemwise.core.signals import WIENER, signal_name, wiener_stems
from stemwise.core.stems import MIXTURE
from stemwise.core.types import Audio
from stemwise.evaluation.outputs import Output
from stemwise.measurement.blend import BlendStatistics
from stemwise.measurement.cross_stem import Target, cross_forms
from stemwise.measurement.matching import Match
from stemwise.measurement.references import Beside
from stemwise.separation.ensembles.wiener import wiener
from stemwise.separation.spool import Spool


@dataclass(frozen=True)
class CrossStem:
    """What is measured for blends over all stems.

    Attributes:
        models: names of those whose estimates are the signals.
        folder: for temporary files; None is the system's.
    """

    models: Collection[str]
    folder: Path | None = None

    def targets(self, wanted: Mapping[str, Mapping[str, Match]]) -> list[str]:
        """Return the stems that some model makes by itself, not as a sum of its outputs."""
        return [
            stem
            for stem, matches in wanted.items()
            if any(
                match.parts in ((stem,), ("cymbals",))
                for model, match in matches.items()
                if model in self.models
            )
        ]

    def forms(
        self,
        references: Mapping[str, Audio],
        beside: Mapping[str, Beside],
        outputs: Mapping[str, Output],
        heard: Audio,
    ) -> dict[str, BlendStatistics]:
        """Return the forms over all signals of each stem in `references`.

        Args:
            references: of the stems to make, `(2, samples)`.
            beside: the references beside each of them.
            outputs: by model.
            heard: the mixture, or the parent in its place.
        """
        own = {name: output for name, output in outputs.items() if name in self.models}
        every: dict[str, Signal] = dict(references)
        for found in beside.values():
            every |= {
                n: s for n, s in zip(found.names, found.signals, strict=True) if n not in every
            }
        targets = [Target(stem, beside[stem].names) for stem in references]
        with _spooled(own, heard, self.folder) as signals:
            return cross_forms(targets, every, {MIXTURE: heard, **signals})


@contextmanager
def _spooled(
    outputs: Mapping[str, Output], heard: Audio, folder: Path | None
) -> Iterator[dict[str, Signal]]:
    """Lay all estimates in raw files, since a dozen of them would take a gigabyte, and add Wiener's."""
    with tempfile.TemporaryDirectory(prefix="cross-stem-", dir=folder) as name:
        signals: dict[str, Signal] = {}
        makers: dict[str, list[Signal]] = {}
        for number, (model, output) in enumerate(outputs.items()):
            below = Path(name) / str(number)
            below.mkdir()
            for stem in output.stems:
                spool = Spool(below, [stem])
                spool.add(output.read_one(stem)[None])
                signals[signal_name(model, stem)] = spool.read(stem)
                makers.setdefault(stem, []).append(spool.read(stem))
        signals |= _wiener(makers, heard, Path(name))
        yield signals


def _wiener(
    makers: Mapping[str, Sequence[Signal]], heard: Signal, folder: Path
) -> dict[str, Signal]:
    stems = wiener_stems(makers)
    if not stems:
        return {}
    spool = Spool(folder, stems)
    for stretch in wiener(heard, {stem: makers[stem] for stem in stems}):
        spool.add(stretch)
    return {signal_name(WIENER, stem): spool.read(stem) for stem in stems}
