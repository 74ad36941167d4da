"""What a stem of a track is known by in every table."""

from __future__ import annotations

from collections.abc import Callable

Key = tuple[str, str, str, str, str]
KEY = ("dataset", "track_id", "parent", "parent_source", "stem")
STEM = KEY[2:]
TRACK = KEY[:2]
Pair = tuple[str, str]
# the two columns of `scores` that a stem's score is made of, by the stem's name
PairOf = Callable[[str], Pair]
