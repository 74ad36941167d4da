import math

import numpy as np
import pytest

from stemwise.core.errors import ConfigError
from stemwise.measurement.track_stem import measure_stem
from stemwise.selection.confidence import WinConfidence
from stemwise.selection.oracle import (
    ORACLE,
    SelectionSettings,
    add_scores,
    models_by_key,
    oracle_rows,
    rank,
    selections,
)
from stemwise.selection.rules import linear
from stemwise.selection.stem_blocks import over_blocks

from ..tables_of import batches, frame

PAIR = ("snr", "bss_sdr")
SETTINGS = SelectionSettings(draws=100)


def row(model, snr, sdr, *, track="t", stem="vocals", **more):
    return {
        "dataset": "d",
        "track_id": track,
        "genre": "rock",
        "model": model,
        "parent": "mixture",
        "parent_source": "mixture",
        "stem": stem,
        "snr": snr,
        "bss_sdr": sdr,
        "museval_sdr": sdr,
        "gain_db": -0.5,
        "lag_samples": 3,
        "wall_s": 7.0,
        "realtime_factor": 2.0,
        "device": "cpu",
        "status": "ok",
        "error": None,
    } | more


def scored(rows, pair=PAIR, rule="linear"):
    return add_scores(frame("scores", rows), lambda _: pair, rule)


def choose(rows, candidates, *, measurements=(), pair=PAIR, settings=SETTINGS):
    """Return the rows of selections, and those of the oracle."""
    scores = scored(rows, pair, settings.rule)
    ranked = rank(scores, candidates)
    confidence = WinConfidence(models_by_key(ranked), lambda _: pair, settings)
    over_blocks(batches(measurements), [confidence])
    chosen = selections(ranked, confidence.frame(), settings.rule)
    return chosen.to_dicts(), oracle_rows(scores, ranked).to_dicts()


def test_scores_are_added_by_the_rule():
    (found,) = scored([row("a", 5.0, 7.0)]).to_dicts()
    assert (found["paper_snr"], found["paper_sdr"]) == (5.0, 7.0)
    assert found["score"] == pytest.approx(float(linear(5, 7)))
    assert isinstance(found["score"], float)
    (other,) = scored([row("a", 5.0, 7.0)], ("bss_sdr", "snr"), "paper_guarded").to_dicts()
    assert (other["paper_snr"], other["paper_sdr"]) == (7.0, 5.0)
    assert other["score"] == pytest.approx(70 / 12)


@pytest.mark.parametrize("pair", [(None, 5.0), (5.0, None), (None, None)])
def test_null_in_means_null_out(pair):
    (found,) = scored([row("a", *pair)]).to_dicts()
    assert found["score"] is None
    assert (found["paper_snr"], found["paper_sdr"]) == pair


def test_the_pair_may_depend_on_the_stem():
    rows = [row("a", 5.0, 7.0, stem=stem) for stem in ("vocals", "drums")]
    pairs = {"vocals": ("snr", "snr"), "drums": ("bss_sdr", "snr")}
    found = add_scores(frame("scores", rows), pairs.get, "linear").sort("stem")
    assert found.select("paper_snr", "paper_sdr").rows() == [(7.0, 5.0), (5.0, 5.0)]


def test_what_the_rule_leaves_undefined_is_null():
    (found,) = scored([row("a", 0.0, 0.0)], rule="paper_naive").to_dicts()
    assert found["score"] is None


def test_infinite_scores_are_kept():
    found = scored([row("a", math.inf, math.inf), row("b", -math.inf, 3.0)])
    assert found["score"].to_list() == [math.inf, -math.inf]


def test_the_best_score_wins_and_the_second_is_the_runner_up():
    rows = [row("a", 5.0, 5.0), row("c", 9.0, 9.0), row("b", 7.0, 7.0)]
    (chosen,), _ = choose(rows, ["a", "b", "c"])
    assert (chosen["model"], chosen["runner_up"]) == ("c", "b")
    assert chosen["score"] == pytest.approx(9)
    assert chosen["margin"] == pytest.approx(2)
    assert chosen["rule"] == "linear"
    key = ("dataset", "track_id", "parent", "parent_source", "stem")
    assert [chosen[name] for name in key] == ["d", "t", "mixture", "mixture", "vocals"]


