"""What a stem of a track is known by in every table."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

Key = tuple[str, str, str, str, str]
KEY = ("dataset", "track_id", "parent", "parent_source", "stem")
STEM = KEY[2:]
TRACK = KEY[:2]
Pair = tuple[str, str]
# the two columns of `scores` that a stem's score is made of, by the stem's name
PairOf = Callable[[str], Pair]


def is_stem(stem: tuple[str, str, str]) -> list[pl.Expr]:
    """Return what tells the rows of a stem (parent, parent source, stem) from others, for a filter."""
    return [pl.col(column) == value for column, value in zip(STEM, stem, strict=True)]
