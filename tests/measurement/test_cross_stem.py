"""The forms of all stems' estimates together equal those of each stem measured for itself."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.core.types import Audio
from stemwise.measurement.cross_stem import Target, cross_forms
from stemwise.measurement.references import ReferenceProducts
from stemwise.measurement.track_stem import measure_stem

SAMPLES = 45_000  # more than is read at a time
STEMS = ("vocals", "drums")


def _noise(seed: int, level: float = 0.1) -> Audio:
    values = level * np.random.default_rng(seed).standard_normal((2, SAMPLES))
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def references() -> dict[str, Audio]:
    """Return two stems and what is beside both."""
    return {name: _noise(number) for number, name in enumerate((*STEMS, "bass"))}


@pytest.fixture(scope="module")
def signals(references: dict[str, Audio]) -> dict[str, Audio]:
    """Return the mixture and what a model with bleed makes of it."""
    mixture = np.sum(list(references.values()), axis=0)
    made = {f"m/{stem}": references[stem] + 0.2 * mixture + _noise(9, 0.02) for stem in STEMS}
    return {"mixture": mixture, **made}


def test_they_equal_the_forms_of_each_stem(
    references: dict[str, Audio], signals: dict[str, Audio]
) -> None:
    beside = {stem: tuple(name for name in references if name != stem) for stem in STEMS}
    made = cross_forms([Target(stem, beside[stem]) for stem in STEMS], references, signals)
    products = ReferenceProducts(references.__getitem__, 1.0)
    for stem in STEMS:
        alone = measure_stem(
            references[stem], signals, beside=products.beside(beside[stem])
        ).forms()
        assert made[stem].models == alone.models
        for name in ("energy", "cross", "gram", "projection", "overlap", "span"):
            expected = np.asarray(getattr(alone, name))
            error = np.abs(np.asarray(getattr(made[stem], name)) - expected).max()
            assert error <= 1e-12 * np.abs(expected).max(), name


def test_what_a_model_loses_to_another_stem_comes_back(references: dict[str, Audio]) -> None:
    """Drums that hold a tenth of the vocals are perfect once these are taken off again."""
    drums = references["drums"] + np.float32(0.1) * references["vocals"]
    signals = {"m/drums": drums, "m/vocals": references["vocals"]}
    forms = cross_forms([Target("drums", ("vocals",))], references, signals)["drums"]
    assert forms.snr([1.0, 0.0]) == pytest.approx(20.0, abs=0.2)
    assert forms.snr([1.0, -0.1]) > 100


def test_a_silent_reference_has_no_energy(references: dict[str, Audio]) -> None:
    silent = {"drums": np.zeros_like(references["drums"])}
    forms = cross_forms([Target("drums", ())], silent, {"m/drums": references["drums"]})["drums"]
    assert forms.energy == 0 and forms.projection[0, 0] == 0
