"""Ensembles applied in blocks: closed forms, and the result of the whole signal wherever blocks lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.audio.raw import RawAudio
from stemwise.separation.ensembles.apply import combined
from stemwise.separation.ensembles.kinds import kinds
from stemwise.separation.ensembles.spec import parse
from stemwise.separation.ensembles.stft_median_parts import stft_median_parts
from stemwise.separation.spool import Spool

RATE = 44_100
SMALL = {"n_fft": 64, "hop": 16}
BANDS = {"edges_hz": [3000, 9000], "weights": {name: [0.2, 0.3, 0.5] for name in "abcde"}}


def ensemble(kind, count=3, **given):
    names = "abcde"[:count]
    if kind == "bands":
        given = {"edges_hz": [3000.0], "weights": {name: [1 / count] * 2 for name in names}} | given
    if kind == "cross_stem":
        given = {"weights": {f"{name}/drums": 1 / count for name in names}} | given
    return parse({"kind": kind, "models": list(names), **given}, "here")


def apply(made, signals, **options):
    return np.concatenate(list(combined(made, signals, signals[0], **options)), axis=1)


def noise(length, count=3, seed=0):
    made = np.random.default_rng(seed).standard_normal((count, 2, length))
    return made.astype(np.float32)


def tone(hertz, length, phase=0.0, level=1.0):
    sine = level * np.sin(2 * np.pi * hertz * np.arange(length) / RATE + phase)
    return np.stack([sine, -0.5 * sine]).astype(np.float32)


def loss_db(found, expected):
    return 10 * np.log10(np.square(found - expected).sum() / np.square(expected).sum() + 1e-30)


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("length", [1, 63, 1024, 5000])
def test_equal_estimates_are_the_result(kind, length):
    signal = noise(length, 1)[0]
    found = apply(ensemble(kind), [signal] * 3)
    assert found.shape == signal.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, signal, atol=2e-6)


def test_the_median_leaves_out_a_model_that_errs():
    good = noise(500, 1)[0]
    found = apply(ensemble("median"), [good, good + 5, good])
    np.testing.assert_array_equal(found, good)
    np.testing.assert_array_equal(apply(ensemble("trimmed_mean"), [good - 1, good, good + 5]), good)


def test_samples_of_the_quietest_and_the_loudest_model():
    signals = [np.float32([row, row]) for row in ([1, -3, 2], [-2, 2, 2], [3, 1, -2])]
    quiet, loud = (apply(ensemble(f"wave_{kind}"), signals) for kind in ("min", "max"))
    # of equal magnitudes the first model counts
    np.testing.assert_array_equal(quiet, [[1, 1, 2]] * 2)
    np.testing.assert_array_equal(loud, [[3, -3, 2]] * 2)


def test_the_medians_of_real_and_imaginary_parts_are_taken_apart():
    bins = np.array([[1, 1 + 2j], [-1j, 3 - 1j], [0, 2 + 5j]], np.complex64)
    found = stft_median_parts(bins, "abc", {})
    np.testing.assert_array_equal(found, np.array([0, 2 + 2j], np.complex64))
    assert found.dtype == np.complex64


def test_the_trimmed_mean_in_closed_form():
    levels = np.float32([1.0, 2.0, 4.0, 9.0, 100.0])
    signals = [level * np.ones((2, 7), np.float32) for level in levels]
    np.testing.assert_allclose(apply(ensemble("trimmed_mean", 5), signals), 5.0)
    # two of five are 0.4 of them: only the median is left
    np.testing.assert_allclose(apply(ensemble("trimmed_mean", 5, trim=0.4), signals), 4.0)


def test_the_mean_of_magnitudes_is_as_loud_as_the_models_where_their_phases_differ():
    """Two sines a quarter turn apart: their mean has 1/√2 of the level, their mean magnitude all."""
    length = 20_000
    signals = [tone(1000, length), tone(1000, length, np.pi / 2)]
    inner = slice(4096, -4096)
    found = apply(ensemble("stft_avg", 2), signals)[:, inner]
    mean = (0.5 * signals[0] + 0.5 * signals[1])[:, inner]
    assert loss_db(found, np.sqrt(2) * mean) < -50


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("stft_min", [0.5, 0.25]), ("stft_max", [1.0, 2.0]), ("stft_avg", [0.75, 1.125])],
)
def test_of_two_tones_each_bin_takes_its_own_model(kind, kept):
    """One model has the low tone louder, the other the high one."""
    length, inner = 30_000, slice(4096, -4096)
    low, high = tone(500, length), tone(8000, length)
    found = apply(ensemble(kind, 2), [low + 0.25 * high, 0.5 * low + 2 * high])
    expected = kept[0] * low + kept[1] * high
    assert loss_db(found[:, inner], expected[:, inner]) < -45


def test_the_median_of_magnitudes_of_one_tone():
    length, inner = 20_000, slice(4096, -4096)
    signals = [level * tone(1000, length) for level in (0.25, 1.0, 9.0)]
    found = apply(ensemble("stft_median"), signals)
    assert loss_db(found[:, inner], signals[1][:, inner]) < -60


def test_bands_with_one_weight_for_all_are_a_linear_blend():
    signals = noise(3000, 2)
    weights = {"a": [0.7, 0.7, 0.7], "b": [-0.4, -0.4, -0.4]}
    made = ensemble("bands", 2, edges_hz=[300, 4000], weights=weights)
    expected = 0.7 * signals[0] - 0.4 * signals[1]
    np.testing.assert_allclose(apply(made, signals), expected, atol=3e-6)


def test_bands_take_each_band_from_its_own_model():
    length, inner = 30_000, slice(4096, -4096)
    low, high = tone(500, length), tone(8000, length)
    weights = {"a": [1, 0], "b": [0, 1]}
    made = ensemble("bands", 2, edges_hz=[2000], weights=weights)
    found = apply(made, [low + high, 0.3 * low + 3 * high])
    assert loss_db(found[:, inner], (low + 3 * high)[:, inner]) < -60


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from([kind for kind in kinds() if kind != "bands"]),
    length=st.integers(1, 700),
    block=st.integers(1, 300),
    seed=st.integers(0, 99),
)
def test_blocks_give_the_result_of_the_whole_signal(kind, length, block, seed):
    given_settings = SMALL if kind.startswith("stft") else {}
    made, signals = ensemble(kind, **given_settings), noise(length, seed=seed)
    whole = apply(made, signals, block=1 << 20)
    np.testing.assert_allclose(apply(made, signals, block=block), whole, atol=1e-5)


@pytest.mark.parametrize("kind", ["stft_min", "stft_max", "stft_median"])
def test_frames_are_the_usual_centred_ones(kind):
    """As librosa's, which MSST and UVR call, and torch's: the same, but for the last hop."""
    frames = {"n_fft": 2048, "hop_length": 1024, "window": torch.hann_window(2048)}
    signals = noise(8192)
    found = apply(ensemble(kind), signals)
    bins = np.stack(
        [
            torch.stft(
                torch.from_numpy(one), **frames, pad_mode="constant", return_complex=True
            ).numpy()
            for one in signals
        ]
    )
    sizes = np.abs(bins)
    if kind == "stft_median":
        made = np.median(sizes, axis=0) * np.exp(1j * np.angle(bins.mean(axis=0)))
    else:
        chosen = (sizes.argmin if kind == "stft_min" else sizes.argmax)(axis=0)
        made = np.take_along_axis(bins, chosen[None], axis=0)[0]
    expected = torch.istft(torch.from_numpy(made), **frames, length=8192).numpy()
    np.testing.assert_allclose(found[:, :-1024], expected[:, :-1024], atol=1e-4)


@pytest.mark.parametrize("kind", kinds())
def test_signals_on_disk_give_the_same_samples(kind, tmp_path):
    signals = noise(200_000, seed=3)
    spools = [Spool(tmp_path, [str(number)]) for number in range(3)]
    for spool, signal in zip(spools, signals, strict=True):
        spool.add(signal[None])
    kept = [spool.read(spool.stems[0]) for spool in spools]
    assert all(isinstance(one, RawAudio) for one in kept)
    made = ensemble(kind)
    np.testing.assert_array_equal(apply(made, kept), apply(made, signals))


def test_silence_stays_silent():
    for kind in kinds():
        assert not apply(ensemble(kind), np.zeros((3, 2, 3000), np.float32)).any()
