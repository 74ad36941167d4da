"""What tables and columns mean, as it stands in the metadata of every Parquet file.

Metadata of the file (UTF-8): `stemwise.table`, `stemwise.description`, `stemwise.key` (a JSON list of
the columns that no two rows share), `stemwise.version`, and `stemwise.protocol` (JSON: which scores make
up `score`, and how they were measured). Each field has `description` and, where it has one, `unit`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from stemwise.core import config_dirs
from stemwise.core.config import load_yaml
from stemwise.core.version import __version__
from stemwise.storage.column_definitions import COLUMNS, OF_TABLE

TABLE, DESCRIPTION, KEY = "stemwise.table", "stemwise.description", "stemwise.key"
VERSION, PROTOCOL = "stemwise.version", "stemwise.protocol"
# settings of a run: `metric=` and the rule
Protocol = Mapping[str, Any]

_TRACK = ("dataset", "track_id")
_STEM = ("parent", "parent_source", "stem")
# table → what a row is, and its key
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "tracks": ("One row per track.", _TRACK),
    "estimates": ("One row per stem that a model made of a track.", (*_TRACK, "model", *_STEM)),
    "measurements": (
        "Inner products of reference, input and estimates in each block of a track's stem.",
        (*_TRACK, *_STEM, "block"),
    ),
    "forms": (
        "Quadratic forms of a track's stem, from which the scores of every linear blend follow.",
        (*_TRACK, *_STEM),
    ),
    "cross": (
        "The same forms over the estimates of all stems: those of `decision=cross_stem`.",
        (*_TRACK, *_STEM),
    ),
    "scores": (
        "One row per model and stem of a track. The unprocessed input is the model `mixture`, the best "
        "model of each track `oracle`, blends are `recipe:NAME`, other ensembles `ensemble:NAME`.",
        (*_TRACK, "model", *_STEM),
    ),
    "selections": ("The best model of each stem of each track.", (*_TRACK, *_STEM)),
    "leaderboard": (
        "Models of a stem, ranked by their mean score on matched tracks.",
        (*_STEM, "model"),
    ),
    "comparisons": (
        "All pairs of models of a stem, compared on matched tracks.",
        (*_STEM, "model_a", "model_b"),
    ),
    "genre_scores": ("Mean score of each model per genre.", (*_STEM, "genre", "model")),
    "genre_effects": ("Whether the best model depends on the genre, per stem.", _STEM),
    "regret": (
        "The regret ledger: what single model, recipe and oracles score on a stem.",
        (*_STEM, "level"),
    ),
    "front": (
        "Score against cost: at each step the model is added that helps most.",
        (*_STEM, "step"),
    ),
    "less_overlap": (
        "What less overlap costs: fast minus reference, of models that ran in both ways.",
        (*_STEM, "model"),
    ),
    "tiers": (
        "Tiers of models, cheap first, alone and under rules of when to go on, replayed.",
        ("step",),
    ),
    "deployment": ("What to deploy per stem, and what a higher score would cost.", _STEM),
    "quality": (
        "How well the SNR of what is deployed is predicted without references, on held-out artists.",
        _STEM,
    ),
    "predictions": (
        "SNR of what is deployed and its prediction, both held out from the track's artist.",
        (*_TRACK, *_STEM),
    ),
    "kinds": (
        "Kinds of ensembles: what each gains over the best single model of a stem, held out, and costs.",
        (*_STEM, "kind"),
    ),
    "duplicates": (
        "Pairs of tracks that are one recording.",
        (*_TRACK, "other_dataset", "other_track_id"),
    ),
    "sweep": (
        "One row per model and stem of each run of a sweep or comparison, on the run's own songs; of a "
        "run without tables one row that says why.",
        ("run", *_STEM, "model"),
    ),
    "sweep_scores": (
        "Runs ranked by what they would deploy, and by each model that differs, on the songs of all.",
        (*_STEM, "model", "run"),
    ),
    "sweep_pairs": (
        "All pairs of runs of one protocol, compared on the songs of all.",
        (*_STEM, "model", "run_a", "run_b"),
    ),
    "anomalies": (
        "Estimates that are late, inverted or at another level than their reference.",
        (*_TRACK, "model", *_STEM, "kind"),
    ),
}


def definition(table: str, column: str) -> tuple[str, str]:
    """Return unit (empty where a column has none) and description of a table's column.

    Of a user's own metric they are what its YAML says.

    Raises:
        KeyError: it has no definition (column_definitions.py).
    """
    if (table, column) in OF_TABLE:
        return OF_TABLE[table, column]
    own = config_dirs.files_of("extra_metrics").get(column) if table == "scores" else None
    content = {} if own is None else load_yaml(own)
    if own is None or (column in COLUMNS and "description" not in content):
        return COLUMNS[column]
    return str(content.get("unit", "")), str(content.get("description", f"The metric {column}."))


def described(name: str, schema: pa.Schema, protocol: Protocol | None = None) -> pa.Schema:
    """Return the schema of the table called `name` with the metadata of a file."""
    told, key = TABLES[name]
    metadata = {
        TABLE: name,
        DESCRIPTION: told,
        KEY: json.dumps(key),
        VERSION: __version__,
    }
    if protocol:
        metadata[PROTOCOL] = json.dumps(dict(protocol), sort_keys=True)
    fields = []
    for field in schema:
        unit, text = definition(name, field.name)
        own = {"description": text} | ({"unit": unit} if unit else {})
        fields.append(field.with_metadata(own))
    return pa.schema(fields, metadata=metadata)
