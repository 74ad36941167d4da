"""An augmented model in a recipe: what is served is what was measured, also where songs share passes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import yaml

from stemwise.jobs.overrides import complaint
from stemwise.jobs.settings import EvaluateSettings
from stemwise.models.augment import Augment
from stemwise.models.augmented import AugmentedModel
from stemwise.models.fast_tiling import FastTiling
from stemwise.separation.recipe import load_recipe
from stemwise.separation.separator import Separator
from stemwise.serving.graph.backend import served_recipes
from stemwise.serving.graph.batcher import Batcher

from ...models.test_augment import Formula

TTA = "{name: tta, base: band_split, augment: {shifts: [0.0, 0.11], polarity: true, swap: true}}"


def test_a_recipe_carries_the_augmentation_to_whoever_runs_it(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    content = {"name": "r", "stems": {"bass": {"tta": 1.0}}, "models": {"tta": yaml.safe_load(TTA)}}
    recipe.write_text(yaml.safe_dump(content))
    _, specs = served_recipes([str(recipe)])
    augment = Augment((0, 4851), polarity=True, swap=True)
    assert specs["tta"].augment == load_recipe(str(recipe)).spec("tta").augment == augment


def test_songs_that_share_passes_are_separated_as_alone():
    model = Formula(lambda x: x * torch.linspace(0.2, 1, x.shape[-1]) + x**2, FastTiling(500))
    separator = Separator(AugmentedModel(model, Augment((0, 70, 160), True, True)), "cpu")
    random = np.random.default_rng(0)
    heard = [random.normal(size=(2, 3000)).astype(np.float32) for _ in range(3)]
    batcher = Batcher(separator.run, max_chunks=8, wait_s=0.05)

    def served(mixture):
        with batcher.song() as song:
            return torch.cat(list(separator.stream(mixture, forward=song.forward)), dim=-1)

    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(served, heard))
    batcher.close()
    assert max(map(len, model.heard)) > 1
    for mixture, one in zip(heard, made, strict=True):
        assert one.numpy() == pytest.approx(separator(mixture).numpy(), abs=1e-6)


def test_entries_can_be_swept():
    given = ["-m", "dataset=demo", "output=x"]
    sweep = f"models=[band_split],[{TTA}],[band_split,{TTA}]"
    assert complaint("evaluate", EvaluateSettings, [*given, sweep]) is None
