"""BSS Eval v4 against museval itself, in frames of 0.1 s (a filter's length more than needed)."""

import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemwise.core.errors import AudioError, ConfigError
from stemwise.measurement.bsseval.bss_eval import ILL_CONDITIONED, TAPS, BssEval
from stemwise.measurement.bsseval.museval_engine import load_metrics
from stemwise.measurement.bsseval.scores import RATIOS

from ...conftest import THOROUGH

WINDOW = 4410
FRAMES = 4


def stems(count=2, samples=FRAMES * WINDOW, *, seed=0, channels=2):
    """Return references and estimates: other stems leak in, a filter, noise, float32."""
    rng = np.random.default_rng(seed)
    shape = (channels, samples)
    true = {f"s{k}": 0.1 * rng.standard_normal(shape) for k in range(count)}
    true = {k: signal.lfilter([1], [1, -0.5], x).astype(np.float32) for k, x in true.items()}
    found = {}
    for index, (stem, x) in enumerate(true.items()):
        leak = sum(true.values()) - x
        late = signal.lfilter([0.9, 0, 0.1 * index], 1, x)
        y = late + 0.2 * leak + 0.02 * rng.standard_normal(shape)
        found[stem] = y.astype(np.float32)
    return true, found


def museval(true, found, window=WINDOW):
    """Return museval's ratios `(4, stems, frames)`."""
    ordered = [
        np.stack([signals[k].T.astype(np.float64) for k in true]) for signals in (true, found)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.stack(load_metrics().bss_eval(*ordered, window=window, hop=window)[:4])


def ours(true, found, window=WINDOW):
    return table(BssEval(true, window)(found), true)


def table(scores, order):
    """Return ratios `(4, stems, frames)`."""
    return np.stack([[getattr(scores[stem], ratio) for stem in order] for ratio in RATIOS])


def compare(true, found, window=WINDOW):
    """Assert equality with museval to 1e-6 dB with its NaN pattern; return the ratios."""
    expected, values = museval(true, found, window), ours(true, found, window)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)
    return values


@pytest.mark.parametrize(("count", "channels"), [(2, 1), (3, 2), (4, 1)])
def test_it_equals_museval(count, channels):
    values = compare(*stems(count, seed=count, channels=channels))
    assert values.shape == (4, count, FRAMES)
    assert np.isfinite(values).all()
    assert np.ptp(values) > 8  # the four ratios are four different things


def test_stereo_stems_in_whole_seconds():
    """museval's time grows with the cube of channels, so four stems are for the thorough."""
    count = 4 if THOROUGH else 2
    true, found = stems(count, 2 * 44_100 + 20_000)
    expected, values = museval(true, found, 44_100), table(BssEval(true)(found), true)
    assert values.shape == (4, count, 2)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)


def test_a_partial_last_frame_has_no_score_but_shapes_the_filters():
    whole, longer = stems(), stems(samples=FRAMES * WINDOW + 1300)
    for signals in longer:  # the same frames, and then something else
        for stem, x in signals.items():
            x[:, : FRAMES * WINDOW] = whole[signals is longer[1]][stem]
    longer[1]["s0"][:, FRAMES * WINDOW :] *= -3
    values = compare(*longer)
    assert values.shape == (4, 2, FRAMES)
    assert np.abs(values[1] - ours(*whole)[1]).max() > 1e-3
    np.testing.assert_allclose(values[0], ours(*whole)[0], atol=1e-9)


@pytest.mark.parametrize(
    ("samples", "channels"), [(WINDOW - 1, 1), (WINDOW, 2), (2 * WINDOW - 1, 1)]
)
def test_a_track_of_one_frame(samples, channels):
    assert compare(*stems(samples=samples, channels=channels)).shape == (4, 2, 1)


@pytest.mark.parametrize(
    ("samples", "channels"), [(1, 1), (2, 1), (300, 2), (TAPS - 1, 1), (TAPS + 1, 2)]
)
def test_a_track_shorter_than_the_filters(samples, channels):
    """The equations are singular there, so only the plain ratio is sure to agree."""
    true, found = stems(samples=samples, channels=channels)
    values, expected = ours(true, found), museval(true, found)
    np.testing.assert_allclose(values[0], expected[0], atol=1e-9)
    assert BssEval(true, WINDOW).problem


