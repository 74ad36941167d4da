"""Forms of stems whose best blend is known: vectors in a space of a few dozen dimensions."""

from __future__ import annotations

import numpy as np

from stemwise.selection.stem_forms import StemForms


def forms_of(references, estimates, models=None, tracks=None):
    """Return the forms of references `(tracks, n)` and estimates `(tracks, models, n)`.

    The distortion filter has a single tap, so that bss_sdr equals si_sdr.
    """
    references, estimates = np.asarray(references, float), np.asarray(estimates, float)
    energy = np.einsum("tn,tn->t", references, references)
    cross = np.einsum("tn,tkn->tk", references, estimates)
    projection = np.einsum("ti,tj->tij", cross, cross) / energy[:, None, None]
    return StemForms(
        "vocals",
        tuple(models or (f"m{i}" for i in range(estimates.shape[1]))),
        tuple(tracks or (("d", f"t{i:03}") for i in range(len(energy)))),
        energy,
        cross,
        np.einsum("tin,tjn->tij", estimates, estimates),
        projection,
        projection,
        projection,
    )


def noisy_models(errors, tracks=40, size=64, seed=0, shared=0.0, levels=None):
    """Return the forms of models x + error of level `errors[i]`, part of which all of them share."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(tracks, size))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    scale = np.ones(tracks) if levels is None else np.asarray(levels)

    def error(*shape):
        noise = random.normal(size=(*shape, size))
        return noise / np.linalg.norm(noise, axis=-1, keepdims=True)

    common = error(tracks)
    estimates = [
        x + level * (np.sqrt(1 - shared) * error(tracks) + np.sqrt(shared) * common)
        for level in errors
    ]
    return forms_of(x * scale[:, None], np.stack(estimates, axis=1) * scale[:, None, None])
