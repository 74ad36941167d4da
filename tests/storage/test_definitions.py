"""What tables tell of themselves: units, keys, version and protocol in the metadata of their files."""

from __future__ import annotations

import json

import polars as pl
import pyarrow.parquet as pq
import pytest

import stemwise
from stemwise.storage import tables
from stemwise.storage.batches import Batches, BatchWriter
from stemwise.storage.definitions import TABLES, definition

EVERY = {**tables.SCHEMAS, **tables.ANALYSIS, **tables.SWEEP}
ROW = {
    "dataset": "d",
    "track_id": "t",
    "model": "m",
    "parent": "mixture",
    "parent_source": "mixture",
    "stem": "bass",
    "snr": 3.0,
}


@pytest.mark.parametrize("name", EVERY)
def test_every_column_is_defined_and_every_key_is_a_column(name):
    for column in EVERY[name].names:
        unit, text = definition(name, column)  # absent: enter it in column_definitions.py
        assert text
        assert not text.endswith(".")
        assert unit or not column.endswith(("_db", "_s")) or column == "tenth_s"
    assert set(TABLES[name][1]) <= set(EVERY[name].names)


def test_a_file_carries_its_definitions(tmp_path):
    path = tables.write(
        tmp_path,
        "scores",
        [tables.to_table("scores", [ROW])],
        {"paper_snr": "snr", "rule": "linear"},
    )
    schema = pq.read_schema(path)
    told = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    assert told["stemwise.table"] == "scores"
    assert told["stemwise.version"] == stemwise.__version__
    assert json.loads(told["stemwise.protocol"]) == {"paper_snr": "snr", "rule": "linear"}
    assert json.loads(told["stemwise.key"])[:3] == ["dataset", "track_id", "model"]
    assert schema.field("snr").metadata[b"unit"] == b"dB"
    assert b"whole track" in schema.field("snr").metadata[b"description"]
    assert b"unit" not in (schema.field("model").metadata or {})


def test_a_table_of_blocks_carries_them_too(tmp_path):
    with BatchWriter(tmp_path, "measurements", {"block_s": 1.0}) as writer:
        writer.write(tables.to_table("measurements", [{**ROW, "block": 0}]))
    schema = pq.read_schema(writer.path)
    assert json.loads(schema.metadata[b"stemwise.protocol"]) == {"block_s": 1.0}
    assert schema.field("start_s").metadata[b"unit"] == b"s"
    assert next(Batches("measurements", writer.path).read()).num_rows == 1


def test_files_with_and_without_definitions_are_read_alike(tmp_path):
    table = tables.to_table("scores", [ROW])
    path = tables.write(tmp_path / "new", "scores", [table])
    old = tmp_path / "old" / "scores" / "scores.parquet"
    old.parent.mkdir(parents=True)
    pq.write_table(table, old)
    assert pq.read_schema(old).metadata is None
    assert tables.read(tmp_path / "old", "scores").equals(tables.read(tmp_path / "new", "scores"))
    for file in (path, old):
        assert pl.read_parquet(f"{file.parent}/*.parquet")["snr"].to_list() == [3.0]
    both = pl.read_parquet(f"{tmp_path}/*/scores/*.parquet")
    assert both["snr"].to_list() == [3.0, 3.0]
