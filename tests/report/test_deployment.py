"""What the page and the terminal say to deploy, from rows of `deployment`."""

from __future__ import annotations

import pytest

from stemwise.report.decision import deployments
from stemwise.report.deployment import more_sentence, set_of
from stemwise.report.page import write_report
from stemwise.report.run_tables import read_run
from stemwise.report.verdict import blend_sentence, verdict
from stemwise.storage import tables

VOCALS = ("mixture", "mixture", "vocals")
DRUMS = ("mixture", "mixture", "drums")
OTHER = ("mixture", "mixture", "other")
MODEL = {"kind": "model", "models": ["alpha"], "weights": [1.0], "gain": None}


def said(run, key):
    return verdict(read_run(run.output, run.models), key)


def test_a_blend_is_named_with_its_held_out_score_and_its_cost(make_run):
    more = {"best_models": ["alpha", "beta", "scnet"], "best_score": 7.24, "tenth_s": 3.1}
    run = make_run(level2=False, deployment={"vocals": more, "drums": {}})
    found = said(run, VOCALS)
    assert found.sentence == (
        "vocals: deploy 0.62 alpha + 0.38 beta (7.0 dB, 95 % 6.2 … 8.0; SNR 7.5 dB)."
    )
    assert (found.kind, found.models, found.weights) == ("blend", ("alpha", "beta"), (0.62, 0.38))
    assert found.cost == (
        "12.3 s of work per minute of audio. "
        "+0.1 dB more would cost 3.1 s per minute of audio (add scnet; up to +0.24 dB)."
    )
    assert found.blend.startswith("Expect +0.42 dB over the best single model")
    assert said(run, DRUMS).cost == "12.3 s of work per minute of audio."  # it is the best set


def test_a_single_model_stands_where_no_blend_is_established_and_its_ties_are_named(make_run):
    run = make_run(level2=False, deployment={"drums": MODEL})
    found = said(run, DRUMS)
    assert found.sentence.startswith("drums: deploy alpha (7.0 dB, 95 % 6.2 … 8.0; SNR 7.5 dB)")
    assert "told apart" in found.sentence
    assert "No blend gained with certainty" in found.blend


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("below", "says", "ends"),
    [
        ("silence", "silence", "and silence has 0 dB."),
        ("input", "the unprocessed mixture", "with no better SNR than the unprocessed mixture."),
    ],
)
def test_where_the_best_is_worse_than_nothing_nothing_is_deployed(make_run, below, says, ends):
    nothing = MODEL | {"kind": "nothing", "below": below, "mean_score": -3.21, "snr": 0.36}
    run = make_run(level2=False, deployment={"vocals": nothing})
    found = said(run, VOCALS)
    assert (found.kind, found.models) == ("nothing", ())
    assert found.sentence.startswith(
        "vocals: nothing usable; the best found, alpha, scores −3.2 dB (SNR 0.4 dB) on held-out tracks, "
    )
    assert found.sentence.endswith(
        {
            "silence": "and silence has 0 dB.",
            "input": "with no better SNR than the unprocessed mixture.",
        }[below]
    )
    page = write_report(run.output, run.models).read_text(encoding="utf-8")
    assert "Nothing usable" in page
    (row,) = deployments(tables.read(run.output / "tables", "deployment")).rows
    assert row[:2] == ("vocals", f"nothing beats {says}")


@pytest.mark.parametrize("gain", [0.0, 0.004, -0.0])
def test_an_established_blend_whose_shrunken_gain_is_nothing_is_no_contradiction(make_run, gain):
    found = said(make_run(level2=False, deployment={"vocals": {"gain": gain}}), VOCALS)
    assert "by no more than picking the luckiest" in found.blend
    assert "0.00" not in found.blend


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"tenth_s": None}, None),
        (
            {"best_score": 7.03, "best_models": ["a"]},
            "(other weights) has only 0.03 dB more, for +3.0 s",
        ),
        ({"best_score": 7.5, "best_models": ["b", "c"]}, "(add b and c, drop a; up to +0.50 dB)"),
        ({"best_score": 7.1, "best_models": ["a", "b"]}, "(add b)"),
        ({"best_score": None}, None),
        ({"best_score": 6.9}, None),
    ],
)
def test_what_the_last_tenth_costs(row, says):
    given = {"models": ["a"], "mean_score": 7.0, "best_score": 7.4, "best_models": ["a", "b"]}
    given |= {"seconds_per_minute": 2.0, "best_seconds_per_minute": 5.0, "tenth_s": 3.0}
    text = more_sentence(given | row)
    assert (text is None) if says is None else says in str(text)


def test_costs_that_are_unknown_are_not_invented(make_run):
    unknown = {"seconds_per_minute": None, "snr": None, "low": None, "high": None}
    found = said(make_run(level2=False, deployment={"vocals": unknown}), VOCALS)
    assert found.cost == ""
    assert "(7.0 dB, no interval)" in found.sentence


def test_weights_are_written_where_there_are_several():
    assert set_of({"models": ["a"], "weights": [1.0]}) == "a"
    assert set_of({"models": ["a", "b"], "weights": [0.5, -0.25]}) == "0.50 a + −0.25 b"


@pytest.mark.usefixtures("unrendered")
def test_the_table_is_a_file_and_stands_in_the_terminal(make_run):
    run = make_run(level2=False, deployment={"vocals": {}, "drums": MODEL})
    write_report(run.output, run.models)
    file = (run.output / "report" / "deployment.csv").read_text(encoding="utf-8")
    assert "0.62 alpha + 0.38 beta" in file
    shown = deployments(tables.read(run.output / "tables", "deployment"))
    assert [row[0] for row in shown.rows] == ["vocals", "drums"]


def test_where_one_model_was_chosen_no_blend_is_said_to_gain_nothing():
    chosen = {
        "level": "recipe",
        "gain": 0.0,
        "gain_low": 0.0,
        "gain_high": 0.0,
        "gain_shrunken": None,
    }
    assert (
        blend_sentence([chosen]) == "Another model was never worth its cost: use the single model."
    )
