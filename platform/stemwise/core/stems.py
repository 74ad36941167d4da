"""The stem tree, and the rules for stems that are sums of others.

    mixture ─┬─ vocals ─┬─ lead_vocals
             │          └─ backing_vocals
             ├─ drums ──┬─ kick
             │          ├─ snare
             │          ├─ toms
             │          └─ cymbals (includes hihat where a dataset does not split it off)
             ├─ bass
             ├─ guitar
             ├─ piano
             └─ other

`instrumental` is everything but vocals. A sum without a name of its own is written as its parts
joined by "+", for example `guitar+piano+other`: the `other` of a four-stem model on six-stem data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from stemwise.core.errors import ConfigError

# The root of the tree, and the name of whatever a model hears.
MIXTURE = "mixture"
LEVEL1 = ("vocals", "drums", "bass", "guitar", "piano", "other")
CHILDREN = {
    "vocals": ("lead_vocals", "backing_vocals"),
    "drums": ("kick", "snare", "toms", "hihat", "cymbals"),
}
# What is no part of the instrumental.
VOICES = ("vocals", *CHILDREN["vocals"])
PARENT = {child: parent for parent, children in CHILDREN.items() for child in children}
INSTRUMENTAL = "instrumental"
ORDER = ("vocals", "lead_vocals", "backing_vocals", "drums", *CHILDREN["drums"], "bass", "guitar")
ORDER = (*ORDER, "piano", "other", INSTRUMENTAL)

_SAFE = re.compile(r"[a-z0-9][a-z0-9_+\-]*")


def sort_key(stem: str) -> tuple[int, str]:
    """Order stems as the tree does; unknown and composite names follow alphabetically."""
    return (ORDER.index(stem), "") if stem in ORDER else (len(ORDER), stem)


def in_order(stems: Iterable[str]) -> tuple[str, ...]:
    """Return `stems` without repetitions, in tree order."""
    return tuple(sorted(set(stems), key=sort_key))


def composite(parts: Iterable[str]) -> str:
    """Name the sum of `parts`: a single part keeps its own name."""
    return "+".join(in_order(parts))


def parts_of(stem: str) -> tuple[str, ...]:
    """Split a composite name into its parts: `piano+other` → `("piano", "other")`."""
    return tuple(stem.split("+"))


def partition_of(stems: Iterable[str]) -> tuple[str, ...]:
    """Return the stems that add up to the mixture without counting anything twice.

    A sub-stem counts only where its parent is absent; `instrumental` counts only where nothing but
    vocals is present beside it.
    """
    names = set(stems)
    top = {name for name in names if PARENT.get(name) not in names}
    if top - {INSTRUMENTAL, "vocals", *CHILDREN["vocals"]}:
        top.discard(INSTRUMENTAL)
    return in_order(top)


def without_voices(partition: Iterable[str]) -> tuple[str, ...]:
    """Return the stems of a partition that make up the instrumental, in the order given."""
    return tuple(stem for stem in partition if stem not in VOICES)


def whole_of(partition: Iterable[str]) -> str | None:
    """Return the stem whose parts alone make up a partition: a recording of drums is all drums.

    None for whole songs, and where nothing is known.
    """
    names = set(partition)
    return next((stem for stem, parts in CHILDREN.items() if names and names <= set(parts)), None)


def check_name(stem: str) -> str:
    """Return `stem` if it is safe in file names and tables.

    Raises:
        ConfigError: the name has characters beyond lower-case letters, digits, `_`, `-` and `+`.
    """
    if not _SAFE.fullmatch(stem):
        raise ConfigError(
            f"Stem name {stem!r} is not usable: use lower-case letters, digits, '_' and '-' only."
        )
    return stem
