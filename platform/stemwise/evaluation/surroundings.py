"""Which references sound in a song beside a stem, as far as its files can be read."""

from __future__ import annotations

from collections.abc import Iterable

from stemwise.core.errors import AudioError, MissingReferenceError
from stemwise.core.stems import CHILDREN, MIXTURE, PARENT, parts_of
from stemwise.core.types import REFERENCE, Audio, Parent, Source
from stemwise.datasets.decode import TrackAudio
from stemwise.measurement.references import Beside, ReferenceProducts, names_beside


class Surroundings:
    """The references beside each stem of a song: with its own they span what SI-SIR calls interference.

    Where the references do not hold all of the song, the mixture is one of them, and where the sub-stems
    do not hold all of their parent, the parent: what no reference holds is then a sound of the song too,
    and not made by the model.

    Args:
        decoded: the song's audio.
        block_s: length of a block in seconds.
    """

    def __init__(self, decoded: TrackAudio, block_s: float) -> None:
        self._decoded = decoded
        self._products = ReferenceProducts(self._read, block_s)
        self._readable: dict[str, bool] = {}

    def learn(self, stems: Iterable[str], parent: Parent) -> None:
        """Compute what `beside` needs for these stems, in one pass."""
        self._products.learn(name for stem in stems for name in self._names(stem, parent))

    def beside(self, stem: str, parent: Parent) -> Beside:
        """Return the references beside `stem` in what models of this `parent` heard."""
        return self._products.beside(self._names(stem, parent))

    def _read(self, name: str) -> Audio:
        return self._decoded.mixture if name == MIXTURE else self._decoded.reference(name)

    def _names(self, stem: str, below: Parent) -> tuple[str, ...]:
        # an estimated parent may hold anything of the song, a true one nothing but its own
        heard = below.stem if below.source == REFERENCE else MIXTURE
        partition, present = self._decoded.track.partition, self._decoded.used.references
        parents = {PARENT[part] for part in parts_of(stem) if part in PARENT} & set(partition)
        wider = sorted(parent for parent in parents if not self._is_whole(parent))
        names = (*names_beside(stem, partition, present, heard), *wider)
        found = tuple(name for name in names if self._can_be_read(name))
        # a parent that is no stem of the song is all of it: a recording of drums alone
        all_of_it = heard not in partition
        return (*found, MIXTURE) if all_of_it and not self._is_complete() else found

    def _is_complete(self) -> bool:
        """Tell whether the partition holds all of the song: by construction, or by its `other`."""
        track = self._decoded.track
        if track.mixture is None:
            return True
        return "other" in track.partition and all(map(self._can_be_read, track.partition))

    def _is_whole(self, parent: str) -> bool:
        """Tell whether the sub-stems are made of all recordings of their parent."""
        present = self._decoded.used.references
        children = [child for child in CHILDREN[parent] if child in present]
        made = {source for child in children for source in self._sources(child)}
        return parent in present and set(self._sources(parent)) <= made

    def _sources(self, stem: str) -> tuple[Source, ...]:
        return self._decoded.used.references[stem].sources

    def _can_be_read(self, stem: str) -> bool:
        if stem not in self._readable:
            self._readable[stem] = self._tried(stem)
        return self._readable[stem]

    def _tried(self, stem: str) -> bool:
        """Decode a stem, and say what is wrong with it if it is there and cannot be."""
        try:
            self._decoded.reference(stem)
        except MissingReferenceError:
            return False
        except AudioError as error:
            problem = f"{stem} is left out of the references of SI-SIR and SI-SAR: {error}"
            if problem not in self._decoded.problems:
                self._decoded.problems.append(problem)
            return False
        return True
