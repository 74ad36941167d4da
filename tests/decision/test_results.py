import numpy as np
import pytest

from stemwise.core.errors import OutputError
from stemwise.decision import results
from stemwise.measurement.track_stem import measure_stem
from stemwise.selection.oracle import SelectionSettings
from stemwise.storage import parts, tables

PAIR = ("snr", "bss_sdr")
SETTINGS = SelectionSettings(draws=50)


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


def test_collecting_joins_the_finished_tracks_that_are_asked_for(folder):
    found = results.collect(folder, ["u", "t"])
    assert set(found) == {"tracks", "estimates", "measurements", "forms", "scores"}
    assert found["tracks"].column("track_id").to_pylist() == ["u", "t"]
    assert found["scores"].num_rows == 6
    assert results.collect(folder, ["t"])["scores"].num_rows == 3
    for name, table in found.items():
        assert table.schema.equals(tables.SCHEMAS[name])


def test_a_track_that_is_not_finished_is_never_left_out_silently(folder):
    with pytest.raises(OutputError, match=r"absent\.parquet"):
        results.collect(folder, ["t", "absent"])


def test_collecting_nothing_gives_empty_tables(tmp_path):
    found = results.collect(tmp_path, [])
    assert {name: table.num_rows for name, table in found.items()} == dict.fromkeys(found, 0)
    content = results.score_and_select(found, PAIR, SETTINGS, ["a"])
    results.write(tmp_path / "tables", content)
    for name in tables.SCHEMAS:
        assert tables.read(tmp_path / "tables", name).is_empty()


def test_scores_winners_and_the_oracle(folder):
    content = results.score_and_select(
        results.collect(folder, ["t", "u"]), PAIR, SETTINGS, ["a", "b"]
    )
    results.write(folder / "tables", content)
    chosen = tables.read(folder / "tables", "selections")
    assert chosen["track_id"].to_list() == ["t", "u"]
    assert chosen["model"].to_list() == ["b", "a"]
    assert chosen["win_probability"].to_list() == [1.0, 1.0]
    scores = tables.read(folder / "tables", "scores")
    assert len(scores) == 8  # mixture, a, b, oracle on two tracks
    assert scores["score"].null_count() == 0
    by_model = {
        (row["track_id"], row["model"]): row["score"] for row in scores.iter_rows(named=True)
    }
    assert by_model["t", "oracle"] == by_model["t", "b"]
    assert by_model["u", "oracle"] == by_model["u", "a"]


def test_scoring_again_changes_nothing(folder):
    collected = results.collect(folder, ["t", "u"])
    once = results.score_and_select(collected, PAIR, SETTINGS, ["a", "b"])
    twice = results.score_and_select(once, PAIR, SETTINGS, ["a", "b"])
    for name, table in once.items():
        assert tables.sort(twice[name]).equals(tables.sort(table))


def test_another_protocol_on_the_same_run(folder):
    first = results.score_and_select(
        results.collect(folder, ["t", "u"]), PAIR, SETTINGS, ["a", "b"]
    )
    plain = results.score_and_select(
        first, ("snr", "si_sdr"), SelectionSettings("paper_guarded", draws=5), ["b"]
    )
    rows = plain["scores"].to_pylist()
    assert all(row["paper_sdr"] == row["si_sdr"] for row in rows)
    assert [row["model"] for row in rows].count("oracle") == 2
    chosen = plain["selections"].to_pylist()
    assert {(row["model"], row["rule"]) for row in chosen} == {("b", "paper_guarded")}


def test_the_order_of_tracks_does_not_matter(folder):
    for name, order in (("one", ["t", "u"]), ("two", ["u", "t"])):
        content = results.score_and_select(
            results.collect(folder, order), PAIR, SETTINGS, ["a", "b"]
        )
        results.write(folder / name, content)
    for name in tables.SCHEMAS:
        one, two = (folder / run / name / f"{name}.parquet" for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "tables").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        results.write(tmp_path / "tables", {"scores": tables.to_table("scores", [])})
