"""What the separation of a song tells those who measure it, where two processes share the work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemwise.core.types import Parent

# (model, stem of the parent, its source)
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Lost:
    """A model that has no estimates of a song: the stems that it would have made, and why not."""

    stems: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class Known:
    """Facts that only the process with the models knows.

    Attributes:
        stems: of the models, which some checkpoints tell only once they are loaded.
        lost: models that failed, by place.
        keys: of the entries of the others in the estimate store, by place.
        attempt: at the song, counted from 1.
        folder: where decoded stems lie; whoever measures the song removes it.
        made: how many separations of the song were computed before this process has it.
    """

    stems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lost: Mapping[Place, Lost] = field(default_factory=dict)
    keys: Mapping[Place, str] = field(default_factory=dict)
    attempt: int = 1
    folder: Path | None = None
    made: int = 0

    @classmethod
    def of(
        cls,
        own_stems: Mapping[str, tuple[str, ...]],
        estimates: Iterable[Mapping[str, Any]],
        folder: Path | None = None,
        attempt: int = 1,
        made: int = 0,
    ) -> Known:
        """Gather them from the stems of loaded models and a song's rows of `estimates`."""
        whole: dict[str, dict[str, None]] = {}
        lost: dict[Place, Lost] = {}
        keys: dict[Place, str] = {}
        for row in estimates:
            place = (row["model"], row["parent"], row["parent_source"])
            if row["status"] == "failed":
                before = lost.get(place, Lost((), ""))
                lost[place] = Lost((*before.stems, row["stem"]), row["error"])
                continue
            whole.setdefault(row["model"], {})[row["stem"]] = None
            if row.get("key"):
                keys[place] = row["key"]
        stems = {model: tuple(names) for model, names in whole.items()} | dict(own_stems)
        return cls(stems, lost, keys, attempt, folder, made)

    def key(self, model: str, parent: Parent) -> str | None:
        """Return the key under which the store has what a model made of a parent, if it is known."""
        return self.keys.get((model, parent.stem, parent.source))

    def of_model(self, model: str, parent: Parent) -> Lost | None:
        """Return what is known of a model's failure on a parent, if it failed."""
        return self.lost.get((model, parent.stem, parent.source))
