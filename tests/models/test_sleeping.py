"""A model that only takes time: how much, and what it returns."""

from __future__ import annotations

import pytest
import torch

from stemwise.models import sleeping
from stemwise.models.sleeping import SleepingModel
from stemwise.separation.separator import Separator


def test_it_sleeps_as_long_as_its_speed_says(monkeypatch):
    """40 s at 20 times real time: 2 s, however the song is cut."""
    slept = []
    monkeypatch.setattr(sleeping.time, "sleep", slept.append)
    mixture = torch.zeros(2, 40 * 44_100).numpy()
    Separator(SleepingModel(("vocals", "drums"), speed=20.0, chunk_s=1.0), "cpu")(mixture)
    assert sum(slept) == pytest.approx(2.0, rel=0.02)


def test_stems_are_different_shares_of_the_input(monkeypatch):
    monkeypatch.setattr(sleeping.time, "sleep", lambda _: None)
    chunks = torch.ones(3, 2, 100)
    out = SleepingModel(("a", "b"), speed=1.0).forward(chunks)
    assert out.shape == (3, 2, 2, 100)
    assert out[:, 0].unique().tolist() == [0.25] and out[:, 1].unique().tolist() == [0.5]
