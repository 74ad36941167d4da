import numpy as np
import polars as pl
import pytest

from stemwise.core.errors import OutputError
from stemwise.decision import results
from stemwise.measurement.track_stem import measure_stem
from stemwise.storage import parts, tables

PAIR = ("snr", "bss_sdr")


def rows_of(track, errors, seed=0):
    """Return the table rows of a track with one stem and a model per error level."""
    rng = np.random.default_rng(seed)
    x, *noise = rng.standard_normal((2 + len(errors), 2, 9000)).astype(np.float32) / 10
    signals = {"mixture": x + noise[0]}
    signals |= {
        name: x + np.float32(level) * error
        for (name, level), error in zip(errors.items(), noise[1:], strict=True)
    }
    found = measure_stem(x, signals, block_s=0.02)
    head = {"dataset": "d", "track_id": track, "stem": "vocals"}
    head |= {"parent": "mixture", "parent_source": "mixture"}
    return {
        "tracks": [{"dataset": "d", "track_id": track}],
        "estimates": [head | {"model": name, "status": "ok"} for name in errors],
        "forms": [],
        "measurements": [
            head
            | {
                "block": block,
                "start_s": float(found.starts[block]),
                "length_s": float(found.lengths[block]),
                "signals": list(found.signals),
                "gram": found.gram[block].tolist(),
                "bss_projection": found.projection[block].tolist(),
                "bss_remainder": found.remainder[block].tolist(),
            }
            for block in range(len(found.starts))
        ],
        "scores": [
            head
            | {"model": name, "status": "ok", "wall_s": 1.0}
            | {"snr": found.snr(name), "si_sdr": found.si_sdr(name), "bss_sdr": found.bss_sdr(name)}
            for name in signals
        ],
    }


@pytest.fixture
def folder(tmp_path):
    for number, (track, errors) in enumerate({"t": (0.5, 0.2), "u": (0.2, 0.5)}.items()):
        rows = rows_of(track, dict(zip("ab", errors, strict=True)), number)
        parts.write(tmp_path, track, parts.encode(rows, "f", 0))
    return tmp_path


def collected(folder, tracks, into=None):
    return results.collect(folder, tracks, into or folder / "tables")


def scored(content, pair=PAIR, rule="linear", candidates=("a", "b")):
    return results.score_and_rank(content, lambda _: pair, rule, candidates)


def test_collecting_joins_the_finished_tracks_that_are_asked_for(folder):
    found = collected(folder, ["u", "t"])
    assert found.tracks["track_id"].to_list() == ["t", "u"]
    assert found.scores.height == 6
    assert collected(folder, ["t"]).scores.height == 3
    for name in ("tracks", "estimates", "forms", "scores"):
        table = tables.of_frame(name, getattr(found, name))
        assert table.schema.equals(tables.SCHEMAS[name])
    whole = tables.read(folder / "tables", "measurements")
    assert whole.columns == tables.SCHEMAS["measurements"].names
    assert set(whole["track_id"]) == {"t"}


def test_blocks_are_written_in_order_and_read_by_track(folder):
    found = collected(folder, ["u", "t"]).measurements
    whole = tables.read(folder / "tables", "measurements")
    assert tables.sort(tables.of_frame("measurements", whole)).equals(
        tables.of_frame("measurements", whole)
    )
    assert sum(batch.num_rows for batch in found.read()) == len(whole)


def test_a_track_that_is_not_finished_is_never_left_out_silently(folder):
    with pytest.raises(OutputError, match=r"absent\.parquet"):
        collected(folder, ["t", "absent"])
    assert not any((folder / "tables" / "measurements").iterdir())  # and no rubbish


def test_collecting_nothing_gives_empty_tables(tmp_path):
    content = scored(collected(tmp_path, []))
    assert content.scores.is_empty() and content.ranked.is_empty()
    assert list(content.measurements.read()) == []
    assert tables.read(tmp_path / "tables", "measurements").is_empty()


def test_scores_and_the_oracle(folder):
    content = scored(collected(folder, ["t", "u"]))
    assert content.ranked.select("track_id", "models").rows() == [
        ("t", ["b", "a"]),
        ("u", ["a", "b"]),
    ]
    scores = content.scores
    assert len(scores) == 8  # mixture, a, b, oracle on two tracks
    assert scores["score"].null_count() == 0
    by_model = {
        (row["track_id"], row["model"]): row["score"] for row in scores.iter_rows(named=True)
    }
    assert by_model["t", "oracle"] == by_model["t", "b"]
    assert by_model["u", "oracle"] == by_model["u", "a"]


def test_scoring_again_changes_nothing(folder):
    once = scored(collected(folder, ["t", "u"]))
    twice = scored(once)
    assert twice.scores.equals(once.scores) and twice.ranked.equals(once.ranked)


def test_another_protocol_on_the_same_run(folder):
    first = scored(collected(folder, ["t", "u"]))
    plain = scored(first, ("snr", "si_sdr"), "paper_guarded", ["b"])
    assert plain.scores["paper_sdr"].equals(plain.scores["si_sdr"], check_names=False)
    assert plain.scores["model"].to_list().count("oracle") == 2
    assert plain.ranked["models"].to_list() == [["b"], ["b"]]


def test_the_order_of_tracks_does_not_matter(folder):
    for name, order in (("one", ["t", "u"]), ("two", ["u", "t"])):
        content = scored(collected(folder, order, folder / name))
        frames = {table: getattr(content, table) for table in results.SMALL}
        results.write(folder / name, frames)
    for name in (*results.SMALL, results.BLOCKS):
        one, two = (folder / run / name / f"{name}.parquet" for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "tables").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        results.write(tmp_path / "tables", {"scores": pl.DataFrame()})
    with pytest.raises(OutputError, match="cannot be written"):
        collected(tmp_path, [])
