"""From finished tracks to the tables of a run: collect, score, select, write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from stemwise.core.errors import OutputError
from stemwise.core.places import Place
from stemwise.core.types import HELD_OUT, RECIPE_PREFIX
from stemwise.selection.oracle import ORACLE, Key, SelectionSettings, add_scores, key_of, select
from stemwise.storage import parts, tables

TRACK_TABLES = ("tracks", "estimates", "measurements", "forms")


def collect(folder: Place, tracks: Iterable[str]) -> dict[str, pa.Table]:
    """Return the concatenated tables of the finished tracks named `tracks`.

    Raises:
        OutputError: a track is not finished.
    """
    found = []
    names = list(tracks)
    for name, part in zip(names, parts.read_all(folder, names), strict=True):
        if part is None:
            raise OutputError(f"{parts.path(folder, name)} is missing or damaged: run again.")
        found.append(part)
    return {
        name: tables.concat(name, (part.tables[name] for part in found))
        for name in (*TRACK_TABLES, "scores")
    }


def score_and_select(
    collected: dict[str, pa.Table],
    pair: tuple[str, str],
    settings: SelectionSettings,
    candidates: Sequence[str],
) -> dict[str, pa.Table]:
    """Return all tables of the run: scores with the rule applied and `oracle` rows, and selections.

    Args:
        collected: tables as measured; derived rows in it are left out, `oracle` is made anew.
        pair: columns of `scores` that make up the score.
        settings: rule and bootstrap.
        candidates: models that may be chosen, in the order that breaks ties.
    """
    measured = [row for row in collected["scores"].to_pylist() if not _is_derived(row["model"])]
    scores = add_scores(measured, pair, settings.rule)
    blocks: dict[Key, list[dict[str, Any]]] = {}
    for row in collected["measurements"].to_pylist():
        blocks.setdefault(key_of(row), []).append(row)
    selections, oracle = select(scores, blocks, candidates, pair, settings)
    return {
        **{name: collected[name] for name in TRACK_TABLES},
        "scores": tables.to_table("scores", [*scores, *oracle]),
        "selections": tables.to_table("selections", selections),
    }


def _is_derived(model: str) -> bool:
    return model in (ORACLE, RECIPE_PREFIX + HELD_OUT)


def write(folder: Path, content: dict[str, pa.Table]) -> None:
    """Write every table of a run (OutputError where that is impossible)."""
    for name, table in content.items():
        tables.write(folder, name, [table])
