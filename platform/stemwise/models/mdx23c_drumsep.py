"""The drum separator of aufr33 and jarredou: an MDX23C of six outputs, in the stems of our tree.

It splits cymbals into ride and crash, of which hardly any dataset has references; their sum is
`cymbals` beside the `hihat`, as datasets have it. An entry that names all six gets all six.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.core.errors import ConfigError
from stemwise.models.mdx23c import Mdx23cModel

OUTPUTS = ("kick", "snare", "toms", "hihat", "ride", "crash")
_SUMS = {"cymbals": ("ride", "crash")}


class Mdx23cDrumsepModel(Mdx23cModel):
    """Any of kick, snare, toms, hihat, ride, crash, and cymbals = ride + crash.

    Raises:
        ConfigError: a stem that it does not make.
    """

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network of six outputs without weights."""
        unknown = [stem for stem in stems if stem not in (*OUTPUTS, *_SUMS)]
        if unknown:
            raise ConfigError(
                f"This drum separator makes no {unknown[0]!r}: name stems of "
                f"{', '.join((*OUTPUTS, *_SUMS))}."
            )
        return Mdx23cModel.untrained(OUTPUTS, network)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        out = super().forward(chunks)
        made = [
            out[:, [OUTPUTS.index(part) for part in _SUMS.get(stem, (stem,))]].sum(dim=1)
            for stem in self.stems
        ]
        return torch.stack(made, dim=1)
