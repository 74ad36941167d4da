"""Rows of the table `forms` stacked to the quadratic forms of a stem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.measurement.gram import unpack
from stemwise.selection.keys import TRACK
from stemwise.selection.stem_forms import StemForms

Float = npt.NDArray[np.float64]
_SQUARES = ("gram", "projection", "overlap", "span")


def stack(stem: str, models: Sequence[str], rows: pl.DataFrame) -> StemForms:
    """Stack the tracks on which all `models` were measured, in the order of their ids.

    Args:
        stem: its name.
        models: names, in the order wanted.
        rows: of the table `forms`, of this stem; those of silent references are left out.
    """
    usable = rows.filter(
        pl.col("energy") > 0,
        pl.all_horizontal(pl.lit(True), *(pl.col("models").list.contains(m) for m in models)),
    ).sort(TRACK)
    count, size = len(usable), len(models)
    shapes = {"cross": (count, size)} | dict.fromkeys(_SQUARES, (count, size, size))
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    for names, group in usable.with_row_index("_row").group_by("models", maintain_order=True):
        measured = list(names[0])
        where, index = group["_row"].to_numpy(), [measured.index(model) for model in models]
        arrays["cross"][where] = _lists(group["cross"])[:, index]
        for name in _SQUARES:
            arrays[name][where] = unpack(_lists(group[name]))[:, index][:, :, index]
    tracks = tuple(usable.select(TRACK).iter_rows())
    return StemForms(stem, tuple(models), tracks, usable["energy"].to_numpy(), **arrays)


def _lists(column: pl.Series) -> Float:
    """Return lists of equal length as `(rows, length)`."""
    values: Float = column.explode().to_numpy()
    return values.reshape(len(column), -1)
