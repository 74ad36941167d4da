"""Quantised Demucs packages: opened with the package diffq, or told that it is needed."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from demucs.hdemucs import HDemucs
from demucs.states import load_model, serialize_model
from omegaconf import OmegaConf

from stemwise.core.errors import CheckpointError
from stemwise.models.demucs import load_package

SOURCES = ["drums", "bass", "other", "vocals"]


def package(quantiser=None):
    torch.manual_seed(0)
    network = HDemucs(sources=SOURCES, channels=8, depth=4, nfft=1024, segment=0.2)
    made = quantiser and quantiser(network, group_size=8, min_size=0.01)
    return serialize_model(network.eval(), OmegaConf.create({"epochs": 1}), made)


def test_without_the_package_diffq_it_is_named(tmp_path, monkeypatch):
    module = ModuleType("diffq.diffq")
    module.DiffQuantizer = type("DiffQuantizer", (), {"__module__": "diffq.diffq"})
    path = tmp_path / "quantised.th"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "diffq", ModuleType("diffq"))
        patch.setitem(sys.modules, "diffq.diffq", module)
        state = {"__quantized": True, "quantized": [], "meta": {"klass": module.DiffQuantizer}}
        torch.save(package() | {"state": state}, path)
    monkeypatch.setattr("stemwise.models.demucs.quantisers", tuple)
    with pytest.raises(CheckpointError, match=r"stemwise\[diffq\]") as caught:
        load_package(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


class TestWithDiffq:
    @pytest.fixture
    def quantised(self):
        return package(pytest.importorskip("diffq").DiffQuantizer)

    def test_weights_are_those_that_demucs_unpacks(self, tmp_path, quantised):
        path = tmp_path / "quantised.th"
        torch.save(quantised, path)
        found, expected = load_package(path).state_dict(), load_model(path).state_dict()
        assert set(found) == set(expected)
        assert all(torch.equal(found[key], expected[key]) for key in found)
        original = package()["state"]
        error = (found["encoder.1.conv.weight"] - original["encoder.1.conv.weight"]).abs().max()
        assert 0 < float(error) < 0.05

    @pytest.mark.parametrize(
        "change",
        [
            lambda state: {"quantized": state["quantized"][:-1]},
            lambda state: {"quantized": [*state["quantized"], state["quantized"][0]]},
            lambda state: {"quantized": state["quantized"][::-1]},
            lambda state: {"others": state["others"][1:]},
            lambda state: {"others": [torch.zeros(5, 5), *state["others"][1:]]},
            lambda state: {"meta": {"klass": "DiffQuantizer"}},
            lambda state: {"meta": state["meta"] | {"init_kwargs": {"group_size": 7}}},
        ],
    )
    def test_what_does_not_fit_is_refused(self, tmp_path, quantised, change):
        path = tmp_path / "quantised.th"
        state = quantised["state"]
        torch.save(quantised | {"state": state | change(state)}, path)
        with pytest.raises(CheckpointError, match=r"quantised\.th") as caught:
            load_package(path)
        assert "\n" not in str(caught.value)
