"""What the page and the terminal say to deploy, from rows of `deployment`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stemwise.report.deployment import more_sentence, set_of
from stemwise.report.ledger_words import blend_sentence
from stemwise.report.page import write_report
from stemwise.report.run_tables import read_run
from stemwise.report.terminal_verdict import show_verdict
from stemwise.report.verdict import NOTHING, UNKNOWN, Verdict, verdict, verdicts
from stemwise.report.verdict_words import headline, scale_note

VOCALS = ("mixture", "mixture", "vocals")
DRUMS = ("mixture", "mixture", "drums")
MODEL = {"kind": "model", "models": ["alpha"], "weights": [1.0], "gain": None}


def said(run, key):
    return verdict(read_run(run.output, run.models), key)


def printed(run):
    out = io.StringIO()
    show_verdict(Console(file=out, width=140), read_run(run.output, run.models))
    return out.getvalue()


def test_a_blend_is_named_with_its_held_out_score_and_its_cost(make_run):
    more = {"best_models": ["alpha", "beta", "scnet"], "best_score": 7.24, "tenth_s": 3.1}
    run = make_run(level2=False, deployment={"vocals": more, "drums": {}})
    found = said(run, VOCALS)
    assert (found.kind, found.models, found.weights) == ("blend", ("alpha", "beta"), (0.62, 0.38))
    assert (found.score, found.low, found.high, found.cost) == (7.0, 6.2, 8.04, 12.3)
    assert found.why == "+0.42 dB over the best model"
    assert found.details[0].startswith(
        "Expect +0.42 dB over the best single model: the held-out gain"
    )
    assert found.details[1] == (
        "Another 0.1 dB would cost 3.1 s per minute of audio (add scnet; +0.24 dB at most)."
    )
    assert len(said(run, DRUMS).details) == 1  # it is the best set
    row = next(line for line in printed(run).splitlines() if line.split()[:1] == ["vocals"])
    for cell in ("0.62 alpha + 0.38 beta", "7.0", "6.2 … 8.0", "12.3", "+0.42 dB over"):
        assert cell in row


def test_a_single_model_stands_where_no_blend_is_established_and_its_ties_are_named(make_run):
    run = make_run(level2=False, deployment={"drums": MODEL})
    found = said(run, DRUMS)
    assert (found.kind, found.models, found.weights) == ("model", ("alpha",), ())
    assert found.why.startswith(("ties with", "clearly the best"))
    assert "brings no reliable gain" in " ".join(found.details)


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("below", "says"),
    [
        ("silence", "worse than silence"),
        ("input", "no better than the unprocessed mixture"),
    ],
)
def test_where_the_best_is_worse_than_nothing_the_stem_is_unusable_everywhere(
    make_run, below, says
):
    nothing = MODEL | {"kind": "nothing", "below": below, "mean_score": -3.21, "snr": 0.36}
    run = make_run(level2=False, deployment={"vocals": nothing, "drums": {}})
    found = said(run, VOCALS)
    assert (found.kind, found.usable, found.why) == ("nothing", False, says)
    recipes = run.output / "recipes"
    recipes.mkdir()
    (recipes / "deployable.yaml").write_text(
        "{name: deployable, stems: {vocals: {alpha: 1}, drums: {beta: 1}},"
        f" provenance: {{unusable: {{vocals: not above {below}}}}}}}"
    )
    page = write_report(run.output, run.models).read_text(encoding="utf-8")
    assert "<b>Unusable</b>" in page
    assert f"Unusable: even the best is {says}." in page  # in the leaderboard
    assert "1 of 3 stems has a model worth deploying" not in page
    report = run.output / "report"
    assert "vocals,alpha (unusable)" in (report / "recipes.csv").read_text(encoding="utf-8")
    row = (report / "deployment.csv").read_text(encoding="utf-8").splitlines()[1]
    assert row.startswith("vocals,unusable: alpha is no better than")
    assert not (report / "figures" / "quality_cost-vocals.svg").exists()
    line = next(line for line in printed(run).splitlines() if line.split()[:1] == ["vocals"])
    assert "unusable" in line and says in line and "alpha" not in line


@pytest.mark.parametrize("gain", [0.0, 0.004, -0.0])
def test_an_established_blend_whose_shrunken_gain_is_nothing_is_no_contradiction(make_run, gain):
    found = said(make_run(level2=False, deployment={"vocals": {"gain": gain}}), VOCALS)
    assert found.why == "no gain to expect over the best model"
    assert "the luckiest of several equally good blends would too" in found.details[0]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"tenth_s": None}, None),
        (
            {"best_score": 7.03, "best_models": ["a"]},
            "(other weights) scores only 0.03 dB more, for +3.0 s",
        ),
        ({"best_score": 7.5, "best_models": ["b", "c"]}, "(add b and c, drop a; +0.50 dB at most)"),
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
    run = make_run(level2=False, deployment={"vocals": unknown})
    assert said(run, VOCALS).cost is None
    row = next(line for line in printed(run).splitlines() if line.split()[:1] == ["vocals"])
    assert row.split()[6:9] == ["7.0", "–", "–"]


def test_weights_are_written_where_there_are_several():
    assert set_of(["a"], [1.0]) == "a"
    assert set_of(["a", "b"], [0.5, -0.25]) == "0.50 a + −0.25 b"


def test_where_one_model_was_chosen_no_blend_is_said_to_gain_nothing():
    chosen = {
        "level": "recipe",
        "gain": 0.0,
        "gain_low": 0.0,
        "gain_high": 0.0,
        "gain_shrunken": None,
    }
    assert blend_sentence([chosen]) == "No further model was worth its cost."


def test_stems_without_any_score_are_not_said_to_lack_a_good_model():
    nothing = [Verdict(VOCALS, UNKNOWN, why="no true stem to score against")]
    assert headline(nothing) == "No stem could be scored and compared: the table says why."
    useless = [*nothing, Verdict(DRUMS, NOTHING, ("alpha",), score=-1.0)]
    assert headline(useless).startswith("No model of this run is worth deploying")


@pytest.mark.parametrize(
    ("sources", "which"),
    [(("estimate", "reference"), "estimate"), (("reference",), "reference")],
)
def test_stems_of_the_true_parent_are_shown_where_nothing_estimates_it(make_run, sources, which):
    made = make_run(sources=sources)
    run = read_run(made.output, made.models)
    found = verdicts(run)
    assert {one.key[1] for one in found if one.key[0] == "drums"} == {which}
    word = {"estimate": "the estimated", "reference": "the true"}[which]
    assert f"Indented stems come from {word} parent" in scale_note(run, found)


@pytest.mark.parametrize(
    ("alone", "shown"), [(2, "guitar+piano+other"), (6, "other"), (10, "other")]
)
def test_a_sum_of_stems_is_shown_where_it_stands_on_more_tracks(make_run, alone, shown):
    def stems_of(number):
        return ("vocals", "other" if number < alone else "guitar+piano+other")

    made = make_run(level2=False, stems_of=stems_of, deployment={"vocals": MODEL})
    found = {one.key[2]: one for one in verdicts(read_run(made.output, made.models))}
    assert set(found) == {"vocals", shown}
    assert found[shown].why.endswith("; not in the recipe") == (shown != "other")
