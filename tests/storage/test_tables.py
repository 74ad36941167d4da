import math

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemwise.core.errors import OutputError
from stemwise.storage import tables

COLUMNS = {
    "tracks": "dataset track_id title artist genre split duration_s:f sample_rate:i channels:i "
    "has_bleed:b stems:l problems:l drum_parts fingerprint:fl",
    "estimates": "dataset track_id model parent parent_source stem uri key gain:f wall_s:f "
    "realtime_factor:f device precision attempt:i status error parent_model batch_size:i",
    "measurements": "dataset track_id parent parent_source stem block:i start_s:f length_s:f "
    "signals:l gram:fl bss_projection:fl bss_remainder:fl "
    "si_interference:fl si_artifacts:fl",
    "forms": "dataset track_id parent parent_source stem models:l references:l energy:f "
    "cross:fl gram:fl projection:fl overlap:fl span:fl",
    "cross": "dataset track_id parent parent_source stem signals:l references:l energy:f "
    "cross:fl gram:fl projection:fl overlap:fl span:fl",
    "scores": "dataset track_id genre model parent parent_source stem voice has_bleed:b snr:f "
    "si_sdr:f bss_sdr:f museval_sdr:f museval_isr:f museval_sir:f museval_sar:f si_sir:f si_sar:f "
    "paper_snr:f paper_sdr:f score:f gain_db:f lag_samples:i reference_dbfs:f wall_s:f "
    "realtime_factor:f device status error parent_model bleedless:f fullness:f l1_freq:f log_wmse:f",
    "selections": "dataset track_id parent parent_source stem model score:f runner_up margin:f "
    "margin_low:f margin_high:f win_probability:f rule",
}
TYPES = {
    "": pa.string(),
    "f": pa.float64(),
    "i": pa.int64(),
    "b": pa.bool_(),
    "l": pa.list_(pa.string()),
    "fl": pa.list_(pa.float64()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_tables_columns_are_a_promise(name):
    expected = [column.partition(":")[::2] for column in COLUMNS[name].split()]
    found = [(field.name, field.type) for field in tables.SCHEMAS[name]]
    assert found == [(column, TYPES[kind]) for column, kind in expected]


def test_there_are_no_other_tables():
    assert set(tables.SCHEMAS) == set(COLUMNS)
    plain, museval = ("snr", "si_sdr", "bss_sdr"), ("sdr", "isr", "sir", "sar")
    further = (*(f"museval_{name}" for name in museval), "si_sir", "si_sar")
    assert (*plain, *further) == tables.METRICS


def score(model="m", track="t", **values):
    return {"dataset": "d", "track_id": track, "model": model, "stem": "vocals", **values}


def test_null_never_becomes_a_number(tmp_path):
    rows = [score("a", snr=0.0), score("b", snr=None), score("c"), score("d", lag_samples=0)]
    path = tables.write(tmp_path, "scores", [tables.to_table("scores", rows)])
    assert path == tmp_path / "scores" / "scores.parquet"
    found = tables.read(tmp_path, "scores")
    assert found["model"].to_list() == ["a", "b", "c", "d"]
    assert found["snr"].to_list() == [0.0, None, None, None]
    assert found["lag_samples"].to_list() == [None, None, None, 0]
    assert found["has_bleed"].to_list() == [None] * 4
    assert found["snr"].mean() == 0.0


def test_a_column_that_is_new_is_null_where_older_parts_lack_it(tmp_path):
    new = tables.to_table("estimates", [score("b", batch_size=2, precision="bf16")])
    old = tables.to_table("estimates", [score("a")]).drop_columns(["batch_size", "precision"])
    for parts in ([old, new], [old]):
        tables.write(tmp_path, "estimates", parts)
        found = tables.read(tmp_path, "estimates")
        assert found.columns == tables.SCHEMAS["estimates"].names
        assert found["batch_size"].to_list() == [None, 2][: len(parts)]
        assert found["precision"].to_list() == [None, "bf16"][: len(parts)]


def test_infinities_and_nan_stay_what_they_are(tmp_path):
    values = [math.inf, -math.inf, math.nan, 1.5]
    rows = [score(name, snr=value) for name, value in zip("abcd", values, strict=True)]
    tables.write(tmp_path, "scores", [tables.to_table("scores", rows)])
    found = tables.read(tmp_path, "scores")["snr"].to_list()
    assert found[:2] == [math.inf, -math.inf]
    assert math.isnan(found[2])
    assert found[3] == 1.5


def test_unknown_keys_are_left_out_and_wrong_types_refused():
    table = tables.to_table("scores", [score(colour="red")])
    assert table.schema.equals(tables.SCHEMAS["scores"])
    with pytest.raises(pa.ArrowException):
        tables.to_table("scores", [score(snr="loud")])


def test_equal_rows_give_equal_files(tmp_path):
    rows = [score(model, track, snr=1.0) for model in "cab" for track in "vu"]
    one = [tables.to_table("scores", rows)]
    two = [tables.to_table("scores", rows[3:][::-1]), tables.to_table("scores", rows[:3])]
    paths = [tables.write(tmp_path / name, "scores", t) for name, t in (("1", one), ("2", two))]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    found = tables.read(tmp_path / "1", "scores").select("track_id", "model").rows()
    assert found == [(track, model) for track in "uv" for model in "abc"]


def test_blocks_are_sorted_by_number(tmp_path):
    key = {"dataset": "d", "track_id": "t", "stem": "s"}
    rows = [key | {"block": block, "gram": [float(block)]} for block in (10, 2, 1)]
    tables.write(tmp_path, "measurements", [tables.to_table("measurements", rows)])
    found = tables.read(tmp_path, "measurements")
    assert found["block"].to_list() == [1, 2, 10]
    assert found["gram"].to_list() == [[1.0], [2.0], [10.0]]


@pytest.mark.parametrize("name", COLUMNS)
def test_an_empty_table_keeps_its_columns(tmp_path, name):
    path = tables.write(tmp_path, name, [])
    assert pq.read_schema(path).equals(tables.SCHEMAS[name])
    assert tables.read(tmp_path, name).shape == (0, len(tables.SCHEMAS[name]))


def test_files_are_compressed_with_zstd(tmp_path):
    path = tables.write(tmp_path, "scores", [tables.to_table("scores", [score()])])
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_later_table_replaces_the_earlier_one(tmp_path):
    for rows in ([score("a"), score("b")], [score("c")]):
        tables.write(tmp_path, "scores", [tables.to_table("scores", rows)])
    assert tables.read(tmp_path, "scores")["model"].to_list() == ["c"]
    assert [path.name for path in (tmp_path / "scores").iterdir()] == ["scores.parquet"]


@pytest.mark.parametrize("half", [True, False])
def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch, half):
    path = tables.write(tmp_path, "scores", [tables.to_table("scores", [score("old")])])
    before = path.read_bytes()

    def full(table, where, **kinds):
        if half:
            where.write_bytes(b"PAR1 half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables.pq, "write_table", full)
    with pytest.raises(OutputError, match=r"scores\.parquet.*No space left"):
        tables.write(tmp_path, "scores", [tables.to_table("scores", [score("new")])])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]  # and no rubbish beside it


def test_readers_never_see_half_a_file(tmp_path, monkeypatch):
    path = tables.write(tmp_path, "scores", [tables.to_table("scores", [score("old")])])
    real, seen = pq.write_table, []

    def spy(table, where, **kinds):
        real(table, where, **kinds)
        seen.append(tables.read(tmp_path, "scores")["model"].to_list())

    monkeypatch.setattr(tables.pq, "write_table", spy)
    tables.write(tmp_path, "scores", [tables.to_table("scores", [score("new")])])
    assert seen == [["old"]]
    assert tables.read(tmp_path, "scores")["model"].to_list() == ["new"]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_place_of_the_folder(tmp_path, below):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        tables.write(tmp_path / "taken" / below, "scores", [])
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.parametrize("name", ["run[1]", "a*b", "model=x,metric=plain", "ünï code"])
def test_odd_output_folders(tmp_path, name):
    folder = tmp_path / name
    tables.write(folder, "scores", [tables.to_table("scores", [score("a", snr=1.0)])])
    found = tables.read(folder, "scores")
    assert found.columns == tables.SCHEMAS["scores"].names
    assert found["model"].to_list() == ["a"]


def test_a_table_of_several_files_is_read_as_one(tmp_path):
    for name in ("one", "two"):
        table = tables.to_table("scores", [score(name)])
        tables.write_atomic(tmp_path / "scores" / name / "x.parquet", table)
    assert sorted(tables.read(tmp_path, "scores")["model"]) == ["one", "two"]


@pytest.mark.parametrize("made", [True, False])
def test_a_missing_table_says_what_to_do(tmp_path, made):
    if made:
        (tmp_path / "scores").mkdir()
    with pytest.raises(OutputError, match="stemwise evaluate"):
        tables.read(tmp_path, "scores")


def test_anyone_can_read_them_with_polars(tmp_path):
    tables.write(tmp_path, "scores", [tables.to_table("scores", [score("a", snr=1.0)])])
    found = pl.read_parquet(tmp_path / "scores" / "**/*.parquet")
    assert found.equals(tables.read(tmp_path, "scores"))
