"""The six official checkpoints at true size, one at a time in memory, with meaningless weights."""

from __future__ import annotations

import gc

import pytest
import torch

from stemwise.models.registry import build, get, prepare, resolve

from .official_checkpoints import DEMUCS, NAMES, OFFICIAL, content_of, file_name, network_of

pytest.importorskip("pymss_core")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _uninitialised(home, monkeypatch):
    """Leave weights as they are in memory: drawing 228 million numbers twice is all the time."""
    for name in dir(torch.nn.init):
        if name.endswith("_") and not name.startswith("_"):
            monkeypatch.setattr(torch.nn.init, name, lambda tensor, *args, **kwargs: tensor)
    yield
    gc.collect()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_true_size_and_format_loads(name, tmp_path):
    facts, path = OFFICIAL[name], tmp_path / file_name(name)
    network = network_of(name)
    state = network.state_dict()
    assert sum(value.numel() for value in network.parameters()) == facts.parameters
    assert (len(state), *list(state)[:: len(state) - 1]) == (facts.tensors, facts.first, facts.last)
    for number, key in enumerate((facts.first, facts.last)):
        state[key].fill_(0.5 + number)  # what loading is recognised by
    shapes = {key: value.shape for key, value in state.items()}
    torch.save(content_of(name, network), path)
    del network, state
    gc.collect()

    (published,) = get(name).checkpoints
    assert path.stat().st_size == pytest.approx(published.size, rel=1e-3)
    model = build(prepare(resolve({"name": "mine", "base": name, "checkpoint": str(path)})))
    path.unlink()
    found = model.network.state_dict()
    assert {key: value.shape for key, value in found.items()} == shapes
    assert bool((found[facts.first] == 0.5).all()) and bool((found[facts.last] == 1.5).all())
    assert model.stems == get(name).stems
    assert model.tiling.settings() == facts.tiling
    zscore = name in DEMUCS or name.startswith("scnet")
    assert model.normalisation == ("zscore" if zscore else "none")
