"""The Parquet tables of a run, in one place: schemas, sorting, writing and reading.

Each table is a folder `<output>/tables/<name>/` with Parquet files, compressed with zstd.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemwise.core.errors import OutputError
from stemwise.core.places import Place, cause, is_local, write_whole
from stemwise.storage.definitions import Protocol, described

if TYPE_CHECKING:
    import polars as pl

Row = Mapping[str, Any]

_STRING, _FLOAT, _INT, _BOOL = pa.string(), pa.float64(), pa.int64(), pa.bool_()
# quadratic forms of a whole track; matrices are upper triangles, row by row
_FORMS = [
    # those that span the space of `span`, the stem's own first
    ("references", pa.list_(_STRING)),
    ("energy", _FLOAT),
    *((name, pa.list_(_FLOAT)) for name in ("cross", "gram", "projection", "overlap", "span")),
]
_KEY = [("dataset", _STRING), ("track_id", _STRING)]
_PARENT = [("parent", _STRING), ("parent_source", _STRING)]
# whose estimate the parent is; not part of any key, since a run has one per parent
_PARENT_MODEL = ("parent_model", _STRING)
METRICS = (
    "snr",
    "si_sdr",
    "bss_sdr",
    "museval_sdr",
    "museval_isr",
    "museval_sir",
    "museval_sar",
    "si_sir",
    "si_sar",
)
# Computed only where metric.extra names them; null in all other runs. Those of users have columns behind
# these, in the runs that ask for them.
EXTRA_METRICS = ("bleedless", "fullness", "l1_freq", "log_wmse")

SCORES = "scores"
SCHEMAS: dict[str, pa.Schema] = {
    "tracks": pa.schema(
        [
            *_KEY,
            ("title", _STRING),
            ("artist", _STRING),
            ("genre", _STRING),
            ("split", _STRING),
            ("duration_s", _FLOAT),
            ("sample_rate", _INT),
            ("channels", _INT),
            ("has_bleed", _BOOL),
            ("stems", pa.list_(_STRING)),
            ("problems", pa.list_(_STRING)),
            # by which rule recordings of drums became parts, where the dataset leaves a choice
            ("drum_parts", _STRING),
            # of the mixture, to notice the same recording elsewhere (measurement/fingerprint.py)
            ("fingerprint", pa.list_(_FLOAT)),
        ]
    ),
    "estimates": pa.schema(
        [
            *_KEY,
            ("model", _STRING),
            *_PARENT,
            ("stem", _STRING),
            ("uri", _STRING),
            ("key", _STRING),
            ("gain", _FLOAT),
            ("wall_s", _FLOAT),
            ("realtime_factor", _FLOAT),
            ("device", _STRING),
            # null in rows of versions that knew float32 only
            ("precision", _STRING),
            # at the song, until it came to this: 1 where nothing had ended its process before
            ("attempt", _INT),
            ("status", _STRING),
            ("error", _STRING),
            _PARENT_MODEL,
            # most chunks of a pass: fewer than asked for where memory did not suffice
            ("batch_size", _INT),
        ]
    ),
    "measurements": pa.schema(
        [
            *_KEY,
            *_PARENT,
            ("stem", _STRING),
            ("block", _INT),
            ("start_s", _FLOAT),
            ("length_s", _FLOAT),
            ("signals", pa.list_(_STRING)),
            ("gram", pa.list_(_FLOAT)),
            # energies of bss_sdr's projection and remainder, for every signal but the reference
            ("bss_projection", pa.list_(_FLOAT)),
            ("bss_remainder", pa.list_(_FLOAT)),
            # energies of SI-SIR's and SI-SAR's parts of the error, for the same signals
            ("si_interference", pa.list_(_FLOAT)),
            ("si_artifacts", pa.list_(_FLOAT)),
        ]
    ),
    # over the estimates of the stem by `models`: every blend's scores follow from it
    "forms": pa.schema(
        [
            *_KEY,
            *_PARENT,
            ("stem", _STRING),
            ("models", pa.list_(_STRING)),
            *_FORMS,
        ]
    ),
    # the same over the estimates of all stems by all models; only where metric.cross_stem asks for it
    "cross": pa.schema(
        [
            *_KEY,
            *_PARENT,
            ("stem", _STRING),
            ("signals", pa.list_(_STRING)),
            *_FORMS,
        ]
    ),
    "scores": pa.schema(
        [
            *_KEY,
            ("genre", _STRING),
            ("model", _STRING),
            *_PARENT,
            ("stem", _STRING),
            ("voice", _STRING),
            ("has_bleed", _BOOL),
            *((metric, _FLOAT) for metric in METRICS),
            ("paper_snr", _FLOAT),
            ("paper_sdr", _FLOAT),
            ("score", _FLOAT),
            ("gain_db", _FLOAT),
            ("lag_samples", _INT),
            ("reference_dbfs", _FLOAT),
            ("wall_s", _FLOAT),
            ("realtime_factor", _FLOAT),
            ("device", _STRING),
            ("status", _STRING),
            ("error", _STRING),
            _PARENT_MODEL,
            *((metric, _FLOAT) for metric in EXTRA_METRICS),
        ]
    ),
    "selections": pa.schema(
        [
            *_KEY,
            *_PARENT,
            ("stem", _STRING),
            ("model", _STRING),
            ("score", _FLOAT),
            ("runner_up", _STRING),
            ("margin", _FLOAT),
            ("margin_low", _FLOAT),
            ("margin_high", _FLOAT),
            ("win_probability", _FLOAT),
            ("rule", _STRING),
        ]
    ),
}
# what every run has; `cross` only where it is asked for
ALWAYS = tuple(name for name in SCHEMAS if name != "cross")
_STEM = [*_PARENT, ("stem", _STRING)]
_INTERVAL = [("mean_score", _FLOAT), ("low", _FLOAT), ("high", _FLOAT)]
# What follows from the tables above by statistics alone; rewritten by every report.
ANALYSIS: dict[str, pa.Schema] = {
    "leaderboard": pa.schema(
        [
            *_STEM,
            ("model", _STRING),
            ("rank", _INT),
            ("rank_clean", _INT),
            ("tie_group", _INT),
            ("tracks", _INT),
            ("artists", _INT),
            ("dropped", _INT),
            *_INTERVAL,
            ("seconds_per_minute", _FLOAT),
            ("trained_here", _BOOL),
        ]
    ),
    "comparisons": pa.schema(
        [
            *_STEM,
            ("model_a", _STRING),
            ("model_b", _STRING),
            ("tracks", _INT),
            ("artists", _INT),
            ("difference", _FLOAT),
            ("low", _FLOAT),
            ("high", _FLOAT),
            # for all pairs of the stem together, as p_adjusted is
            ("low_adjusted", _FLOAT),
            ("high_adjusted", _FLOAT),
            ("win_rate", _FLOAT),
            ("p_value", _FLOAT),
            ("p_adjusted", _FLOAT),
            ("told_apart", _BOOL),
            ("tracks_needed", _INT),
        ]
    ),
    "genre_scores": pa.schema(
        [
            *_STEM,
            ("genre", _STRING),
            ("model", _STRING),
            ("tracks", _INT),
            ("artists", _INT),
            *_INTERVAL,
            ("winner", _BOOL),
        ]
    ),
    "genre_effects": pa.schema(
        [
            *_STEM,
            ("genres", _INT),
            ("tracks", _INT),
            ("p_value", _FLOAT),
            ("routing_gain", _FLOAT),
            ("low", _FLOAT),
            ("high", _FLOAT),
        ]
    ),
    "regret": pa.schema(
        [
            *_STEM,
            ("level", _STRING),
            ("tracks", _INT),
            ("artists", _INT),
            *_INTERVAL,
            ("gain", _FLOAT),
            ("gain_low", _FLOAT),
            ("gain_high", _FLOAT),
            ("gain_shrunken", _FLOAT),
            ("dropped", _INT),
        ]
    ),
    "front": pa.schema(
        [
            *_STEM,
            ("step", _INT),
            ("model", _STRING),
            ("models", pa.list_(_STRING)),
            ("weights", pa.list_(_FLOAT)),
            ("mean_score", _FLOAT),
            ("seconds_per_minute", _FLOAT),
            ("tracks", _INT),
            ("dropped", _INT),
        ]
    ),
    # models that a run cut in both ways: fast minus reference
    "less_overlap": pa.schema(
        [
            *_STEM,
            ("model", _STRING),
            ("fast_model", _STRING),
            ("tracks", _INT),
            ("artists", _INT),
            *(
                (f"{name}{end}", _FLOAT)
                for name in ("score", "snr")
                for end in ("", "_low", "_high")
            ),
            ("time_ratio", _FLOAT),
            ("heard_reference", _FLOAT),
            ("heard_fast", _FLOAT),
        ]
    ),
    # tiers of models, cheap first, replayed under rules of when to go on
    "tiers": pa.schema(
        [
            ("recipe", _STRING),
            ("step", _INT),
            ("policy", _STRING),
            ("tier", _STRING),
            ("threshold", _FLOAT),
            ("tracks", _INT),
            ("artists", _INT),
            *_INTERVAL,
            ("gain", _FLOAT),
            ("gain_low", _FLOAT),
            ("gain_high", _FLOAT),
            ("over_mix", _FLOAT),
            ("over_mix_low", _FLOAT),
            ("over_mix_high", _FLOAT),
            ("seconds_per_minute", _FLOAT),
            ("share", _FLOAT),
            ("left_out", _BOOL),
        ]
    ),
    # what a run says to deploy per stem, and what a higher score would cost
    "deployment": pa.schema(
        [
            *_STEM,
            ("kind", _STRING),
            ("models", pa.list_(_STRING)),
            ("weights", pa.list_(_FLOAT)),
            *_INTERVAL,
            ("snr", _FLOAT),
            ("seconds_per_minute", _FLOAT),
            ("gain", _FLOAT),
            ("below", _STRING),
            ("best_models", pa.list_(_STRING)),
            ("best_score", _FLOAT),
            ("best_seconds_per_minute", _FLOAT),
            ("tenth_s", _FLOAT),
            ("tracks", _INT),
            ("artists", _INT),
            # what the models are joined by, where not by weights of their estimates of the stem
            ("ensemble", _STRING),
        ]
    ),
    # how well a recipe's SNR is predicted without references, on held-out artists
    "quality": pa.schema(
        [
            *_STEM,
            ("features", pa.list_(_STRING)),
            ("tracks", _INT),
            ("artists", _INT),
            ("rank_correlation", _FLOAT),
            ("low", _FLOAT),
            ("high", _FLOAT),
            ("rank_correlation_of_level", _FLOAT),
            ("snr_spread", _FLOAT),
            ("error", _FLOAT),
            ("error_of_level", _FLOAT),
            ("half_width", _FLOAT),
            ("coverage", _FLOAT),
            ("shipped", _BOOL),
            ("why", _STRING),
        ]
    ),
    "predictions": pa.schema(
        [
            *_KEY,
            *_STEM,
            ("snr", _FLOAT),
            ("predicted", _FLOAT),
            ("low", _FLOAT),
            ("high", _FLOAT),
        ]
    ),
    # kinds of ensembles on a stem, held out
    "kinds": pa.schema(
        [
            *_STEM,
            ("kind", _STRING),
            ("models", pa.list_(_STRING)),
            ("tracks", _INT),
            ("artists", _INT),
            ("score", _FLOAT),
            ("gain", _FLOAT),
            ("gain_low", _FLOAT),
            ("gain_high", _FLOAT),
            ("seconds_per_minute", _FLOAT),
            ("established", _BOOL),
            ("note", _STRING),
        ]
    ),
    # tracks that are one recording
    "duplicates": pa.schema(
        [
            *_KEY,
            ("other_dataset", _STRING),
            ("other_track_id", _STRING),
            ("similarity", _FLOAT),
            ("kind", _STRING),
        ]
    ),
    "anomalies": pa.schema(
        [
            *_KEY,
            ("model", _STRING),
            *_STEM,
            ("kind", _STRING),
            ("value", _FLOAT),
            ("text", _STRING),
        ]
    ),
}

# of several runs: at the end of a sweep, and by `stemwise compare`
SWEEP: dict[str, pa.Schema] = {
    "sweep": pa.schema(
        [
            ("run", _STRING),
            ("folder", _STRING),
            ("settings", pa.list_(_STRING)),
            ("status", _STRING),
            ("exit_code", _INT),
            ("error", _STRING),
            ("wall_s", _FLOAT),
            ("made", _INT),
            ("found", _INT),
            ("taken", _INT),
            ("group", _INT),
            *_STEM,
            ("model", _STRING),
            ("models", pa.list_(_STRING)),
            ("tracks", _INT),
            ("artists", _INT),
            *_INTERVAL,
            ("seconds_per_minute", _FLOAT),
        ]
    ),
    "sweep_scores": pa.schema(
        [
            *_STEM,
            ("model", _STRING),
            ("run", _STRING),
            ("group", _INT),
            ("rank", _INT),
            ("tie_group", _INT),
            ("tracks", _INT),
            ("artists", _INT),
            ("dropped", _INT),
            *_INTERVAL,
            ("seconds_per_minute", _FLOAT),
        ]
    ),
    "sweep_pairs": pa.schema(
        [
            *_STEM,
            ("model", _STRING),
            ("run_a", _STRING),
            ("run_b", _STRING),
            ("group", _INT),
            ("tracks", _INT),
            ("artists", _INT),
            ("difference", _FLOAT),
            ("low", _FLOAT),
            ("high", _FLOAT),
            ("low_adjusted", _FLOAT),
            ("high_adjusted", _FLOAT),
            ("win_rate", _FLOAT),
            ("p_value", _FLOAT),
            ("p_adjusted", _FLOAT),
            ("told_apart", _BOOL),
            ("tracks_needed", _INT),
        ]
    ),
}

NOT_KEPT = "This run kept no estimates (store.keep=none), so there is nothing to listen to."
_SORT = ("dataset", "track_id", "model", "parent", "parent_source", "stem", "block")
_SORT_WITHIN = ("rank", "step", "genre", "kind", "run")


def schema_of(name: str) -> pa.Schema:
    """Return the schema of the table called `name`."""
    return {**SCHEMAS, **ANALYSIS, **SWEEP}[name]


def to_table(name: str, rows: Iterable[Row]) -> pa.Table:
    """Return `rows` as an Arrow table of the schema called `name`; absent keys are null.

    Further numbers in rows of `scores` are users' own metrics and get columns too.
    """
    rows = list(rows)
    schema = schema_of(name)
    if name == SCORES:
        numbers = {key for row in rows for key, value in row.items() if isinstance(value, float)}
        schema = _with(schema, numbers)
    columns = {field.name: [] for field in schema}  # type: dict[str, list[Any]]
    for row in rows:
        for key, values in columns.items():
            values.append(row.get(key))
    return pa.table(columns, schema=schema)


def _with(schema: pa.Schema, columns: Iterable[str]) -> pa.Schema:
    """Return the schema with further columns of numbers."""
    for column in sorted(set(columns) - set(schema.names)):
        schema = schema.append(pa.field(column, _FLOAT))
    return schema


def metrics_in(scores: pl.DataFrame) -> list[str]:
    """Return the columns of `scores` that a score may be made of: ours, and users' own metrics."""
    others = set(SCHEMAS[SCORES].names) - {*METRICS, *EXTRA_METRICS}
    return [name for name, kind in scores.schema.items() if kind.is_float() and name not in others]


