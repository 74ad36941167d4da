"""May the scores of two runs stand side by side? Only where both were measured alike, on equal songs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.places import Place, read_bytes
from stemwise.importing.folder import KEY as IMPORTED
from stemwise.selection.keys import TRACK

SCORE = "score"
# of config.json: what decides the column `score`, and what decides which rows have scores at all
_OF_SCORE = (
    ("metric", "paper_snr"),
    ("metric", "paper_sdr"),
    ("metric", "by_stem"),
    ("selection", "rule"),
)
_OF_ALL = (("metric", "silence_dbfs"),)
# of what decides how it is measured, beside the score
BLOCKS = (
    ("metric", "block_s"),
    ("metric", "max_lag_s"),
    ("metric", "museval"),
    ("metric", "engine"),
)
_OF_IMPORT = (("protocol", "measure"), ("protocol", "frames"), ("protocol", "over_frames"))
_LONGER_S, _LOUDER_DB = 0.01, 1.0  # by which one song may differ between two readings


def protocol_of(
    folder: Place, column: str = SCORE, more: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return what the numbers of a run depend on besides songs and models, by the names of its settings.

    Args:
        folder: of a finished run, or of imported scores.
        column: which score is meant; others than `score` do not depend on the pair and the rule.
        more: further (group, key) of the settings of measured runs.

    Raises:
        OutputError: it holds neither.
    """
    try:
        config = json.loads(read_bytes(folder / "config.json"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{folder} holds no finished run: run `stemwise evaluate output={folder}` first."
        ) from error
    own = config.get(IMPORTED) if isinstance(config, dict) else None
    if isinstance(own, dict):
        found = _values(own, _OF_IMPORT, folder)
        return {"scores": "imported"} | found | ({SCORE: own.get(SCORE)} if column == SCORE else {})
    keys = (*(_OF_SCORE if column == SCORE else ()), *_OF_ALL, *more)
    return {"scores": "measured"} | _values(config, keys, folder)


def same_protocol(
    folders: Mapping[str, Place], column: str = SCORE, more: Iterable[tuple[str, str]] = ()
) -> None:
    """Refuse to compare runs that were not measured alike.

    Args:
        folders: what a run is called for people → its folder (here, where it is a copy).
        column: which score is to be compared.
        more: further (group, key) of settings that must agree.

    Raises:
        ConfigError: two differ; the sentence names the setting and both values.
        OutputError: one of them is no finished run.
    """
    more = list(more)
    found = {name: protocol_of(folder, column, more) for name, folder in folders.items()}
    (first, expected), *others = found.items()
    for name, protocol in others:
        for key in (*expected, *protocol):
            one, other = expected.get(key), protocol.get(key)
            if one != other:
                raise ConfigError(
                    f"{name} cannot be compared with {first}: {key} is {_shown(other)} there and "
                    f"{_shown(one)} here{_way_out(key)}."
                )


def same_songs(first: pl.DataFrame, second: pl.DataFrame, names: tuple[str, str]) -> None:
    """Refuse to match songs that have one id, but are not the same recording.

    Args:
        first: rows of `tracks` of a run.
        second: those of another.
        names: what the runs are called for people.

    Raises:
        ConfigError: lengths differ by more than 10 ms, or levels of the spectrum by more than 1 dB.
    """
    facts = (*TRACK, "duration_s", "fingerprint")
    both = first.select(facts).join(second.select(facts), on=list(TRACK), suffix="_other")
    for row in both.iter_rows(named=True):
        lengths = row["duration_s"], row["duration_s_other"]
        if None not in lengths and abs(lengths[0] - lengths[1]) > _LONGER_S:
            told = f"lasts {lengths[0]:.2f} s in {names[0]} and {lengths[1]:.2f} s in {names[1]}"
        elif _differ(row["fingerprint"], row["fingerprint_other"]):
            told = f"is another recording in {names[0]} than in {names[1]}"
        else:
            continue
        raise ConfigError(
            f"{row['dataset']}/{row['track_id']} {told}: compare runs on the same audio."
        )


def _values(
    config: Mapping[str, Any], keys: Iterable[tuple[str, str]], folder: Place
) -> dict[str, Any]:
    keys = list(keys)
    if not all(isinstance(config.get(group), dict) for group, _ in keys):
        raise OutputError(f"{folder / 'config.json'} is damaged: run `stemwise evaluate` again.")
    return {f"{group}.{key}": config[group].get(key) for group, key in keys}


def _differ(one: list[float] | None, other: list[float] | None) -> bool:
    if not one or not other or len(one) != len(other):
        return False
    return float(np.abs(np.subtract(one, other)).mean()) > _LOUDER_DB


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        told = ", ".join(f"{key} {_shown(item)}" for key, item in islice(value.items(), 4))
        return f"{{{told}}}"
    return "not set" if value is None else str(value)


def _way_out(key: str) -> str:
    if key.startswith(("metric.paper", "metric.by_stem", "selection.")):
        return (
            " (`stemwise report output=RUN` applies another metric= and selection= without audio)"
        )
    return ""