def test_each_track_and_stem_has_its_own_winner():
    rows = [
        row("a", 5.0, 5.0),
        row("b", 4.0, 4.0),
        row("a", 1.0, 1.0, stem="drums"),
        row("b", 2.0, 2.0, stem="drums"),
        row("b", 3.0, 3.0, track="u"),
    ]
    chosen, _ = choose(rows, ["a", "b"])
    found = {(item["track_id"], item["stem"]): item["model"] for item in chosen}
    assert found == {("t", "vocals"): "a", ("t", "drums"): "b", ("u", "vocals"): "b"}


def test_a_model_that_is_better_in_both_is_chosen_where_the_naive_rule_fails():
    rows = [row("worse", 4.8, -5.0), row("better", 5.0, -4.9)]
    for rule, winner in (
        ("linear", "better"),
        ("paper_guarded", "better"),
        ("paper_naive", "worse"),
    ):
        (chosen,), _ = choose(rows, ["worse", "better"], settings=SelectionSettings(rule, draws=10))
        assert (chosen["model"], chosen["rule"]) == (winner, rule)


def test_ties_go_to_the_first_candidate():
    rows = [row("a", 5.0, 5.0), row("b", 5.0, 5.0)]
    for candidates in (["a", "b"], ["b", "a"]):
        (chosen,), _ = choose(rows, candidates)
        assert [chosen["model"], chosen["runner_up"]] == candidates
        assert chosen["margin"] == 0.0


def test_two_perfect_models_have_no_margin():
    rows = [row("a", math.inf, math.inf), row("b", math.inf, math.inf)]
    (chosen,), _ = choose(rows, ["b", "a"])
    assert (chosen["model"], chosen["score"], chosen["margin"]) == ("b", math.inf, None)


def test_a_perfect_model_leads_by_infinity():
    (chosen,), _ = choose([row("a", 5.0, 5.0), row("b", math.inf, math.inf)], ["a", "b"])
    assert (chosen["model"], chosen["margin"]) == ("b", math.inf)


def test_null_never_wins():
    rows = [
        row("null", None, 50.0),
        row("failed", None, None, status="failed"),
        row("bad", -40.0, -40.0),
        row("hopeless", -math.inf, 1.0),
    ]
    (chosen,), _ = choose(rows, ["null", "failed", "hopeless", "bad"])
    assert (chosen["model"], chosen["runner_up"]) == ("bad", "hopeless")
    assert choose(rows[:2], ["null", "failed"]) == ([], [])


def test_reference_lines_are_never_chosen():
    rows = [
        row("mixture", 90.0, 90.0),
        row("oracle_irm", 99.0, 99.0),
        row("oracle", 99.0, 99.0),
        row("a", 1.0, 1.0),
    ]
    (chosen,), (oracle,) = choose(rows, ["a"])
    assert (chosen["model"], chosen["runner_up"], chosen["margin"]) == ("a", None, None)
    assert oracle["score"] == pytest.approx(1.0)


def test_the_oracles_row_has_the_winners_numbers_but_no_cost_of_its_own():
    rows = [row("a", 5.0, 6.0), row("b", 7.0, 8.0)]
    _, (oracle,) = choose(rows, ["a", "b"])
    rows = scored(rows).to_dicts()
    no_cost = {"wall_s": None, "realtime_factor": None, "device": None}
    assert oracle == rows[1] | {"model": ORACLE} | no_cost


