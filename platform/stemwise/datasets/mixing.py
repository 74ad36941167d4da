"""Summing the recordings of a stem as MoisesDB's official reader does, and noting what is odd.

Recordings of one *take* (one stem, one folder: in MoisesDB the tracks of one stemName) are trimmed
to the shortest before resampling; takes are padded to the longest; mono is doubled.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from stemwise import audio
from stemwise.core.errors import AudioError
from stemwise.core.types import CHANNELS, SAMPLE_RATE, Audio, Reference, Source, Track
from stemwise.datasets.facts import MONO, RESAMPLED
from stemwise.datasets.kept import KeptStems

_Take = tuple[str, str]


class Mixer:
    """Decodes and sums the sources of one track; sentences about defects go to `problems`.

    With `kept`, a stem that was decoded is read from there afterwards.
    """

    def __init__(self, track: Track, problems: list[str], kept: KeptStems | None = None) -> None:
        self.problems, self.kept = problems, kept
        self.broken: dict[Source, str] = {}
        self.formats: dict[Source, tuple[int, int]] = {}  # rate in Hz, channels
        self._shortest: dict[_Take, Fraction] = {}  # seconds
        # Sub-stems share their parent's takes, so that they are trimmed to the same length.
        self._take_of: dict[Source, _Take] = {
            source: (stem, str(source.path.parent))
            for stem in track.partition
            if stem in track.references
            for source in track.references[stem].sources
        }

    @property
    def state(self) -> tuple[object, ...]:
        """What decoding has found so far, for a mixer of the same track in another process."""
        return list(self.problems), self.broken, self.formats, self._shortest

    @state.setter
    def state(self, state: tuple[Any, ...]) -> None:
        self.problems[:], self.broken, self.formats, self._shortest = state

    def load(self, source: Source) -> Audio:
        """Decode one source to `(2, samples)` at 44.1 kHz.

        Raises:
            AudioError: it cannot be used.
        """
        return audio.to_layout(self._read(source), source.path)

    def stem(self, reference: Reference, *, leave_out: bool) -> Audio | None:
        """Sum all sources of `reference` to `(2, samples)`; None where no usable one is left.

        With `leave_out` a broken source is noted and skipped, in this and all later calls.

        Raises:
            AudioError: without `leave_out`, a source is broken that was not left out before.
        """
        takes: dict[_Take, list[Source]] = {}
        for source in reference.sources:
            own = (reference.stem, str(source.path.parent))
            takes.setdefault(self._take_of.get(source, own), []).append(source)
        if self.kept is not None:
            found = self.kept.get(reference.stem, self._mark(reference, takes))
            if found is not None:
                return found
        total = self._decoded(takes, leave_out)
        if self.kept is None or total is None:
            return total
        mark = self._mark(reference, takes)
        self.kept.put(reference.stem, total, mark)
        mapped = self.kept.get(reference.stem, mark)
        return total if mapped is None else mapped

    def _mark(self, reference: Reference, takes: Iterable[_Take]) -> Hashable:
        """Return all that decoding this stem once more would depend on."""
        left = tuple(source for source in reference.sources if source not in self.broken)
        return left, tuple(self._shortest.get(take) for take in takes)

    def _decoded(self, takes: Mapping[_Take, Iterable[Source]], leave_out: bool) -> Audio | None:
        total: Audio | None = None
        for take, sources in takes.items():
            piece = self._sum_of_take(take, sources, leave_out)
            if piece is not None:
                total = piece if total is None else add_padded(total, piece)
        return total

    def _sum_of_take(self, take: _Take, sources: Iterable[Source], leave_out: bool) -> Audio | None:
        """Sum one after the other, so that only the sum and one source are in memory."""
        sums: dict[tuple[int, int], Audio] = {}  # by rate and channels
        lengths: dict[Source, Fraction] = {}
        for source in sources:
            if seconds := self._add_source(sums, source, leave_out):
                lengths[source] = seconds
        if not sums:
            return None
        shortest = min(*lengths.values(), self._shortest.get(take, next(iter(lengths.values()))))
        self._shortest[take] = shortest
        self._note_trimmed(lengths, shortest)
        total: Audio | None = None
        for (rate, _), samples in sums.items():
            trimmed = audio.Decoded(samples[:, : int(shortest * rate)], rate)
            total = _add_trimmed(total, audio.to_layout(trimmed))
        return total

    def _add_source(
        self, sums: dict[tuple[int, int], Audio], source: Source, leave_out: bool
    ) -> Fraction | None:
        """Add one source to the sum of its rate and channels; return its length in seconds."""
        decoded = self._read_usable(source, leave_out)
        if decoded is None:
            return None
        channels, frames = decoded.samples.shape
        key = (decoded.sample_rate, channels)
        sums[key] = _add_trimmed(sums.get(key), decoded.samples)
        return Fraction(frames, decoded.sample_rate)

    def _note_trimmed(self, lengths: dict[Source, Fraction], shortest: Fraction) -> None:
        for source, seconds in lengths.items():
            if seconds > shortest:
                surplus = span(round((seconds - shortest) * SAMPLE_RATE))
                self.note(f"{_label(source)} is {surplus} longer than others of its stem: trimmed.")

    def _read_usable(self, source: Source, leave_out: bool) -> audio.Decoded | None:
        """Decode one source at its own rate; None where it is, or may be, left out."""
        if source in self.broken:
            return None
        try:
            return self._read(source)
        except AudioError as error:
            if not leave_out:
                raise
            self.broken[source] = str(error)
            self.note(f"{_label(source)} is left out of its stem and of the mixture: {error}")
            return None

    def _read(self, source: Source) -> audio.Decoded:
        """Decode one source at its own rate and note what has to be converted."""
        decoded = audio.read(source)
        channels = decoded.samples.shape[0]
        self.formats[source] = (decoded.sample_rate, channels)
        if channels > CHANNELS:
            # One sample is enough for its error.
            audio.to_layout(audio.Decoded(decoded.samples[:, :1], SAMPLE_RATE), source.path)
        if channels == 1:
            self.note(f"{_label(source)} {MONO}")
        if decoded.sample_rate != SAMPLE_RATE:
            self.note(f"{_label(source)} has {decoded.sample_rate} Hz{RESAMPLED}")
        return decoded

    def note(self, problem: str) -> None:
        """Add a sentence to the problems, once."""
        if problem not in self.problems:
            self.problems.append(problem)


def add_padded(total: Audio, piece: Audio) -> Audio:
    """Add the shorter to the longer, in place."""
    long, short = (total, piece) if total.shape[1] >= piece.shape[1] else (piece, total)
    long[:, : short.shape[1]] += short
    return long


def _add_trimmed(total: Audio | None, piece: Audio) -> Audio:
    """Add in place, both cut to the shorter."""
    if total is None:
        return piece
    length = min(total.shape[1], piece.shape[1])
    total = total[:, :length]
    total += piece[:, :length]
    return total


def span(samples: int) -> str:
    """Write a length for people: `441 samples (0.010 s)`."""
    return f"{samples} sample{'s' * (samples != 1)} ({samples / SAMPLE_RATE:.3f} s)"


def _label(source: Source) -> str:
    stream = "" if source.stream is None else f" stream {source.stream}"
    return f"{source.path.parent.name}/{source.path.name}{stream}"
