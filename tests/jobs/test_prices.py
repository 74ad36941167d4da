"""What models cost when sets of them are weighed: the same in a run and in its repetition."""

from __future__ import annotations

import pytest

from stemwise.jobs.decide import prices
from stemwise.models.registry import get, resolve

ZOO = [get(name) for name in ("demo_scnet", "band_split", "htdemucs_6s")]


def test_what_the_zoo_declares_decides_and_not_what_was_measured():
    names = [spec.name for spec in ZOO]
    slow, fast = (prices(ZOO, names, dict.fromkeys(names, s)) for s in (90.0, 1.0))
    assert slow == fast and slow["demo_scnet"] == pytest.approx(6.9)
    assert slow["htdemucs_6s"] > slow["demo_scnet"] > slow["band_split"]


def test_a_model_of_ones_own_has_what_was_measured_in_steps(tmp_path):
    own = resolve({"name": "mine", "base": "demo_scnet", "checkpoint": str(tmp_path / "x.th")})
    specs = [*ZOO, own]
    measured = {"mine": 10.1, "demo_scnet": 9.9, "band_split": 1.0, "htdemucs_6s": None}
    found = prices(specs, list(measured), measured)
    assert found["mine"] == found["demo_scnet"] == pytest.approx(2**3.5)
    assert found["band_split"] == 1.0 and found["htdemucs_6s"] is None