def framed(name: str, rows: Iterable[Row]) -> pl.DataFrame:
    """Return `rows` as a Polars frame of the schema called `name`; absent keys are null."""
    return frame(to_table(name, rows))


def frame(table: pa.Table) -> pl.DataFrame:
    """Return an Arrow table as a Polars frame."""
    import polars

    return polars.DataFrame(polars.from_arrow(table))


def of_frame(name: str, rows: pl.DataFrame) -> pa.Table:
    """Return a frame as an Arrow table of the schema called `name`; absent columns are null."""
    import polars

    schema = schema_of(name)
    if name == SCORES:
        schema = _with(schema, rows.select(polars.col(polars.Float64)).columns)
    absent = [
        polars.lit(None).alias(column) for column in schema.names if column not in rows.columns
    ]
    return rows.with_columns(absent).select(schema.names).to_arrow().cast(schema)


def concat(name: str, tables: Iterable[pa.Table]) -> pa.Table:
    """Return parts of the table called `name` as one; a column that older parts lack is null there."""
    return pa.concat_tables([schema_of(name).empty_table(), *tables], promote_options="default")


def none_kept(estimates: pl.DataFrame) -> bool:
    """Tell from the table `estimates` whether a run kept none of those that it made."""
    # estimates of other tools, and blends, never were in the store
    made = estimates.filter(estimates["key"].is_not_null(), estimates["status"] == "ok")
    return len(made) > 0 and made["uri"].null_count() == len(made)


