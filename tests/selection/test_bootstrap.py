import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.selection.bootstrap import draw_blocks, stable_seed, win_confidence
from stemwise.selection.regrouping import edges
from stemwise.selection.rules import linear, paper_naive


def energies(decibel):
    """Return energies `(models, blocks)` with the given ratio in each block and unit targets."""
    decibel = np.atleast_2d(np.asarray(decibel, dtype=float))
    return np.ones_like(decibel), 10 ** (-decibel / 10)


def confidence(decibel, *, second=None, winner=0, runner_up=1, draws=500, seed=0):
    first = energies(decibel)
    other = first if second is None else energies(second)
    return bootstrap(first, other, winner, runner_up, draws, seed)


def bootstrap(first, second, winner, runner_up, draws, seed, rule=linear):
    """Return the confidence of one stem, from energies `(models, blocks)` in any order of models."""
    order = [winner, runner_up, *({*range(len(first[0]))} - {winner, runner_up})]
    ranked = [tuple(part[order].T[None] for part in score) for score in (first, second)]
    drawn = draw_blocks(len(first[0][0]), draws, seed)
    (found,) = win_confidence(*ranked, rule, drawn)
    return found


def test_a_large_margin_wins_every_draw(seed=0):
    rng = np.random.default_rng(seed)
    found = confidence([10 + rng.standard_normal(30), 5 + rng.standard_normal(30)])
    assert found.win_probability == 1.0
    assert 3 < found.margin_low < found.margin_high < 7
    reverse = confidence([10 + rng.standard_normal(30), 5 + rng.standard_normal(30)], winner=1)
    assert reverse.win_probability == 0.0


def test_two_equal_models_win_as_often_as_they_lose():
    """On fresh data the model at a fixed place has P(win) 0.5 on average, and no bias of the margin.

    (The better one of the two, chosen afterwards, has more: 0.75. That is the winner's curse.)
    """
    rng = np.random.default_rng(0)
    fixed, chosen, inside = [], [], 0
    for seed in range(150):
        blocks = rng.standard_normal((2, 40))
        total = -np.log10((10 ** (-blocks / 10)).sum(axis=1))
        found = confidence(blocks, draws=100, seed=seed)
        fixed.append(found.win_probability)
        inside += found.margin_low < 0 < found.margin_high
        best = int(np.argmax(total))
        chosen.append(
            confidence(
                blocks, winner=best, runner_up=1 - best, draws=100, seed=seed
            ).win_probability
        )
    assert np.mean(fixed) == pytest.approx(0.5, abs=0.08)
    assert np.mean(chosen) == pytest.approx(0.75, abs=0.08)
    assert 0.85 < inside / 150 <= 1.0  # nominally 95 %


def test_blocks_are_drawn_for_all_models_alike():
    """A model that is 0.1 dB better everywhere wins for sure, however much the song varies."""
    song = 30 * np.random.default_rng(0).standard_normal(20)
    found = confidence([song + 0.1, song])
    assert found.win_probability == 1.0
    assert found.margin_low == pytest.approx(0.1)
    assert found.margin_high == pytest.approx(0.1)


def test_energies_are_summed_not_decibels():
    """One loud failure outweighs many good blocks in the ratio of sums."""
    target, residual = np.ones((2, 20)), np.full((2, 20), 0.01)
    target[:, 0] = 1000.0
    residual[0, 0], residual[1, 0] = 900.0, 10.0
    residual[1, 1:] = 0.05  # better on average in dB: model 0
    both = target, residual
    found = bootstrap(both, both, 1, 0, 2000, 0)
    # model 1 wins wherever the loud block is drawn: 1 − (19/20)²⁰ = 0.64
    assert found.win_probability == pytest.approx(1 - 0.95**20, abs=0.05)


def test_a_block_that_is_drawn_twice_counts_twice():
    """Model 0 is worse by 4.5 in one block of ten and better by 1 in the others."""
    residual = np.ones((2, 10))
    residual[0, 0], residual[1, 1:] = 5.5, 2.0
    both = np.ones((2, 10)), residual
    found = bootstrap(both, both, 0, 1, 4000, 0)
    # it wins where the bad block is drawn at most once of ten times
    assert found.win_probability == pytest.approx(0.9**10 + 10 * 0.1 * 0.9**9, abs=0.03)


def test_both_scores_count():
    """Model 0 leads in the first score, but its second one is a failure."""
    found = confidence(
        [[9.0] * 10, [8.0] * 10], second=[[-5.0] * 10, [8.0] * 10], winner=1, runner_up=0
    )
    assert found.win_probability == 1.0
    assert found.margin_low == pytest.approx(8 - float(linear(9.0, -5.0)))


