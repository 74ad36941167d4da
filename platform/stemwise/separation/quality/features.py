"""What is known of a stem without its reference, from inner products of signals.

With m what the models heard (the mixture, or a parent stem), y the stem and x̂ᵢ its models' estimates:

* `level` = 10 lg ‖y‖²/‖m‖²: quiet stems are harder, down to −20 dB, where most SNRs are about 0;
* `leakage` = 10 lg |⟨y, m − y⟩|/‖y‖²: what the stem shares with all that it leaves. With a Wiener mask
  M, ⟨y, m − y⟩ = Σ M(1 − M)|m|², the error that the filter itself expects (the posterior variance of
  Gaussian sources; Wiener 1949, Benaroya et al. 2006), so this is about −SNR; floored at −20 dB, where
  the two terms cancel and the sign is chance, and at most 20 dB;
* `agreement` = 10 lg ‖y‖²/Σ sᵢ‖x̂ᵢ − y‖², at most 60 dB: with shares sᵢ the error of a mean of models is
  their mean error less this spread (Krogh & Vedelsby 1995, eq. 6). Only where there are several models.

In the benchmark all of them follow from the table `forms`; in the service from one pass over the audio.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
LEVEL, LEAKAGE, AGREEMENT = "level", "leakage", "agreement"
_LEAST_LEVEL, _LEAST_SPREAD = 1e-2, 1e-6
_LEAKAGE = (1e-2, 1e2)


def names(models: int) -> tuple[str, ...]:
    """Return the features of a stem that so many models make."""
    return (LEVEL, LEAKAGE, AGREEMENT) if models > 1 else (LEVEL, LEAKAGE)


def features(gram: npt.ArrayLike, shares: npt.ArrayLike) -> dict[str, Float]:
    """Return the features in dB, `(…)` each; NaN where the stem, or what was heard, is silent.

    Args:
        gram: inner products of m, y, x̂₁ … x̂ₖ in this order, `(…, 2 + k, 2 + k)`.
        shares: what each model counts, `(k,)` or `(…, k)`: the sizes of its weights, or equal ones.
    """
    products = np.asarray(gram, dtype=np.float64)
    sizes = np.abs(np.asarray(shares, dtype=np.float64))
    heard, cross, energy = products[..., 0, 0], products[..., 0, 1], products[..., 1, 1]
    sounds = (energy > 0) & (heard > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {
            LEVEL: np.maximum(energy / heard, _LEAST_LEVEL),
            LEAKAGE: np.clip(np.abs(cross - energy) / energy, *_LEAKAGE),
        }
        if sizes.shape[-1] > 1:
            apart = np.diagonal(products, axis1=-2, axis2=-1)[..., 2:] - 2 * products[..., 1, 2:]
            spread = ((apart + energy[..., None]) * sizes).sum(-1) / sizes.sum(-1)
            ratios[AGREEMENT] = 1 / np.maximum(spread / energy, _LEAST_SPREAD)
        return {name: np.where(sounds, 10 * np.log10(r), np.nan) for name, r in ratios.items()}