def sort(table: pa.Table) -> pa.Table:
    """Return `table` sorted by its key columns, so that equal runs give equal files."""
    keys = [(name, "ascending") for name in (*_SORT, *_SORT_WITHIN) if name in table.column_names]
    return table.sort_by(keys)


def write(
    folder: Path, name: str, tables: Sequence[pa.Table], protocol: Protocol | None = None
) -> Path:
    """Write one table as a single Parquet file with its definitions, replacing an older one whole.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = folder / name / f"{name}.parquet"
    table = sort(concat(name, tables))
    schema = described(name, table.schema, protocol)
    write_atomic(path, pa.Table.from_arrays(table.columns, schema=schema))
    return path


def write_atomic(path: Place, table: pa.Table) -> None:
    """Write a Parquet file so that readers never see half of it.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        if is_local(path):
            _write_beside(path, table)
        else:
            sink = pa.BufferOutputStream()
            pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
            write_whole(path, sink.getvalue().to_pybytes())
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({cause(error)}): choose another output= folder or make room."
        ) from error


def _write_beside(path: Path, table: pa.Table) -> None:
    """Write a file beside `path` and move it there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        temporary.replace(path)
    finally:
        with suppress(OSError):  # moved away already, or a file stands in the place of the folder
            temporary.unlink(missing_ok=True)


def read(folder: Path, name: str) -> pl.DataFrame:
    """Read a table of a run as a Polars frame.

    Raises:
        OutputError: the run has no such table.
    """
    import polars

    files = sorted((folder / name).glob("**/*.parquet"))
    if not files:
        raise OutputError(f"{folder / name} holds no Parquet files: run `stemwise evaluate` first.")
    try:
        return polars.read_parquet(files, glob=False)
    except (polars.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise OutputError(
            f"{folder / name} is damaged ({reason}): run `stemwise evaluate` again."
        ) from error
