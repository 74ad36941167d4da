"""An ensemble is just another model: a recipe's output on a track, blended of its models' estimates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stemwise.core.errors import ModelError
from stemwise.core.types import RECIPE_PREFIX, Audio
from stemwise.evaluation.hierarchy import Provider
from stemwise.evaluation.outputs import Output
from stemwise.evaluation.rows import Origin
from stemwise.separation.ensembles.spec import sources_of
from stemwise.separation.recipe import Recipe


def blended(recipe: Recipe, outputs: Mapping[str, Output], mixture: Audio) -> Output:
    """Return what a recipe makes of a track at level 1; a model that failed makes it fail too.

    Args:
        recipe: what each stem is made of, perhaps with a remainder.
        outputs: of the models that have estimates of this track, by name.
        mixture: `(2, samples)`, for the remainder and ensembles of all stems.
    """
    origin = Origin(RECIPE_PREFIX + recipe.name)
    stems = recipe.level1()
    for stem, value in recipe.stems.items():
        for model, source in sources_of(value, stem):
            output = outputs.get(model)
            if output is None or source not in output.stems:
                error = f"The recipe needs {source} of {model!r}, which this track does not have."
                return Output(stems, origin, error=error)

    def read(stem: str) -> Audio:
        if stem in recipe.stems:
            return Provider(recipe.name, recipe.stems[stem]).blend(stem, outputs, mixture)
        if stem != recipe.remainder:
            raise ModelError(f"The recipe {recipe.name!r} has no stem {stem!r}.")
        return mixture - np.sum([read(other) for other in recipe.stems], axis=0, dtype=np.float32)

    return Output(stems, origin, read)
