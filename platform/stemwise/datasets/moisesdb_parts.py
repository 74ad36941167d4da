"""Parts of drums and vocals in MoisesDB: which recordings are references of which sub-stem.

An overhead microphone hears the kick drum too. What that does to the parts of the drums is a choice,
`dataset.drum_parts`:

* `strict`: one recording that holds several parts (overheads, a full kit, a drum machine) makes all
  parts of that song ambiguous, for each of them lacks what the other recording holds of it;
* `close_mics`: close microphones are the references of their parts, whatever stands beside them. What
  other recordings hold is in `drums` and in no part, so the parts do not sum to the drums;
* `overheads_as_cymbals`: as `close_mics`, and overheads count as cymbals, where a close microphone of
  another part stands beside them. Alone they are a recording of the whole kit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.types import Reference, Source

STRICT, CLOSE_MICS, OVERHEADS_AS_CYMBALS = "strict", "close_mics", "overheads_as_cymbals"
CHOICES = (STRICT, CLOSE_MICS, OVERHEADS_AS_CYMBALS)
SUB_STEM_OF = {
    "drums": {
        "kick_drum": "kick",
        "snare_drum": "snare",
        "toms": "toms",
        "hi_hat": "cymbals",
        "cymbals": "cymbals",
    },
    "vocals": {
        "lead_male_singer": "lead_vocals",
        "lead_female_singer": "lead_vocals",
        "background_vocals": "backing_vocals",
    },
}
OVERHEADS = "overheads"
# Recordings that hold several parts at once.
WHOLE_KIT = {OVERHEADS, "full_acoustic_drumkit", "drum_machine"}
SINGERS = {"lead_male_singer": "male", "lead_female_singer": "female"}


@dataclass(frozen=True)
class Recording:
    """One audio file of a song: the level-1 stem that it belongs to, and what kind it is."""

    source: Source
    stem: str
    track_type: str


def checked(drum_parts: str) -> str:
    """Return the choice if it is one (ConfigError where not)."""
    if drum_parts not in CHOICES:
        raise ConfigError(
            f"dataset.drum_parts={drum_parts} is unknown: use {', '.join(CHOICES[:-1])} or "
            f"{CHOICES[-1]}."
        )
    return drum_parts


def sub_references(
    parent: str, recordings: Sequence[Recording], drum_parts: str, problems: list[str]
) -> dict[str, Reference]:
    """Split a stem by track type.

    A recording that may hold some of any part makes all of them ambiguous: one of an unknown type
    always, one of several parts as `drum_parts` has it.

    Args:
        parent: the stem.
        recordings: all of that stem.
        drum_parts: one of `CHOICES`.
        problems: gets a sentence for types that are unknown.
    """
    kinds = dict(SUB_STEM_OF.get(parent, {}))
    if not kinds:
        return {}
    types = {recording.track_type for recording in recordings}
    whole = WHOLE_KIT if parent == "drums" else set()
    if whole and drum_parts == OVERHEADS_AS_CYMBALS and _has_close_mics(types, kinds):
        kinds[OVERHEADS] = "cymbals"
    strange = types - kinds.keys() - whole
    if strange:
        named = ", ".join(map(repr, sorted(strange)))
        problems.append(
            f"{parent} has recordings of track type {named}: its sub-stems are ambiguous."
        )
    unclear = strange | (whole - kinds.keys() if drum_parts == STRICT else set())
    return _by_type(recordings, kinds, unclear)


def _has_close_mics(types: set[str], kinds: dict[str, str]) -> bool:
    """Tell whether any part but the cymbals, which overheads are to hold, has its own microphone."""
    return any(kinds.get(kind, "cymbals") != "cymbals" for kind in types)


def _by_type(
    recordings: Sequence[Recording], kinds: dict[str, str], unclear: set[str]
) -> dict[str, Reference]:
    unplaced = [item.source for item in recordings if item.track_type in unclear]
    parts: dict[str, list[Source]] = {}
    for recording in recordings:
        if child := kinds.get(recording.track_type):
            parts.setdefault(child, []).append(recording.source)
    return {child: Reference.of(child, parts[child], unplaced) for child in stems.in_order(parts)}
