"""Decoding one track: its mixture once, its references when they are asked for.

What a reference *is* (sums, silent parts, the instrumental) is decided here, how its files are
summed in `mixing`; docs/datasets.md names the one policy for each defect.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from stemwise import audio
from stemwise.core import stems
from stemwise.core.errors import AudioError, MissingReferenceError
from stemwise.core.types import Audio, Track, any_bleed
from stemwise.datasets.kept import KeptStems
from stemwise.datasets.mixing import Mixer, add_padded, span


class TrackAudio:
    """The audio of one track, decoded lazily: all of it stereo, 44.1 kHz, as long as the mixture.

    Only the mixture is kept in memory: a dozen references would take a gigabyte. With `kept` each is
    decoded once and read from there afterwards, without it on each call. `problems` starts with the
    track's own and grows with what decoding finds.
    """

    def __init__(self, track: Track, kept: KeptStems | None = None) -> None:
        self.track = track
        self.problems: list[str] = list(track.problems)
        self._mixer = Mixer(track, self.problems, kept)
        self._mixture: Audio | None = None
        state = None if kept is None else kept.restored()
        if kept is not None and state is not None:
            self._mixture = kept.get(stems.MIXTURE, None)
            if self._mixture is not None:
                self._mixer.state = state

    def save(self) -> None:
        """Keep the mixture and what decoding has found, for another process (see `kept`)."""
        kept = self._mixer.kept
        if kept is not None and self._mixture is not None:
            kept.put(stems.MIXTURE, self._mixture, None)
            kept.save(self._mixer.state)

    @property
    def mixture(self) -> Audio:
        """The model's input, `(2, length)`: the mixture file, or else the sum of the partition.

        Raises:
            AudioError: the file cannot be used, or no reference is left to sum.
        """
        if self._mixture is None:
            given = self.track.mixture
            self._mixture = self._mixer.load(given) if given else self._sum_of_partition()
        return self._mixture

    @property
    def length(self) -> int:
        """Samples of the mixture at 44.1 kHz."""
        return int(self.mixture.shape[1])

    @property
    def used(self) -> Track:
        """The track as it was heard: without files that turned out to be broken, nor their facts.

        Which files those are is known once the mixture is.
        """
        broken, track = self._mixer.broken, self.track
        if not broken:
            return track
        left = {stem: reference.without(broken) for stem, reference in track.references.items()}
        left = {stem: reference for stem, reference in left.items() if reference.sources}
        every = {source for reference in left.values() for source in reference.sources}
        told = any(s.has_bleed is not None for s in (*every, *broken))
        bleed = any_bleed(s.has_bleed for s in every) if told else track.has_bleed
        return dataclasses.replace(track, references=left, has_bleed=bleed)

    @property
    def file_format(self) -> tuple[int, int] | None:
        """Rate in Hz and channels of the mixture's file, or the largest among those that it sums."""
        given = self.track.mixture
        summed = self.used.references
        files = (
            [given]
            if given
            else [
                source
                for stem in self.track.partition
                if stem in summed
                for source in summed[stem].sources
            ]
        )
        known = [self._mixer.formats[source] for source in files if source in self._mixer.formats]
        if not known:
            return None
        return max(rate for rate, _ in known), max(channels for _, channels in known)

    def reference(self, stem: str) -> Audio:
        """Return the true `stem`, `(2, length)`; `a+b` is the sum of its parts.

        Parts that the dataset's partition names but this song lacks are silent in it.

        Raises:
            MissingReferenceError: the dataset does not give `stem` for this song.
            AudioError: a file of `stem` cannot be used although the mixture holds its sound.
        """
        length = self.length  # decides first which broken sources the mixture does without
        total: Audio | None = None
        for part in dict.fromkeys(stems.parts_of(stem)):
            piece = self._part(part, length)
            if piece is not None:
                total = piece if total is None else np.add(total, piece, out=total)
        if total is None:
            raise self._missing(stem)
        return total

    def parent(self, stem: str) -> Audio:
        """Return the true parent of sub-stems, `(2, length)`.

        Where a song's partition is made of the parent's own children (a recording of drums alone),
        its mixture is the parent.

        Raises:
            MissingReferenceError, AudioError: as `reference`.
        """
        own = set(stems.CHILDREN.get(stem, ()))
        if not self._usable(stem) and own >= set(self.track.partition) != set():
            return self.mixture
        return self.reference(stem)

    def _part(self, stem: str, length: int) -> Audio | None:
        """Return one stem, or None where it is silent in this song because the song lacks it."""
        if self._usable(stem):
            return self._fitted(stem, length)
        if stem == stems.INSTRUMENTAL:
            return self._instrumental(length)
        if stem in self.track.partition:
            return None
        raise self._missing(stem)

    def _instrumental(self, length: int) -> Audio | None:
        """Return everything but vocals: by sum where the stems are complete, else by difference.

        They are complete where they sum to the mixture by construction, or where all are there and
        the catch-all `other` is one of them: any four stems need not hold all of a song.
        """
        rest = stems.without_voices(self.track.partition)
        complete = "other" in rest and all(map(self._usable, self.track.partition))
        if self.track.mixture is None or complete:
            present = [stem for stem in rest if self._usable(stem)]
            return self.reference(stems.composite(present)) if present else None
        if not self._usable("vocals"):
            raise self._missing(stems.INSTRUMENTAL)
        return np.subtract(self.mixture, self._fitted("vocals", length))

    def _usable(self, stem: str) -> bool:
        """Tell whether the song has `stem`, with a source that is not known to be broken."""
        reference = self.track.references.get(stem)
        return reference is not None and not self._mixer.broken.keys() >= set(reference.sources)

    def _missing(self, stem: str) -> MissingReferenceError:
        present = ", ".join(filter(self._usable, self.track.references)) or "none"
        return MissingReferenceError(
            f"{self._name()} has no reference for {stem!r}, only {present}."
        )

    def _name(self) -> str:
        return f"Track {self.track.track_id!r} of {self.track.dataset}"

    def _sum_of_partition(self) -> Audio:
        """Sum all references of the partition, padded to the longest, one at a time."""
        total: Audio | None = None
        lengths: dict[str, int] = {}
        for stem in self.track.partition:
            if not self._usable(stem):
                continue
            piece = self._mixer.stem(self.track.references[stem], leave_out=True)
            if piece is None:
                self._mixer.note(f"{stem} has no usable source left and counts as absent.")
                continue
            lengths[stem] = piece.shape[1]
            total = piece if total is None else add_padded(total, piece)
            del piece  # else it would stay in memory while the next stem is decoded
        if total is None:
            why = " ".join(self.problems) or "Leave it out."
            raise AudioError(f"{self._name()} has neither a mixture nor a usable reference: {why}")
        for stem, length in lengths.items():
            if length < total.shape[1]:
                missing = span(total.shape[1] - length)
                self._mixer.note(f"{stem} is {missing} shorter than the longest stem: padded.")
        return total

    def _fitted(self, stem: str, length: int) -> Audio:
        """Decode one reference of the song and bring it to the mixture's length."""
        total = self._mixer.stem(self.track.references[stem], leave_out=False)
        if total is None:
            raise self._missing(stem)
        surplus = total.shape[1] - length
        # Sums are padded to the longest by rule; a single sample is a matter of rounding.
        if self.track.mixture is not None and abs(surplus) > 1:
            how = ("shorter", "padded") if surplus < 0 else ("longer", "trimmed")
            by = f"{span(abs(surplus))} {how[0]} than the mixture"
            self._mixer.note(f"{stem} is {by}: {how[1]} at its end.")
        return np.ascontiguousarray(audio.fit_length(total, length))
