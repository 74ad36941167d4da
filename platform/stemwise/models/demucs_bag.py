"""A bag of Demucs packages: each stem is a weighted mean of several networks, as demucs defines it.

`demucs.apply.apply_model` separates the whole track with every member and averages the estimates. All
members cut the track alike here, so the mean is taken chunk by chunk: overlap-add is linear, and the
samples are the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models.base import Normalisation
from stemwise.models.demucs import DemucsModel, load_package, stems_of
from stemwise.models.demucs_cut import SharedCut, heard
from stemwise.models.fast.hybrid_demucs import demucs_pass
from stemwise.models.fast.layout import Pass
from stemwise.models.overlap import FAST, REFERENCE, Overlap
from stemwise.models.tiling import CenteredTiling


class DemucsBag:
    """Several Demucs packages of the same stems as one model.

    Args:
        checkpoint: the packages, `.th`.
        stems: names of the stems in the packages' order, or some of them: then only the members with a
            weight for those are loaded and run. None makes all.
        weights: for each member, its weight for each stem of the packages; None weighs all alike. Only
            their ratios within a stem matter.
        overlap: share of a chunk that overlaps the next one.
        segment_s: chunk in seconds, which an HTDemucs that was trained on shorter ones does not take, as
            in demucs. None is what the members were trained on.
        tiling: demucs' own, or the one without chunks that lie within others.

    Raises:
        CheckpointError: a file that is not a Demucs package, or one of other stems.
        ConfigError: weights, stems or segments that do not fit the members.
    """

    normalisation: Normalisation = "zscore"
    uses_references = False

    def __init__(
        self,
        checkpoint: Path | Sequence[Path],
        stems: Sequence[str] | None = None,
        weights: Sequence[Sequence[float]] | None = None,
        overlap: float = 0.25,
        segment_s: float | None = None,
        tiling: Overlap = REFERENCE,
    ) -> None:
        paths = [checkpoint] if isinstance(checkpoint, Path) else list(checkpoint)
        first = load_package(paths[0])
        self.stems, self._columns = _wanted(first, stems, str(paths[0]))
        shares = _shares(weights, paths, len(first.sources), self.stems, self._columns)
        used = [number for number in range(len(paths)) if bool(shares[number].any())]
        networks = [load_package(paths[number]) if number else first for number in used]
        members = [paths[number] for number in used]
        _check_alike(first, networks, members)
        self.networks = nn.ModuleList(networks)
        self.sample_rate = int(first.samplerate)
        self._shares = shares[used]
        self._cut = SharedCut(networks, members, segment_s)
        fast = tiling == FAST
        self.tiling = CenteredTiling(
            self._cut.chunk, min(overlap, 0.25) if fast else overlap, self._cut.valid_length, fast
        )
        self._passes: list[Pass] = [demucs_pass(network) for network in self.networks]

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, channels, samples)` into `(batch, stems, channels, samples)`."""
        total = chunks.new_zeros(len(chunks), len(self.stems), *chunks.shape[1:])
        for member, run in enumerate(self._passes):
            read, kept, place = self._cut.part(member, chunks.shape[-1])
            share = self._shares[member, :, None, None]
            total[..., place] += share * run(heard(chunks, read))[:, self._columns, :, kept]
        return total

    def to(self, device: torch.device) -> None:
        """Move all members."""
        self.networks.to(device)
        self._shares = self._shares.to(device)
        self._passes = [demucs_pass(network) for network in self.networks]

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return one member without weights; `klass` of `network` is HTDemucs, HDemucs or Demucs."""
        return DemucsModel.untrained(stems, network)


def _wanted(
    network: Any, stems: Sequence[str] | None, where: str
) -> tuple[tuple[str, ...], list[int]]:
    """Return the stems to make and their places among those of the network."""
    own = stems_of(network, None, where)
    if stems is None or len(stems) >= len(own) or not set(stems) <= set(own):
        return stems_of(network, stems, where), list(range(len(own)))
    if len(set(stems)) < len(stems) or not stems:
        raise ConfigError(f"{where}: name each stem once, of {', '.join(own)}.")
    return tuple(stems), [own.index(name) for name in stems]


def _shares(
    weights: Sequence[Sequence[float]] | None,
    paths: Sequence[Path],
    sources: int,
    stems: Sequence[str],
    columns: Sequence[int],
) -> Tensor:
    """Return each member's share of each wanted stem, `(members, stems)`; a stem's sum is 1."""
    rows = [[1.0] * sources for _ in paths] if weights is None else weights
    if len(rows) != len(paths):
        raise ConfigError(
            f"The bag has weights for {len(rows)} members, but {len(paths)} files are given "
            f"({', '.join(path.name for path in paths)}): name each member's file."
        )
    if any(len(row) != sources for row in rows):
        raise ConfigError(
            f"Each row of the bag's weights needs {sources} numbers, one for each stem."
        )
    table = torch.tensor([list(map(float, row)) for row in rows])[:, list(columns)]
    totals = table.sum(dim=0)
    for name, total in zip(stems, totals.tolist(), strict=True):
        if not 0 < total < math.inf:
            raise ConfigError(f"No member of the bag has a weight for {name}: give one above 0.")
    return table / totals


def _check_alike(first: Any, networks: Sequence[Any], paths: Sequence[Path]) -> None:
    """Refuse a member of other stems or another sample rate (CheckpointError)."""
    for network, path in zip(networks, paths, strict=True):
        if list(network.sources) != list(first.sources) or network.samplerate != first.samplerate:
            raise CheckpointError(
                f"{path} separates {', '.join(network.sources)} at {network.samplerate} Hz, but the "
                f"first member of the bag {', '.join(first.sources)} at {first.samplerate} Hz: a bag "
                "needs members of the same stems."
            )