@pytest.mark.parametrize("which", ["reference", "estimate"])
@pytest.mark.parametrize("how", ["zeros", "antiphase"])
def test_a_silent_frame_of_one_stem_is_undefined_for_all(which, how):
    true, found = stems()
    signals, quiet = {"reference": true, "estimate": found}[which], slice(WINDOW, 2 * WINDOW)
    first = signals["s1"][0, quiet]
    signals["s1"][:, quiet] = 0 if how == "zeros" else np.stack([first, -first])
    values = compare(true, found)
    assert np.isnan(values).any(axis=(0, 1)).tolist() == [False, True, False, False]
    assert np.isnan(values[:, :, 1]).all()


@pytest.mark.parametrize("which", ["reference", "estimate"])
@pytest.mark.parametrize("how", ["zeros", "antiphase"])
def test_a_stem_silent_throughout_leaves_nothing_defined(which, how):
    """museval refuses it."""
    true, found = stems()
    signals = {"reference": true, "estimate": found}[which]
    first = signals["s1"][0].copy()
    signals["s1"] = 0 * signals["s1"] if how == "zeros" else np.stack([first, -first])
    values = ours(true, found)
    assert values.shape == (4, 2, FRAMES)
    assert np.isnan(values).all()


def test_a_perfect_estimate_is_infinite_where_museval_prints_rounding():
    true, found = stems()
    found["s0"] = true["s0"].copy()
    values, expected = ours(true, found), museval(true, found)
    assert np.isposinf(values[:, 0]).all()
    assert np.isposinf(expected[0, 0]).all()
    assert (expected[1:, 0] > 250).all()
    np.testing.assert_allclose(values[:, 1], expected[:, 1], atol=1e-6)


def test_ratios_far_beyond_what_energies_resolve():
    """Estimates in the references' span up to a rounding to float32: SAR is near 150 dB."""
    true, _ = stems()
    found = {k: (0.9 * x + 0.1 * true["s0"]).astype(np.float32) for k, x in true.items()}
    values = compare(true, found)
    assert values[3].min() > 130


@pytest.mark.parametrize("case", ["doubled", "one side", "shared", "half"])
def test_mono_and_one_sided_stems(case):
    """Channels that are equal, silent or proportional make museval's matrix singular."""
    true, found = stems()
    x = true["s0"]
    if case == "shared":
        x[1] = true["s1"][0]
    else:
        x[1] = {"doubled": 1, "one side": 0, "half": 0.5}[case] * x[0]
    compare(true, found)
    assert (BssEval(true, WINDOW).problem is None) == (case != "half")


def test_reference_levels_far_apart_are_no_bad_condition():
    true, found = stems()
    quiet = np.float32(1e-3)
    true["s1"], found["s1"] = quiet * true["s1"], quiet * found["s1"]
    found["s0"] = (true["s0"] + quiet * found["s0"]).astype(np.float32)
    compare(true, found)
    system = BssEval(true, WINDOW)
    assert system.condition < 1e4
    assert system.problem is None


def test_band_limited_references_are_said_to_be_ill_conditioned():
    true, found = stems()
    sos = signal.butter(8, 2000, fs=44_100, output="sos")
    true = {stem: signal.sosfilt(sos, x) for stem, x in true.items()}
    system = BssEval(true, WINDOW)
    assert system.condition > ILL_CONDITIONED
    assert "s0, s1" in system.problem
    assert "ISR, SIR and SAR" in system.problem
    # the ratio without filters is as sure as ever, and the others are numbers
    values = table(system(found), true)
    np.testing.assert_allclose(values[0], museval(true, found)[0], atol=1e-9)
    assert np.isfinite(values).all()


def test_the_condition_is_that_of_the_normal_equations():
    samples = 2000
    true, _ = stems(1, samples, channels=1)
    x = true["s0"][0].astype(np.float64)
    delayed = np.stack([np.pad(x, (k, TAPS - 1 - k)) for k in range(TAPS)])
    exact = np.linalg.cond(delayed @ delayed.T)
    assert exact / 3 < BssEval(true, WINDOW).condition < exact * 10


