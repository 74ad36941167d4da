"""Precisions in a run: each has estimates of its own, and whoever only reads them finds them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stemwise.core.errors import ModelError
from stemwise.evaluation.zoo import LoadedModel, Zoo
from stemwise.separation.separator import Separator
from stemwise.storage.estimates import EstimateStore

MIXTURE = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 9000)).astype(np.float32)


@pytest.fixture
def store(tmp_path):
    return EstimateStore(tmp_path / "store")


def test_an_estimate_of_another_precision_is_another_one(model, store):
    loaded, fake = model("m")
    first, made = loaded.separate(MIXTURE, dict, store)
    assert made and first.precision == "fp32"
    half = replace(loaded, separator=Separator(fake, "cpu", precision="bf16"))
    second, made = half.separate(MIXTURE, dict, store)
    assert made and second.precision == "bf16" == store.get(second.key).precision
    assert second.key != first.key
    assert [not item.separate(MIXTURE, dict, store)[1] for item in (loaded, half)] == [True, True]


@pytest.mark.parametrize("precision", ["auto", "bf16"])
def test_who_only_measures_finds_what_others_made(model, store, precision):
    loaded, fake = model("m")
    half = replace(loaded, separator=Separator(fake, "cpu", precision="bf16"))
    entry, _ = half.separate(MIXTURE, dict, store)
    spec = replace(loaded.ready.spec, target="stemwise.models.sleeping.SleepingModel")
    ready = replace(loaded.ready, spec=spec)
    (unloaded,) = Zoo.unloaded([ready], precision).models
    assert unloaded.separate(MIXTURE, dict, store) == (entry, False)
    (other,) = Zoo.unloaded([ready], {"default": precision, "m": "fp32"}).models
    with pytest.raises(ModelError, match="The store has no estimates"):
        other.separate(MIXTURE, dict, store)


def test_a_model_takes_the_precision_that_names_it(model):
    ready = [model(name)[0].ready for name in ("a", "b")]
    found = Zoo.unloaded(ready, {"a": "fp16", "default": "tf32"}).models
    assert [item.precision for item in found] == ["fp16", "tf32"]
    assert LoadedModel(ready[0]).precision == "auto"
