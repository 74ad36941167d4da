"""SI-SIR and SI-SAR: closed forms, a direct solution on the signals, and references that depend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.types import SAMPLE_RATE, WHOLE, Track
from stemwise.evaluation import rows
from stemwise.measurement.blend import BlendStatistics
from stemwise.measurement.references import ReferenceProducts
from stemwise.measurement.track_stem import measure_stem

SECONDS, BLOCK = 1.0, 0.06


def tone(hertz, level=0.1):
    """Return a stereo tone of whole periods: tones of different frequencies are orthogonal."""
    phase = 2 * np.pi * hertz * np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    return level * np.stack([np.sin(phase), 0.5 * np.cos(phase)])


def measured(references, estimates, stem="x", block_s=BLOCK):
    """Measure estimates of a stem beside all other references."""
    products = ReferenceProducts(references.__getitem__, block_s)
    beside = products.beside([name for name in references if name != stem])
    return measure_stem(references[stem], estimates, block_s, beside=beside)


def direct(references, estimate, stem="x"):
    """Return SI-SIR, SI-SAR and SI-SDR by least squares on the samples."""
    x, y = references[stem].ravel(), estimate.ravel()
    target = (x @ y) / (x @ x) * x
    basis = np.stack([r.ravel() / max(np.linalg.norm(r), 1e-300) for r in references.values()], 1)
    projected = basis @ np.linalg.lstsq(basis, y - target, rcond=1e-5)[0]
    parts = (projected, y - target - projected, y - target)
    return [10 * math.log10(target @ target / (part @ part)) for part in parts]


def noises(seed, count, samples=9000):
    return np.random.default_rng(seed).normal(0, 0.1, (count, 2, samples))


def scores(found, name="m"):
    return [found.si_sir(name), found.si_sar(name), found.si_sdr(name)]


def test_a_known_leak_and_a_known_artefact_have_known_ratios():
    """Level of the leak 0.01 of the stem's: 40 dB; of a tone that is no reference 0.1: 20 dB."""
    references = {"x": tone(440), "y": tone(660), "z": tone(880)}
    made = 0.7 * tone(440) + 0.007 * tone(660) + 0.07 * tone(1100)
    found = measured(references, {"m": made})
    together = -10 * math.log10(1e-4 + 1e-2)
    assert scores(found) == pytest.approx([40, 20, together], abs=1e-9)
    assert found.references == ("reference", "y", "z")
    assert 10 * math.log10(0.49 / (found.interference.sum() / np.square(tone(440)).sum())) == (
        pytest.approx(40, abs=1e-9)
    )


def test_what_leaks_in_one_block_only_is_there_and_nowhere_else():
    """White noise that sounds in one block, where the stem is silent as well as elsewhere."""
    leak = np.zeros_like(tone(440))
    span = slice(int(BLOCK * SAMPLE_RATE), 2 * int(BLOCK * SAMPLE_RATE))
    leak[:, span] = np.random.default_rng(0).normal(0, 0.1, leak[:, span].shape)
    references = {"x": tone(440), "y": leak}
    found = measured(references, {"m": tone(440) + 0.1 * leak})
    blocks = found.interference[:, 0]
    assert found.si_sar("m") == math.inf and blocks[1] > 100 * (blocks.sum() - blocks[1])
    expected = 10 * math.log10(np.square(tone(440)).sum() / (0.01 * np.square(leak).sum()))
    assert found.si_sir("m") == pytest.approx(expected, abs=0.1)  # they are not quite orthogonal


def test_a_sum_of_references_has_no_artefacts_and_a_perfect_estimate_no_error():
    """Also where float32 has rounded the sum, as it has a mixture."""
    references = {name: n.astype(np.float32) for name, n in zip("xyz", noises(1, 3), strict=True)}
    mixture = np.float32(references["x"] + references["y"]) + references["z"]
    found = measured(references, {"mixture": mixture, "m": 0.3 * references["x"]})
    assert found.si_sar("mixture") == math.inf and (found.artifacts == 0).all()
    assert found.si_sir("mixture") == pytest.approx(found.si_sdr("mixture"), abs=1e-6)
    assert found.si_sir("m") == found.si_sar("m") == math.inf
    forms = found.forms()
    assert forms.si_sar(np.eye(2)).tolist() == [math.inf, math.inf]
    assert forms.si_sir((0, 2)) == forms.si_sar((0.5, 0.5)) == math.inf


