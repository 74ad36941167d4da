"""What a model is trained on: sums that are exact, the same at every start, never of evaluation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stemwise.core.errors import ConfigError, OutputError
from stemwise.training.estimates import with_estimates
from stemwise.training.examples import Augmentation, Examples, Task, leaves_of
from stemwise.training.songs import LEAVES, TRAINING_SEED, VALIDATION_SEED, SongBank, open_bank

PLAIN = Augmentation(remix=0.0, gain_db=0.0, bleed=0.0)
SCALE = 16_384


@pytest.fixture
def bank():
    """Two songs of one second; leaf number n of the first song is the constant (n + 1)/64."""
    level = np.arange(1, len(LEAVES) + 1, dtype=np.int16)[:, None, None] * (SCALE // 64)
    first = np.broadcast_to(level, (len(LEAVES), 2, 44_100))
    return SongBank([first, first * 0])


def constants(target):
    """Return the level of each target `(targets, 2, samples)` of constant sounds."""
    assert np.ptp(target, axis=(1, 2)).max() == 0
    return target[:, 0, 0]


def draws(bank, task, augmentation=PLAIN, count=8):
    examples = Examples(bank, task, 0.25, augmentation)
    return [examples.draw(np.random.default_rng(number)) for number in range(count)]


def level(*stems):
    return sum((LEAVES.index(leaf) + 1) / 64 for stem in stems for leaf in leaves_of(stem))


def test_all_targets_of_a_full_split_add_up_to_the_mixture(bank):
    task = Task("mixture", ("drums", "bass", "other", "vocals", "guitar", "piano"))
    for heard, targets in draws(bank, task, Augmentation()):
        np.testing.assert_allclose(targets.sum(axis=0), heard, atol=1e-5)


def test_other_is_all_that_no_target_names(bank):
    task = Task("mixture", ("drums", "bass", "other", "vocals"))
    expected = [level("drums"), level("bass"), level("guitar", "piano", "other"), level("vocals")]
    seen = [constants(targets) for _, targets in draws(bank, task)]
    assert all(np.allclose(s, expected) or np.allclose(s, 0) for s in seen)
    assert any(np.allclose(s, expected) for s in seen)


def test_a_model_of_one_stem_hears_the_whole_mixture(bank):
    heard, targets = next(d for d in draws(bank, Task("mixture", ("vocals",))) if d[0].any())
    assert constants(targets) == pytest.approx(level("vocals"))
    whole = level("vocals", "drums", "bass", "guitar", "piano", "other")
    assert heard[0, 0] == pytest.approx(whole)


def test_at_level_two_the_parent_is_heard_and_bleed_is_no_target(bank):
    task = Task("drums", ("kick", "snare", "cymbals", "toms"))
    heard, targets = next(d for d in draws(bank, task) if d[0].any())
    np.testing.assert_allclose(targets.sum(axis=0), heard, atol=1e-6)
    bleeding = Augmentation(remix=0.0, gain_db=0.0, bleed=1.0)
    heard, targets = next(d for d in draws(bank, task, bleeding) if d[0].any())
    surplus = (heard - targets.sum(axis=0))[0, 0] / level(
        "vocals", "bass", "guitar", "piano", "other"
    )
    assert -40 < 20 * np.log10(surplus) < -15


def test_an_example_belongs_to_its_seed_step_and_number_only(bank):
    task = Task("mixture", ("vocals",))
    one, again = (Examples(bank, task, 0.25, Augmentation(), seed=3) for _ in range(2))
    one.batch(0, 2)  # what was drawn before must not matter
    for first, second in zip(one.batch(7, 3), again.batch(7, 3), strict=True):
        assert first.equal(second)
    other = Examples(bank, task, 0.25, Augmentation(), seed=4)
    assert not other.batch(7, 3)[0].equal(one.batch(7, 3)[0])


def test_remixing_prefers_parts_that_play(bank):
    """Half of the songs rest; with remixing far fewer parts do."""
    task = Task("drums", ("kick", "snare", "cymbals", "toms"))
    remixed = Augmentation(remix=1.0, gain_db=0.0, bleed=0.0)
    targets = np.concatenate([targets for _, targets in draws(bank, task, remixed, 40)])
    assert 0.85 < np.mean(targets.any(axis=(1, 2))) < 1


@pytest.fixture
def fills():
    """A song whose leaves play, and four in which the toms rest but for the last tenth of a second."""
    level = np.full((len(LEAVES), 2, 44_100), SCALE // 64, np.int16)
    resting = level.copy()
    resting[LEAVES.index("toms"), :, :39_690] = 0
    return SongBank([level, resting, resting, resting, resting])


@pytest.mark.parametrize("remix", [0.0, 1.0])
def test_in_active_examples_every_part_plays(fills, remix):
    task = Task("drums", ("kick", "snare", "cymbals", "toms"))
    found = []
    for active in (0.0, 1.0):
        drawn = draws(fills, task, Augmentation(remix, 0.0, 0.0, active), 20)
        found.append(np.mean([targets.any(axis=(1, 2)) for _, targets in drawn]))
    assert found[0] < found[1] == 1


def test_balanced_parts_play_at_one_level_and_silence_stays(fills):
    task = Task("drums", ("kick", "snare", "cymbals", "toms"))
    balanced = Augmentation(remix=0.0, gain_db=0.0, bleed=0.0, balance=1.0)
    drawn = np.concatenate([targets for _, targets in draws(fills, task, balanced, 20)])
    levels = np.sqrt(np.mean(drawn**2, axis=(1, 2)))
    playing = levels > 5e-3
    assert levels[playing] == pytest.approx(0.1, rel=1e-5) and not playing.all()


def test_an_estimated_parent_is_heard_with_the_true_parts_of_its_song(bank):
    task = Task("vocals", ("lead_vocals", "backing_vocals"))
    estimates = [np.full((2, 44_100), SCALE // 4, np.int16), np.zeros((2, 44_100), np.int16)]
    estimated = replace(bank, estimates=estimates)
    plain = Augmentation(remix=1.0, gain_db=0.0, bleed=1.0, estimated=1.0)
    heard, targets = next(d for d in draws(estimated, task, plain) if d[0].any())
    assert (heard == 0.25).all()
    np.testing.assert_allclose(constants(targets), [level("lead_vocals"), level("backing_vocals")])
    varied = replace(plain, gain_db=6.0)
    for heard, targets in draws(estimated, task, varied):
        if heard.any():
            gain = heard[0, 0] / 0.25
            assert 0.5 < abs(gain) < 2
            assert constants(targets)[0] == pytest.approx(gain * level("lead_vocals"))


def test_estimates_are_made_once_from_the_mixture(bank, tmp_path):
    named = replace(bank, names=("one.npy", "two.npy"))
    made = with_estimates(named, tmp_path, lambda mixture: mixture / 2)
    everything = sum(range(1, len(LEAVES) + 1)) / 64
    np.testing.assert_allclose(made.read_estimate(0, 100, 50), everything / 2)
    again = with_estimates(named, tmp_path, lambda mixture: 1 / 0)
    assert not again.read_estimate(1, 0, 44_100).any()


@pytest.mark.parametrize(
    ("parent", "targets"), [("mixture", ("kick",)), ("drums", ("vocals",)), ("bass", ("low",))]
)
def test_what_cannot_be_learned_is_refused(parent, targets):
    with pytest.raises(ConfigError, match=parent):
        Task(parent, targets)


def test_songs_are_rendered_once_and_add_up(tmp_path):
    bank = open_bank(tmp_path, TRAINING_SEED, 2, 1.0)
    assert len(bank) == 2 and bank.length(0) == 44_100
    mixture = sum(bank.read(0, leaf, 0, 44_100) for leaf in LEAVES)
    assert np.abs(mixture).max() == pytest.approx(0.9, abs=1e-3)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    open_bank(tmp_path, TRAINING_SEED, 2, 1.0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == stamps
    assert len(stamps) == 2


def test_seeds_of_evaluation_are_never_trained_on(tmp_path):
    assert VALIDATION_SEED > TRAINING_SEED
    for first, count in ((1, 1), (TRAINING_SEED - 1, 1), (TRAINING_SEED, 0)):
        with pytest.raises(ConfigError, match="not usable"):
            open_bank(tmp_path, first, count, 1.0)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        open_bank(tmp_path / "file", TRAINING_SEED, 1, 1.0)