def test_a_third_model_can_take_draws():
    rng = np.random.default_rng(1)
    blocks = rng.standard_normal((3, 30))
    duel, field = confidence(blocks[:2]), confidence(blocks)
    assert field.win_probability < duel.win_probability


def test_same_seed_same_numbers():
    blocks = np.random.default_rng(0).standard_normal((2, 30))
    assert confidence(blocks, seed=7) == confidence(blocks, seed=7)
    assert confidence(blocks, seed=7) != confidence(blocks, seed=8)


def test_a_perfect_winner_wins_and_has_no_finite_margin():
    target = np.ones((2, 10))
    both = target, np.stack([np.zeros(10), np.ones(10)])
    found = bootstrap(both, both, 0, 1, 50, 0)
    assert (found.win_probability, found.margin_low, found.margin_high) == (1.0, None, None)


def test_draws_without_any_energy_are_no_win_of_a_worse_model():
    """Silent blocks are undefined in all models: they decide nothing and warn of nothing."""
    target, residual = np.zeros((2, 8)), np.zeros((2, 8))
    target[:, 0], residual[0, 0], residual[1, 0] = 1.0, 0.1, 0.2
    both = target, residual
    found = bootstrap(both, both, 0, 1, 200, 0)
    assert found.win_probability == 1.0
    assert found.margin_low == pytest.approx(10 * np.log10(2))


def test_an_undefined_score_wins_no_draw():
    both = energies([[0.0] * 9, [1.0] * 9])  # the naive rule is 0/0 for the first model
    found = bootstrap(both, both, 1, 0, 50, 0, paper_naive)
    assert (found.win_probability, found.margin_low) == (1.0, None)


def regroup(values, seconds, block_s):
    """Sum the measured blocks `(..., blocks)` of one stem."""
    starts, _ = edges(np.array([values.shape[-1]]), np.array([seconds]), block_s)
    return np.add.reduceat(values, starts, axis=-1)


@given(st.integers(1, 700), st.floats(0.05, 12), st.floats(0.05, 60))
def test_regrouping_keeps_every_sum(count, seconds, block_s):
    values = np.random.default_rng(count).random((2, 3, count))
    groups = regroup(values, seconds, block_s)
    np.testing.assert_allclose(groups.sum(axis=-1), values.sum(axis=-1))
    assert groups.shape[:-1] == (2, 3)
    assert min(count, 8) <= groups.shape[-1] <= count


@pytest.mark.parametrize(
    ("count", "seconds", "sizes"),
    [
        (100, 1.0, [10] * 10),
        (105, 1.0, [10] * 9 + [15]),  # the remainder joins the last
        (200, 0.5, [20] * 10),
        (40, 1.0, [5] * 8),  # a short song: at least 8 blocks
        (12, 1.0, [1] * 12),
        (3, 1.0, [1] * 3),
        (1, 0.3, [1]),
        (20, 30.0, [1] * 20),  # measured blocks are never cut
    ],
)
def test_bootstrap_blocks_of_about_ten_seconds(count, seconds, sizes):
    assert regroup(np.ones((1, count)), seconds, 10.0)[0].tolist() == sizes


@given(st.lists(st.tuples(st.integers(1, 90), st.floats(0.1, 9)), min_size=1, max_size=6))
def test_stems_that_lie_one_after_another_are_regrouped_as_each_is_alone(stems):
    counts, seconds = (np.array(own) for own in zip(*stems, strict=True))
    starts, made = edges(counts, seconds, 10.0)
    values = np.random.default_rng(0).random(counts.sum())
    alone = [
        regroup(own, length, 10.0)
        for own, length in zip(np.split(values, np.cumsum(counts)[:-1]), seconds, strict=True)
    ]
    assert [len(own) for own in alone] == made.tolist()
    np.testing.assert_allclose(np.add.reduceat(values, starts), np.concatenate(alone))


def test_regrouping_keeps_the_order_of_time():
    assert regroup(np.arange(160.0)[None], 1.0, 20.0)[0, 0] == sum(range(20))


def test_a_tracks_seed_is_the_same_on_every_machine():
    assert stable_seed(0, ["moisesdb", "song"]) == 919420031
    assert stable_seed(5, ["moisesdb", "song"]) == 919420031 ^ 5
    assert stable_seed(0, ["moises", "dbsong"]) != stable_seed(0, ["moisesd", "bsong"])