def test_rounding_to_sixteen_bits_is_an_artefact():
    """It is some 80 dB below, far above float64's own rounding: a number, and the right one."""
    references = dict(zip("xy", noises(2, 2), strict=True))
    mixture = np.round((references["x"] + references["y"]) * 2**15) / 2**15
    found = measured(references, {"m": mixture})
    assert 70 < found.si_sar("m") < 90
    assert found.si_sar("m") == pytest.approx(direct(references, mixture)[1], abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), others=st.integers(1, 6), alike=st.floats(0, 0.99))
def test_equal_to_least_squares_on_the_samples(seed, others, alike):
    """Also of references that resemble each other."""
    random = np.random.default_rng(seed)
    common, *own = noises(seed, others + 2)
    references = {f"r{i}": (1 - alike) * n + alike * common for i, n in enumerate(own)}
    estimates = {
        name: sum(
            w * r for w, r in zip(random.normal(size=others + 1), references.values(), strict=True)
        )
        + random.choice([1e-3, 0.1, 2]) * noises(seed + 1 + i, 1)[0]
        for i, name in enumerate(("m", "n"))
    }
    found = measured(references, estimates, "r0", block_s=0.1)
    for name, estimate in estimates.items():
        sir, sar, sdr = scores(found, name)
        assert [sir, sar, sdr] == pytest.approx(direct(references, estimate, "r0"), abs=1e-6)
        assert 10 ** (-sir / 10) + 10 ** (-sar / 10) == pytest.approx(10 ** (-sdr / 10), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3), seed=st.integers(0, 99))
def test_gains_of_estimate_and_references_change_nothing(gain, seed):
    x, y, z, error = noises(seed, 4)
    plain = measured({"x": x, "y": y, "z": z}, {"m": x + 0.1 * y + 0.2 * error})
    estimate = {"m": gain * (x + 0.1 * y + 0.2 * error)}
    assert scores(measured({"x": x, "y": y, "z": z}, estimate)) == pytest.approx(
        scores(plain), abs=1e-9
    )
    assert scores(measured({"x": x, "y": gain * y, "z": z}, estimate)) == pytest.approx(
        scores(plain), abs=1e-9
    )


@pytest.mark.parametrize("kind", ["twice", "sum", "nearly", "silent", "scaled", "mono"])
def test_references_that_depend_on_each_other_add_nothing(kind):
    """Those beside must give what independent ones of the same span give."""
    x, y, z, error = noises(3, 4)
    if kind == "mono":
        x, y, z = (np.stack([signal[0]] * 2) for signal in (x, y, z))
    further = {
        "twice": y,
        "sum": x + y + z,
        "nearly": np.float32(x) + np.float32(y),
        "silent": 0 * x,
        "scaled": -1e-4 * y,
        "mono": np.stack([y[0] + z[0]] * 2),
    }[kind]
    estimate = {"m": x + 0.3 * y - 0.2 * z + 0.1 * error, "inside": x - 0.5 * z}
    plain = measured({"x": x, "y": y, "z": z}, estimate)
    found = measured({"x": x, "y": y, "z": z, "w": further}, estimate)
    assert scores(found) == pytest.approx(scores(plain), abs=1e-6)
    assert found.si_sar("inside") == math.inf
    assert found.references == ("reference", "y", "z") + (() if kind == "silent" else ("w",))


def test_with_a_single_reference_nothing_interferes():
    x, error = noises(4, 2)
    found = measured({"x": x, "silence": 0 * x}, {"m": 0.5 * x + 0.1 * error})
    assert found.si_sir("m") == math.inf
    assert found.si_sar("m") == pytest.approx(found.si_sdr("m"), abs=1e-9)
    assert found.references == ("reference",)


def test_silence_has_no_ratio_and_an_orthogonal_estimate_minus_infinity():
    found = measured({"x": tone(440), "y": tone(660)}, {"m": 0 * tone(440)})
    assert math.isnan(found.si_sir("m")) and math.isnan(found.si_sar("m"))
    silent = measured({"x": 0 * tone(440), "y": tone(660)}, {"m": tone(660)})
    assert math.isnan(silent.si_sir("m")) and math.isnan(silent.si_sar("m"))
    assert (silent.artifacts == 0).all() and silent.interference.sum() > 0
    left, right = tone(440) * [[1], [0]], tone(440) * [[0], [1]]
    apart = measured({"x": left, "y": right}, {"m": right})
    assert apart.si_sir("m") == -math.inf


