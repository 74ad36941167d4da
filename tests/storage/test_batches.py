import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemwise.core.errors import OutputError
from stemwise.storage import batches, tables
from stemwise.storage.batches import Batches, BatchWriter


def rows(track, count=3, dataset="d"):
    head = {"dataset": dataset, "track_id": track, "stem": "vocals"}
    return [head | {"block": n, "gram": [float(n), 0.1], "signals": ["a"]} for n in range(count)]


def table(*tracks, **how):
    return tables.to_table("measurements", [row for track in tracks for row in rows(track, **how)])


def written(folder, *groups):
    with BatchWriter(folder, "measurements") as writer:
        for group in groups:
            writer.write(group)
    return Batches("measurements", writer.path)


def names(batch):
    return sorted(set(batch.column("track_id").to_pylist()))


def test_batches_come_back_one_by_one_and_make_one_table(tmp_path):
    stored = written(tmp_path, table("a", "b"), table(), table("c"))
    assert [names(batch) for batch in stored.read()] == [["a", "b"], ["c"]]
    found = tables.of_frame("measurements", tables.read(tmp_path, "measurements"))
    assert found.equals(table("a", "b", "c"))
    assert pq.ParquetFile(stored.path).metadata.row_group(0).column(0).compression == "ZSTD"
    assert [path.name for path in stored.path.parent.iterdir()] == ["measurements.parquet"]


def test_only_the_columns_that_are_asked_for_are_read(tmp_path):
    (batch,) = written(tmp_path, table("a")).read(["dataset", "track_id", "gram"])
    assert batch.column_names == ["dataset", "track_id", "gram"]


def test_what_is_in_memory_is_read_sorted():
    turned = table("b", "a").take(pa.array([5, 0, 3, 1, 4, 2]))
    (batch,) = Batches("measurements", table=turned).read()
    assert batch.column("track_id").to_pylist() == ["a"] * 3 + ["b"] * 3
    assert batch.column("block").to_pylist() == [0, 1, 2] * 2
    assert list(Batches("measurements").read()) == []


def test_tracks_out_of_order_are_refused_and_the_old_table_stays(tmp_path):
    stored = written(tmp_path, table("a"))
    before = stored.path.read_bytes()
    with pytest.raises(ValueError, match="not in order"):
        written(tmp_path, table("b"), table("a"))
    assert stored.path.read_bytes() == before
    assert list(stored.path.parent.iterdir()) == [stored.path]


def test_a_disk_that_is_full_leaves_the_old_table(tmp_path, monkeypatch):
    stored = written(tmp_path, table("a"))
    before = stored.path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batches.pq.ParquetWriter, "write_table", full)
    with pytest.raises(OutputError, match=r"measurements\.parquet.*No space left"):
        written(tmp_path, table("b"))
    assert stored.path.read_bytes() == before
    assert list(stored.path.parent.iterdir()) == [stored.path]


def test_a_track_in_two_batches_is_an_older_version_s(tmp_path):
    path = tmp_path / "measurements" / "measurements.parquet"
    path.parent.mkdir()
    pq.write_table(table("a", "b"), path, row_group_size=2)
    with pytest.raises(OutputError, match="older version"):
        list(Batches("measurements", path).read())


def test_damage_and_absence_are_named(tmp_path):
    stored = written(tmp_path, table("a", "b", count=400))
    whole = stored.path.read_bytes()
    stored.path.write_bytes(whole[:100] + bytes(200) + whole[300:])
    with pytest.raises(OutputError, match="damaged"):
        list(stored.read())
    stored.path.write_bytes(whole[:50])
    with pytest.raises(OutputError, match="damaged"):
        stored.columns()
    stored.path.unlink()
    with pytest.raises(OutputError, match="stemwise evaluate"):
        stored.columns()
