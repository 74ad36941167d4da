"""One track becomes table rows, whatever is wrong with its files or with a model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from stemwise.core.errors import ModelError
from stemwise.core.types import Source
from stemwise.datasets.decode import TrackAudio
from stemwise.evaluation import level as module
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.zoo import Zoo
from stemwise.measurement.fingerprint import fingerprint
from stemwise.models.registry import ReadyModel, prepare, resolve
from stemwise.models.spec import ModelSpec
from stemwise.storage.estimates import EstimateStore

LENGTH = 22_050
TABLES = ["tracks", "estimates", "measurements", "forms", "cross", "scores"]


def scores(result):
    """Return the rows of `scores` by (model, stem); each pair must be there once."""
    rows = {(row["model"], row["stem"]): row for row in result.tables["scores"]}
    assert len(rows) == len(result.tables["scores"])
    return rows


def statuses(result):
    return {pair: row["status"] for pair, row in scores(result).items()}


def estimates(result, model):
    return [row for row in result.tables["estimates"] if row["model"] == model]


def raising(chunks):
    raise RuntimeError("out of\nmemory")


def nan(chunks):
    return torch.full((len(chunks), 2, *chunks.shape[1:]), torch.nan)


def test_the_numbers_of_a_blend_of_orthogonal_sounds(song, model, evaluate):
    """Two sounds of equal energy e, estimate ½(v + d): residual ½(d − v), energy e/2."""
    half, _ = model("half", {"vocals": 0.5, "drums": 0.0})
    result = evaluate(song(), half)
    assert list(result.tables) == TABLES and result.failures == 0
    rows = scores(result)
    vocals = rows["half", "vocals"]
    assert vocals["status"] == "ok"
    assert vocals["snr"] == pytest.approx(10 * math.log10(2), abs=1e-3)
    assert vocals["si_sdr"] == pytest.approx(0, abs=1e-3)
    assert vocals["gain_db"] == pytest.approx(20 * math.log10(0.5), abs=1e-3)
    assert vocals["lag_samples"] == 0
    # mean square of a sine is a²/2, here of 0.25 and 0.125
    level = 10 * math.log10((0.25**2 / 2 + 0.125**2 / 2) / 2)
    assert vocals["reference_dbfs"] == pytest.approx(level, abs=1e-3)
    for stem in ("vocals", "drums"):
        floor = rows["mixture", stem]
        assert (floor["status"], floor["wall_s"]) == ("ok", None)
        assert floor["snr"] == pytest.approx(0, abs=1e-3)
        assert floor["si_sdr"] == pytest.approx(0, abs=1e-3)
        assert floor["gain_db"] == pytest.approx(0, abs=1e-3)


def test_a_perfect_and_a_late_estimate(song, signal, evaluate):
    random = np.random.default_rng(0)
    vocals = random.normal(0, 0.1, (2, LENGTH)).astype(np.float32)
    late = np.roll(0.5 * vocals, 37, axis=1)
    late[:, :37] = 0
    track = song(
        {"vocals": vocals, "drums": signal(100)},
        estimates={"perfect": {"vocals": vocals}, "late": {"vocals": late}},
    )
    rows = scores(evaluate(track, files=None))
    perfect = rows["file:perfect", "vocals"]
    assert perfect["snr"] == perfect["si_sdr"] == perfect["bss_sdr"] == math.inf
    late_row = rows["file:late", "vocals"]
    assert late_row["lag_samples"] == 37
    assert late_row["gain_db"] == pytest.approx(20 * math.log10(0.5), abs=0.05)
    assert late_row["snr"] < 0 and late_row["bss_sdr"] > 20


def test_the_rows_tell_where_everything_comes_from(song, model, evaluate, store):
    loaded, _ = model("fake", {"vocals": 3.0, "drums": 0.25})
    track = song(genre="rock", artist="Somebody", has_bleed=True)
    result = evaluate(track, loaded)
    assert result.tables["tracks"] == [
        {
            "dataset": "test",
            "track_id": "song",
            "title": "A Song",
            "artist": "Somebody",
            "genre": "rock",
            "split": None,
            "duration_s": 0.5,
            "sample_rate": 44_100,
            "channels": 2,
            "has_bleed": True,
            "stems": ["vocals", "drums"],
            "problems": [],
            "drum_parts": None,
            "fingerprint": fingerprint(TrackAudio(track).mixture),
        }
    ]
    vocals, drums = estimates(result, "fake")
    entry = store.get(vocals["key"])
    assert vocals["uri"] == str(entry.path("vocals"))
    assert vocals["gain"] == pytest.approx(entry.gains["vocals"]) and vocals["gain"] < 1
    assert drums["gain"] == 1
    assert vocals["status"] == "ok" and vocals["error"] is None and vocals["device"] == "cpu"
    assert vocals["wall_s"] > 0 and vocals["batch_size"] == entry.batch_size == 1
    assert vocals["realtime_factor"] == pytest.approx(0.5 / vocals["wall_s"])
    row = scores(result)["fake", "vocals"]
    assert (row["genre"], row["parent"], row["parent_source"]) == ("rock", "mixture", "mixture")
    assert row["wall_s"] == vocals["wall_s"]


def test_measurements_are_per_block_and_add_up(song, model, evaluate):
    loaded, _ = model("fake")
    result = evaluate(song(), loaded, metric=MetricSettings(block_s=0.2))
    rows = [row for row in result.tables["measurements"] if row["stem"] == "vocals"]
    assert [row["block"] for row in rows] == [0, 1, 2]
    assert [row["start_s"] for row in rows] == pytest.approx([0, 0.2, 0.4])
    assert [row["length_s"] for row in rows] == pytest.approx([0.2, 0.2, 0.1])
    assert all(row["signals"] == ["reference", "mixture", "fake"] for row in rows)
    reference = sum(row["gram"][0] for row in rows)
    with_mixture = sum(row["gram"][1] for row in rows)
    expected = np.square(np.array(_sine(50)), dtype=np.float64).sum()
    assert reference == pytest.approx(expected, rel=1e-6)
    assert with_mixture == pytest.approx(expected, rel=1e-4)


def _sine(periods):
    wave = 0.25 * np.sin(2 * np.pi * periods * np.arange(LENGTH) / LENGTH)
    return [wave, 0.5 * wave]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (raising, "RuntimeError: out of memory"),
        (nan, "NaN or infinite"),
        (lambda chunks: chunks[:, None, :, :-1].repeat(1, 2, 1, 1), "7999 samples for 8000"),
        (lambda chunks: chunks[:, None], "stems and channels"),
        (lambda chunks: None, "AttributeError"),
        (lambda chunks: (_ for _ in ()).throw(SystemExit(1)), "SystemExit"),
        (lambda chunks: (_ for _ in ()).throw(FileNotFoundError(2, "gone", "w")), "FileNotFound"),
    ],
)
def test_a_model_that_fails_on_the_track_fails_alone(song, model, evaluate, store, function, says):
    good, bad = model("good")[0], model("bad", function=function)[0]
    result = evaluate(song(), bad, good)
    assert result.failures == 1
    assert statuses(result) == {
        ("bad", "vocals"): "failed",
        ("bad", "drums"): "failed",
        ("good", "vocals"): "ok",
        ("good", "drums"): "ok",
        ("mixture", "vocals"): "ok",
        ("mixture", "drums"): "ok",
    }
    row = scores(result)["bad", "vocals"]
    assert says in row["error"] and "\n" not in row["error"] and row.get("snr") is None
    for row in estimates(result, "bad"):
        assert row["status"] == "failed" and says in row["error"]
        assert row["uri"] is row["key"] is row["gain"] is None
    assert len(list(store.root.iterdir())) == 1  # the good one's entry and no scratch
    measured = {tuple(row["signals"]) for row in result.tables["measurements"]}
    assert measured == {("reference", "mixture", "good")}


def test_a_model_that_cannot_be_loaded_fails_alone(song, evaluate, monkeypatch, tmp_path):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    broken = resolve({"name": "broken", "base": "band_split", "settings": {"hop": 0}})
    absent = ReadyModel(ModelSpec("absent", "stemwise.models.none.X", "", ("vocals",)), (), "i")
    zoo = Zoo.load([prepare(broken), absent, prepare(resolve("band_split"))], "cpu", None)
    result = evaluate(song(), *zoo.models)
    found = statuses(result)
    assert {stem for (model, stem) in found if model == "broken"} == {"bass", "vocals", "drums"}
    assert {value for (model, _), value in found.items() if model == "broken"} == {"failed"}
    assert found["absent", "vocals"] == "failed"
    assert found["band_split", "vocals"] == "ok"
    assert found["band_split", "bass"] == "missing_reference"
    assert "does not cover a track" in scores(result)["broken", "vocals"]["error"]
    assert result.failures == 2


def test_silence_has_a_status_of_its_own(song, signal, model, evaluate):
    loaded, _ = model("fake", {"vocals": 0.0, "drums": 0.5, "bass": 0.5, "guitar": 0.0})
    track = song(
        {
            "vocals": signal(50),
            "drums": signal(100),
            "bass": np.zeros((2, LENGTH), np.float32),
            "guitar": 1e-4 * signal(70),
        }
    )
    result = evaluate(track, loaded)
    rows = scores(result)
    assert result.failures == 0
    assert rows["fake", "vocals"]["status"] == "silent_estimate"
    assert rows["fake", "vocals"]["snr"] == pytest.approx(0)
    assert rows["fake", "vocals"].get("si_sdr") is rows["fake", "vocals"].get("bss_sdr") is None
    assert rows["fake", "drums"]["status"] == "ok"
    for stem in ("bass", "guitar"):
        for name in ("fake", "mixture"):
            assert rows[name, stem]["status"] == "silent_reference"
            assert rows[name, stem].get("snr") is rows[name, stem].get("si_sdr") is None
    assert rows["fake", "bass"]["reference_dbfs"] is None
    assert rows["fake", "guitar"]["reference_dbfs"] < -80


def test_a_reference_on_one_side_only_is_measured(song, signal, model, evaluate):
    left = signal(50) * np.array([[1], [0]], np.float32)
    result = evaluate(song({"vocals": left, "drums": signal(100)}), model("fake")[0])
    row = scores(result)["fake", "vocals"]
    assert row["status"] == "ok" and math.isfinite(row["snr"]) and math.isfinite(row["bss_sdr"])


def test_references_that_are_missing_or_ambiguous(song, signal, model, evaluate):
    loaded, _ = model("fake", {"vocals": 0.5, "bass": 0.5, "piano": 0.5, "kick": 0.5})
    track = song(
        {"vocals": signal(50), "drums": signal(100), "kick": signal(30)},
        mixture=signal(50) + signal(100),
        partition=("vocals", "drums", "bass"),
        statuses={"kick": "ambiguous_reference"},
    )
    result = evaluate(track, loaded)
    assert result.failures == 0
    assert statuses(result) == {
        ("fake", "vocals"): "ok",
        ("mixture", "vocals"): "ok",
        ("mixture", "drums"): "ok",
        ("fake", "bass"): "missing_reference",
        ("fake", "piano"): "missing_reference",
        ("fake", "kick"): "ambiguous_reference",
        ("mixture", "kick"): "ambiguous_reference",
    }
    assert scores(result)["fake", "kick"].get("snr") is None


def test_other_is_what_the_model_does_not_name(song, signal, model, evaluate):
    stems = {
        stem: signal(periods)
        for stem, periods in [("vocals", 30), ("drums", 50), ("guitar", 70), ("other", 90)]
    }
    loaded, _ = model("two", {"vocals": 0.0, "other": 1.0})
    rows = scores(evaluate(song(stems), loaded))
    assert {stem for (name, stem) in rows if name == "two"} == {"vocals", "drums+guitar+other"}
    # x̂ is the mixture of four sounds of equal energy, x three of them: 10·log10(3)
    assert rows["two", "drums+guitar+other"]["snr"] == pytest.approx(10 * math.log10(3), abs=1e-3)
    assert rows["mixture", "drums+guitar+other"]["status"] == "ok"


def test_parts_that_the_song_does_not_tell_apart_are_added(song, signal, model, evaluate):
    loaded, _ = model("six", {"vocals": 0.0, "guitar": 0.25, "piano": 0.25, "other": 0.5})
    rows = scores(evaluate(song({"vocals": signal(30), "other": signal(50)}), loaded))
    # ¼ + ¼ + ½ of the mixture
    assert rows["six", "other"]["snr"] == pytest.approx(0, abs=1e-3)


def test_the_instrumental_is_measured_against_all_but_vocals(song, signal, model, evaluate):
    loaded, _ = model("two", {"vocals": 0.0, "instrumental": 1.0})
    stems = {"vocals": signal(30), "drums": signal(50), "other": signal(70)}
    rows = scores(evaluate(song(stems), loaded))
    assert rows["two", "instrumental"]["snr"] == pytest.approx(10 * math.log10(2), abs=1e-3)


@pytest.mark.parametrize("content", [b"this is text", b"", None])
def test_a_broken_reference_fails_its_stem_only(song, signal, model, evaluate, content):
    mixture = signal(50) + signal(100)
    track = song({"vocals": content, "drums": signal(100)}, mixture=mixture)
    result = evaluate(track, model("fake")[0])
    assert statuses(result) == {
        ("fake", "vocals"): "failed",
        ("mixture", "vocals"): "failed",
        ("fake", "drums"): "ok",
        ("mixture", "drums"): "ok",
    }
    assert "vocals.wav" in scores(result)["fake", "vocals"]["error"]
    assert result.failures == 1
    assert [row["status"] for row in estimates(result, "fake")] == ["ok", "ok"]
    assert {row["stem"] for row in result.tables["measurements"]} == {"drums"}


@pytest.mark.parametrize("content", [b"this is text", b"", np.full((2, 500), np.nan)])
def test_a_broken_mixture_fails_the_track(song, signal, model, evaluate, content):
    loaded, fake = model("fake")
    track = song(mixture=content, estimates={"tool": {"vocals": signal(50)}})
    result = evaluate(track, loaded, files=None)
    assert statuses(result) == {
        ("mixture", "vocals"): "failed",
        ("mixture", "drums"): "failed",
        ("fake", "vocals"): "failed",
        ("fake", "drums"): "failed",
        ("file:tool", "vocals"): "failed",
    }
    assert fake.calls == 0
    (row,) = result.tables["tracks"]
    assert row["duration_s"] is None and "mixture.wav" in " ".join(row["problems"])
    assert result.tables["measurements"] == []
    assert result.failures >= 1


def test_a_song_without_anything_usable_is_rows_too(song, model, evaluate):
    track = replace(song({"vocals": b"x", "drums": b"y"}, mixture=b"z"), mixture=None)
    result = evaluate(track, model("fake")[0])
    assert set(statuses(result).values()) == {"failed"}
    assert result.failures >= 1


@pytest.mark.parametrize(("length", "how"), [(LENGTH - 500, "500"), (LENGTH + 77, "77")])
def test_finished_estimates_of_another_length_are_fitted_and_noted(
    song, signal, evaluate, length, how
):
    estimate = np.pad(signal(50), ((0, 0), (0, 1000)))[:, :length]
    track = song(estimates={"tool": {"vocals": estimate}})
    result = evaluate(track, files=("tool",))
    row = scores(result)["file:tool", "vocals"]
    assert row["status"] == "ok"
    assert row["snr"] == math.inf if length > LENGTH else 10 < row["snr"] < 25
    (problem,) = result.tables["tracks"][0]["problems"]
    assert "tool/vocals.wav" in problem and how in problem


def test_finished_estimates_that_cannot_be_read_fail_alone(song, signal, evaluate):
    track = song(
        estimates={
            "tool": {"vocals": signal(50), "drums": b"text"},
            "gone": {"vocals": signal(50), "drums": None},
        }
    )
    result = evaluate(track, files=("tool", "gone", "never"))
    found = statuses(result)
    assert found["file:tool", "vocals"] == found["file:gone", "vocals"] == "ok"
    assert found["file:tool", "drums"] == found["file:gone", "drums"] == "failed"
    assert found["file:never", "vocals"] == found["file:never", "drums"] == "failed"
    assert found["mixture", "drums"] == "ok"
    assert result.failures == 3
    assert "estimates/never" in scores(result)["file:never", "vocals"]["error"]
    told = {row["stem"]: row["status"] for row in estimates(result, "file:tool")}
    assert told == {"vocals": "ok", "drums": "failed"}


def test_only_the_finished_estimates_asked_for_are_measured(song, signal, evaluate):
    track = song(estimates={"one": {"vocals": signal(50)}, "two": {"vocals": signal(50)}})

    def measured(files):
        return {model for model, _ in scores(evaluate(track, files=files))} - {"mixture"}

    assert measured(()) == set()
    assert measured(("two",)) == {"file:two"}
    assert measured(None) == {"file:one", "file:two"}


def test_what_is_in_the_store_is_not_made_again(song, model, evaluate, store):
    loaded, fake = model("fake")
    first = evaluate(song(), loaded)
    assert fake.calls == 4  # chunks of 8000 samples every 6000
    second = evaluate(song(), loaded)
    assert fake.calls == 4
    assert first.tables == second.tables
    other_name, other_fake = model("another", identity="identity of fake")
    evaluate(song(), other_name)
    assert other_fake.calls == 0
    changed, changed_fake = model("fake", identity="other settings")
    evaluate(song(), changed)
    assert changed_fake.calls == 4
    evaluate(song(), loaded, place=EstimateStore(store.root.parent / "elsewhere"))
    assert fake.calls == 8


def test_another_mixture_is_separated_anew(song, signal, model, evaluate):
    loaded, fake = model("fake")
    evaluate(song(), loaded)
    evaluate(song(mixture=signal(50) + 1.001 * signal(100)), loaded)
    assert fake.calls == 8


def test_a_cut_file_in_the_store_is_made_again(song, model, evaluate, store):
    loaded, fake = model("fake")
    first = evaluate(song(), loaded)
    path = store.get(estimates(first, "fake")[0]["key"]).path("drums")
    path.write_bytes(path.read_bytes()[:100])
    second = evaluate(song(), loaded)
    assert fake.calls == 8
    assert set(statuses(second).values()) == {"ok"}


def test_a_store_that_cannot_be_written_fails_the_models_only(song, model, evaluate, tmp_path):
    (tmp_path / "file").touch()
    result = evaluate(song(), model("fake")[0], place=EstimateStore(tmp_path / "file"))
    found = statuses(result)
    assert found["fake", "vocals"] == "failed" and found["mixture", "vocals"] == "ok"
    assert "estimate store" in scores(result)["fake", "vocals"]["error"]


def test_a_model_that_uses_the_truth_gets_the_stems_of_the_track(song, signal, model, evaluate):
    def truth(chunks):
        return chunks[:, 2:].unflatten(1, (-1, 2))

    loaded, fake = model("truth", function=truth, uses_references=True)
    track = song(partition=("vocals", "drums", "bass"))  # this song lacks a bass
    rows = scores(evaluate(track, loaded))
    assert {stem for name, stem in rows if name == "truth"} >= {"vocals", "drums"}
    for stem in ("vocals", "drums"):
        assert rows["truth", stem]["snr"] > 100
    calls = fake.calls
    # the same mixture with other references is another input
    other = song({"vocals": signal(100), "drums": signal(50)}, partition=track.partition)
    evaluate(other, loaded)
    assert fake.calls > calls


def test_a_model_that_uses_the_truth_fails_alone_where_it_is_broken(song, signal, model, evaluate):
    truth, _ = model("truth", function=lambda chunks: chunks, uses_references=True)
    mixture = signal(50) + signal(100)
    track = song({"vocals": b"text", "drums": signal(100)}, mixture=mixture)
    found = statuses(evaluate(track, truth, model("fake")[0]))
    assert found["truth", "drums"] == "failed"
    assert found["fake", "drums"] == "ok"


def test_mono_and_other_rates_are_brought_to_one_layout(song, signal, model, evaluate):
    track = song()
    mono = signal(50)[:1, ::2]
    soundfile.write(track.references["vocals"].sources[0].path, mono.T, 22_050, subtype="FLOAT")
    result = evaluate(track, model("fake")[0])
    assert statuses(result)["fake", "vocals"] == "ok"
    assert len(result.tables["tracks"][0]["problems"]) == 2


def test_progress_is_told_stage_by_stage(song, model, evaluate):
    seen = []
    loaded, _ = model("fake")
    evaluate(song(), loaded, notify=lambda *event: seen.append(event))
    assert [(track, stage) for track, stage, _, _ in seen] == [
        ("song", "decode"),
        ("song", "fake"),
        ("song", "measure"),
    ]
    assert all(seconds == 0.5 and work >= 0 for _, _, seconds, work in seen)


def test_a_measuring_engine_that_fails_costs_only_its_columns(song, model, evaluate, monkeypatch):
    def failing(*arguments):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(module, "load_engine", lambda *_: failing)
    result = evaluate(song(), model("fake")[0], metric=MetricSettings(museval=True))
    row = scores(result)["fake", "vocals"]
    assert row["snr"] == pytest.approx(10 * math.log10(2), abs=1e-3)
    assert row.get("museval_sdr") is None
    assert result.failures == 1
    assert "Singular matrix" in " ".join(result.tables["tracks"][0]["problems"])


def test_evaluating_does_not_change_the_audio_it_shares(song, model, evaluate):
    def spoil(chunks):
        out = torch.stack([0.5 * chunks, 0.25 * chunks], dim=1)
        chunks.zero_()
        return out

    rows = scores(evaluate(song(), model("spoiler", function=spoil)[0], model("fake")[0]))
    assert rows["fake", "vocals"]["snr"] == rows["spoiler", "vocals"]["snr"]


def test_an_output_without_estimates_says_why():
    from stemwise.evaluation.outputs import Output
    from stemwise.evaluation.rows import Origin
    from stemwise.measurement.matching import Match

    output = Output(("vocals",), Origin("m"), error="why")
    with pytest.raises(ModelError, match="why"):
        output.read_sum(Match("vocals", ("vocals",), True))


def test_a_source_of_a_container_is_refused_with_a_sentence(song, evaluate):
    track = song()
    track = replace(track, mixture=Source(track.mixture.path, stream=7))
    result = evaluate(track)
    assert "stream 7" in " ".join(result.tables["tracks"][0]["problems"])


def test_further_scores_are_columns_of_every_row_that_has_scores(song, model, evaluate):
    metric = MetricSettings(extra=("l1_freq", "fullness"))
    rows = scores(evaluate(song(), model("fake")[0], metric=metric))
    for row in rows.values():
        asked = [row.get(name) for name in metric.extra]
        if row["status"] in ("ok", "silent_estimate"):
            assert all(0 < value <= 100 for value in asked)
        else:
            assert asked == [None, None]
        assert row.get("bleedless") is None
    # quieter than the truth by the same gain everywhere: nothing bleeds, something is missing
    assert rows["fake", "vocals"]["fullness"] < 100


def test_references_that_make_museval_uncertain_are_a_problem_of_the_track(
    song, model, evaluate, monkeypatch
):
    def engine(name, tell):
        assert name == "torch"
        tell("The references depend on each other.")
        return lambda references, estimates, mixture: {
            stem: {"museval_sdr": 1.0} for stem in references
        }

    monkeypatch.setattr(module, "load_engine", engine)
    result = evaluate(song(), model("fake")[0], metric=MetricSettings(museval=True))
    assert result.tables["tracks"][0]["problems"].count("The references depend on each other.") == 1
    assert result.failures == 0


def test_the_default_engine_scores_whole_seconds(song, model, evaluate):
    """A song below a second is one frame."""
    result = evaluate(song(), model("fake")[0], metric=MetricSettings(museval=True))
    row = scores(result)["fake", "vocals"]
    assert row["museval_sdr"] == pytest.approx(row["snr"], abs=1e-6)
