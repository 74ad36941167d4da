import numpy as np
import pytest

from stemwise.measurement.energy_ratios import decibels
from stemwise.measurement.references import ReferenceProducts
from stemwise.measurement.track_stem import measure_stem
from stemwise.selection.block_energies import BLOCK_ENERGIES, energies

from ..tables_of import blocks_of

MODELS = ("a", "b", "c")


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(0)
    x, *errors = rng.standard_normal((4, 2, 25_000)).astype(np.float32) / 10
    signals = {"mixture": x + errors[0] + errors[1] + 0.1 * errors[2]}
    for level, name, error in zip((0.1, 0.3, 0.9), MODELS, errors, strict=True):
        signals[name] = np.float32(0.8) * x + np.float32(level) * error
    other = errors[0] + errors[1]
    beside = ReferenceProducts(lambda _: other, 0.1).beside(["other"])
    return measure_stem(x, signals, block_s=0.1, beside=beside)


@pytest.fixture(scope="module")
def blocks(measured):
    rows = [
        {
            "dataset": "d",
            "track_id": "t",
            "parent": "mixture",
            "parent_source": "mixture",
            "stem": "vocals",
            "block": index,
            "length_s": 0.1,
            "signals": list(measured.signals),
            "gram": measured.gram[index].tolist(),
            "bss_projection": measured.projection[index].tolist(),
            "bss_remainder": measured.remainder[index].tolist(),
            "si_interference": measured.interference[index].tolist(),
            "si_artifacts": measured.artifacts[index].tolist(),
        }
        for index in range(len(measured.gram))
    ]
    (found,) = blocks_of(rows)
    return found


@pytest.mark.parametrize("name", BLOCK_ENERGIES)
@pytest.mark.parametrize("models", [("a", "b", "c"), ("c", "mixture", "a"), ("b",)])
def test_energies_of_all_blocks_give_the_score_of_the_track(measured, blocks, name, models):
    found = energies(name, blocks).of([blocks.signals.index(model) - 1 for model in models])
    assert found.target.shape == found.residual.shape == (blocks.counts[0], len(models))
    total = decibels(found.target.sum(axis=0), found.residual.sum(axis=0))
    expected = [getattr(measured, name)(model) for model in models]
    np.testing.assert_allclose(total, expected, atol=1e-9)
    assert len(set(expected)) == len(models)


def test_the_scores_that_are_ratios_of_sums_over_time():
    assert set(BLOCK_ENERGIES) == {"snr", "si_sdr", "bss_sdr", "si_sir", "si_sar"}