def measured_track(errors, *, block_s=0.05, seconds=1.0, seed=0):
    """Return rows of scores and measurements of models with the given errors."""
    rng = np.random.default_rng(seed)
    size = (2, int(seconds * 44_100))
    x = rng.standard_normal(size).astype(np.float32) / 10
    signals = {"mixture": x + rng.standard_normal(size).astype(np.float32) / 10}
    for name, level in errors.items():
        signals[name] = x + np.float32(level) * rng.standard_normal(size).astype(np.float32) / 10
    found = measure_stem(x, signals, block_s=block_s)
    rows = [row(name, found.snr(name), found.bss_sdr(name)) for name in signals]
    key = {"dataset": "d", "track_id": "t", "stem": "vocals"}
    key |= {"parent": "mixture", "parent_source": "mixture"}
    blocks = [
        key
        | {
            "block": index,
            "length_s": float(found.lengths[index]),
            "signals": list(found.signals),
            "gram": found.gram[index].tolist(),
            "bss_projection": found.projection[index].tolist(),
            "bss_remainder": found.remainder[index].tolist(),
        }
        for index in range(len(found.gram))
    ]
    return rows, blocks


def test_confidence_comes_from_the_blocks_of_the_same_stem():
    rows, blocks = measured_track({"a": 0.5, "b": 0.2, "c": 0.9})
    (chosen,), _ = choose(rows, ["a", "b", "c"], measurements=blocks)
    assert (chosen["model"], chosen["runner_up"]) == ("b", "a")
    assert chosen["win_probability"] == 1.0
    assert chosen["margin_low"] < chosen["margin"] < chosen["margin_high"]
    assert chosen["margin"] == pytest.approx(8, abs=1)
    other = [block | {"stem": "drums"} for block in blocks]
    (chosen,), _ = choose(rows, ["a", "b", "c"], measurements=other)
    assert chosen["win_probability"] is chosen["margin_low"] is chosen["margin_high"] is None


def test_confidence_does_not_depend_on_the_order_of_blocks_or_rows():
    # 20 blocks of 50 ms to 10 of 100 ms: a group is made of neighbours in time
    settings = SelectionSettings(draws=200, bootstrap_block_s=0.1)
    rows, blocks = measured_track({"a": 0.5, "b": 0.5})
    expected = choose(rows, ["a", "b"], measurements=blocks, settings=settings)[0]
    shuffled = [blocks[i] for i in np.random.default_rng(1).permutation(len(blocks))]
    again = choose(rows[::-1], ["a", "b"], measurements=shuffled, settings=settings)[0]
    assert again == expected
    assert 0 < expected[0]["win_probability"] < 1


def test_the_seed_is_a_setting():
    rows, blocks = measured_track({"a": 0.5, "b": 0.5})
    first, same, other = (
        choose(
            rows, ["a", "b"], measurements=blocks, settings=SelectionSettings(draws=50, seed=seed)
        )
        for seed in (1, 1, 2)
    )
    assert first == same
    assert first[0][0]["margin_low"] != other[0][0]["margin_low"]


def test_a_single_candidate_is_certain():
    rows, blocks = measured_track({"a": 0.5})
    (chosen,), _ = choose(rows, ["a"], measurements=blocks)
    assert (chosen["win_probability"], chosen["margin"]) == (1.0, None)


def test_a_single_block_says_nothing_about_others():
    rows, blocks = measured_track({"a": 0.5, "b": 0.2}, block_s=1.0)
    assert len(blocks) == 1
    (chosen,), _ = choose(rows, ["a", "b"], measurements=blocks)
    assert chosen["margin"] > 0
    assert chosen["win_probability"] is chosen["margin_low"] is chosen["margin_high"] is None


def test_museval_has_no_energies_so_no_probability():
    rows, blocks = measured_track({"a": 0.5, "b": 0.2})
    pair = ("snr", "museval_sdr")
    (chosen,), _ = choose(rows, ["a", "b"], measurements=blocks, pair=pair)
    assert chosen["model"] == "b"
    assert chosen["margin"] > 0
    assert chosen["win_probability"] is chosen["margin_low"] is chosen["margin_high"] is None


@pytest.mark.parametrize(
    "wrong",
    [{"rule": "mean"}, {"draws": 0}, {"bootstrap_block_s": 0.0}, {"seed": -1}],
)
def test_unusable_settings_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SelectionSettings(**wrong)