X, Y, Z, *ERRORS = noises(5, 6)
REFERENCES = {"x": X, "y": Y, "z": Z}
ESTIMATES = {
    "mixture": X + Y + Z,
    "a": 0.8 * X + 0.1 * Y + 0.05 * ERRORS[0],
    "b": X - 0.2 * Z + 0.3 * ERRORS[1],
    "c": 1.2 * X + 0.1 * ERRORS[0] + 0.1 * ERRORS[2],
}
FOUND = measured(REFERENCES, ESTIMATES)
FORMS = BlendStatistics.from_row(rows.form_row(Track("d", "t", "T", ("x",), {}), WHOLE, "x", FOUND))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(-2, 2), min_size=4, max_size=4).filter(lambda w: np.abs(w[1:]).sum() > 0.1)
)
def test_a_blend_of_weights_is_its_audio_measured(weights):
    blend = sum(w * estimate for w, estimate in zip(weights, ESTIMATES.values(), strict=True))
    found = measured(REFERENCES, {"m": blend})
    for name in ("si_sir", "si_sar"):
        assert float(getattr(FORMS, name)(weights)) == pytest.approx(
            getattr(found, name)("m"), abs=1e-6
        )


def test_forms_of_single_models_and_sums_over_blocks_are_their_scores():
    for place, name in enumerate(ESTIMATES):
        weights = np.eye(4)[place]
        assert float(FORMS.si_sir(weights)) == pytest.approx(FOUND.si_sir(name), abs=1e-6)
        assert float(FORMS.si_sar(weights)) == pytest.approx(FOUND.si_sar(name), abs=1e-6)
    other = measured(REFERENCES, ESTIMATES, block_s=10)
    for name in ("interference", "artifacts"):
        sums = getattr(FOUND, name).sum(axis=0)
        np.testing.assert_allclose(getattr(other, name).sum(axis=0), sums, rtol=1e-9)


def test_energies_of_blocks_are_those_of_the_parts_themselves():
    basis = np.stack([r.ravel() for r in REFERENCES.values()], axis=1)
    y = ESTIMATES["b"].ravel()
    target = (X.ravel() @ y) / np.square(X).sum() * X.ravel()
    inside = basis @ np.linalg.lstsq(basis, y - target, rcond=None)[0]
    for part, blocks in ((inside, FOUND.interference), (y - target - inside, FOUND.artifacts)):
        squares = np.square(part.reshape(X.shape)).sum(axis=0)
        starts = np.arange(0, X.shape[1], round(BLOCK * SAMPLE_RATE))
        np.testing.assert_allclose(blocks[:, 2], np.add.reduceat(squares, starts), rtol=1e-9)


def test_products_are_computed_once_for_all_stems():
    read = []
    signals = dict(REFERENCES)
    products = ReferenceProducts(lambda name: read.append(name) or signals[name], BLOCK)
    products.learn("xyz")
    read.clear()
    pair = products.beside("zx")
    assert read == ["z", "x"]
    flat = np.stack([Z, X]).reshape(2, -1)
    np.testing.assert_allclose(pair.grams.sum(axis=0), flat @ flat.T, rtol=1e-9)


def test_equal_to_fast_bss_eval():
    """Its SI-SAR has the target and the interference in its numerator, as BSS Eval's SAR."""
    theirs = pytest.importorskip("fast_bss_eval").si_bss_eval_sources
    references = np.stack([r.ravel() for r in REFERENCES.values()])
    for name in ("a", "b", "c"):
        estimates = np.stack([ESTIMATES[name].ravel()] * 3)
        found = theirs(references, estimates, compute_permutation=False)
        sdr, sir, sar = (float(values[0]) for values in found)
        own = scores(FOUND, name)
        assert [own[0], own[2]] == pytest.approx([sir, sdr], abs=1e-6)
        wider = 10 * math.log10(1 + 10 ** (-own[0] / 10))
        assert own[1] + wider == pytest.approx(sar, abs=1e-6)