def test_a_known_decomposition():
    """A planted filter, interference and noise that is orthogonal to all references."""
    rng = np.random.default_rng(5)
    samples = 8_000
    a, b, noise = 0.1 * rng.standard_normal((3, 1, samples))
    a[:, -TAPS:] = b[:, -TAPS:] = 0
    delays = [np.roll(x[0], k) for x in (a, b) for k in range(TAPS)]
    basis = np.linalg.qr(np.stack(delays, axis=1))[0]
    noise -= basis @ (basis.T @ noise[0])
    b -= (
        np.stack(delays[:TAPS], axis=1)
        @ np.linalg.lstsq(np.stack(delays[:TAPS], axis=1), b[0], rcond=None)[0]
    )
    b[:, -TAPS:] = 0
    y = 0.8 * a + 0.1 * np.roll(a, 7) + 0.01 * noise
    scores = BssEval({"a": a, "b": b}, samples)({"a": y, "b": b + noise})["a"]
    energy = lambda x: float((x**2).sum())  # noqa: E731
    spatial = -0.2 * a + 0.1 * np.roll(a, 7)
    assert scores.isr[0] == pytest.approx(10 * np.log10(energy(a) / energy(spatial)), abs=0.01)
    mixed = energy(a + spatial) / energy(0.01 * noise)
    assert scores.sar[0] == pytest.approx(10 * np.log10(mixed), abs=0.01)


def test_models_that_share_a_system_get_what_they_get_alone():
    true, first = stems()
    others = [
        {k: (0.5 * y + 0.01 * j * true["s0"]).astype(np.float32) for k, y in first.items()}
        for j in (1, 2)
    ]
    system = BssEval(true, WINDOW)
    for found in (first, *others, first):
        np.testing.assert_array_equal(table(system(found), true), ours(true, found))


PAIR = stems(2, 3 * WINDOW, channels=1)


@cache
def alone():
    return ours(*PAIR)


@settings(max_examples=8, deadline=None)
@given(st.floats(-80, 40), st.sampled_from([-1, 1]))
def test_an_equal_gain_on_all_signals_changes_nothing(level, sign):
    gain = sign * 10 ** (level / 20)
    scaled = [{k: gain * x.astype(np.float64) for k, x in signals.items()} for signals in PAIR]
    np.testing.assert_allclose(ours(*scaled), alone(), atol=1e-9)


@settings(max_examples=5, deadline=None)
@given(st.permutations(["s0", "s1", "s2"]), st.integers(0, 3))
def test_the_order_of_stems_changes_nothing(order, seed):
    true, found = stems(3, 2 * WINDOW, seed=seed, channels=1)
    shuffled = {stem: true[stem] for stem in order}
    np.testing.assert_allclose(
        table(BssEval(shuffled, WINDOW)(found), true), ours(true, found), atol=1e-9
    )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_a_gain_on_one_stem_changes_its_sdr_only_as_arithmetic_says(seed, gain):
    """SIR and SAR forgive a gain; SDR does not."""
    true, found = stems(2, 2 * WINDOW, seed=seed, channels=1)
    scaled = found | {"s0": gain * found["s0"].astype(np.float64)}
    before, after = ours(true, found), ours(true, scaled)
    np.testing.assert_allclose(after[2:], before[2:], atol=1e-7)
    np.testing.assert_allclose(after[:, 1], before[:, 1], atol=1e-9)


def test_what_is_not_the_reference_s_shape_is_named():
    true, found = stems()
    system = BssEval(true, WINDOW)
    with pytest.raises(AudioError, match="'s1' has shape None"):
        system({"s0": found["s0"]})
    with pytest.raises(AudioError, match=r"'s0' has shape \(2, 10\)"):
        system(found | {"s0": found["s0"][:, :10]})
    with pytest.raises(AudioError, match="one shape"):
        BssEval(true | {"s1": true["s1"][:1]}, WINDOW)
    with pytest.raises(AudioError, match="one shape"):
        BssEval({stem: x[:, :0] for stem, x in true.items()}, WINDOW)


def test_a_reference_that_is_no_sound():
    true, _ = stems()
    true["s1"][0, 5] = np.nan
    with pytest.raises(AudioError, match="not finite numbers"):
        BssEval(true, WINDOW)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_estimate_that_is_no_sound(value):
    true, found = stems(channels=1)
    found["s1"][0, 5] = value
    with pytest.raises(AudioError, match="estimate of s0, s1 holds"):
        ours(true, found)


def test_frames_shorter_than_the_filters_are_refused():
    with pytest.raises(ConfigError, match="at least 512"):
        BssEval(stems()[0], 100)
