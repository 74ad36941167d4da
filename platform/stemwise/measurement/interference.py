"""What an estimate's error is made of: other references of the song, or nothing that is in it.

Le Roux, Wisdom, Erdogan and Hershey, "SDR – half-baked or well done?" (ICASSP 2019): with
a = ⟨x̂,x⟩/‖x‖², x̂ = a·x + e_interf + e_artif, where e_interf is the orthogonal projection of x̂ − a·x on
the span of all references r_k. With G the references' Gram matrix, C their products with the estimates,
β = G⁺Cᵀ and δ = β − a (at x itself),

* ‖e_interf‖² = δᵀGδ,  ‖e_artif‖² = ‖x̂‖² − 2βᵀc + βᵀGβ,

in any part of the track with that part's products, and ⟨Px̂ᵢ, Px̂ⱼ⟩ = (C G⁺ Cᵀ)ᵢⱼ for blends.

References may depend on each other (a stem given twice, a sum beside its parts). G is scaled to a unit
diagonal, and eigenvectors below `DEPENDENT` are no directions of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.measurement.energy_ratios import ROUNDING

Float = npt.NDArray[np.float64]
# A combination of references with less than this part of its terms' energy (−100 dB) is rounding of
# files, not another sound; float64 still knows its direction to five digits.
DEPENDENT = 1e-10


@dataclass(frozen=True)
class Products:
    """Inner products in each block of a track, summed over channels; x is the first reference.

    Attributes:
        references: `(blocks, references, references)`.
        across: of estimates and references, `(blocks, estimates, references)`.
        estimates: of the estimates, `(blocks, estimates, estimates)`.
    """

    references: Float
    across: Float
    estimates: Float


@dataclass(frozen=True)
class Parts:
    """The energies of an error's two parts, and what blends need.

    Attributes:
        interference, artifacts: `(blocks, estimates)`; they add up to those of the track.
        span: products of the estimates' projections over the whole track, `(estimates, estimates)`.
    """

    interference: Float
    artifacts: Float
    span: Float


def parts_of_error(products: Products) -> Parts:
    """Split the error of every estimate into interference and artefacts.

    An energy that float64 cannot tell from 0 is 0 in every block: below `ROUNDING` of
    (‖x̂‖ + Σ abs(β_k)·‖r_k‖)², or of what the directions left out could hold.
    """
    total = products.references.sum(axis=0)
    across, own = products.across.sum(axis=0), products.estimates.sum(axis=0)
    scale = np.sqrt(np.diagonal(total))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    square = inverse[:, None] * inverse
    weights, coordinates, lost = _solve(total * square, across * inverse)
    gain = across[:, 0] * inverse[0] ** 2
    rest = weights.copy()
    rest[:, 0] -= gain * scale[0]
    interference = _energy(rest, products.references * square)
    shared = np.einsum("bek,ek->be", products.across * inverse, weights)
    energies = np.diagonal(products.estimates, axis1=1, axis2=2)
    artifacts = energies - 2 * shared + _energy(weights, products.references * square)
    size = np.sqrt(np.diagonal(own)) + np.abs(weights).sum(axis=1)
    bound = (ROUNDING + lost) * size**2
    clean, inside = (part.sum(axis=0) <= bound for part in (interference, artifacts))
    span = _settle(coordinates @ coordinates.T, clean, gain[:, None] * across[:, 0])
    return Parts(
        np.where(clean, 0.0, np.maximum(interference, 0.0)),
        np.where(inside, 0.0, np.maximum(artifacts, 0.0)),
        _settle(span, inside, own),
    )


def _solve(gram: Float, across: Float) -> tuple[Float, Float, float]:
    """Return β of scaled references, the estimates' coordinates in their span, and what was left out.

    Args:
        gram: of references of unit energy (0 where silent), `(references, references)`.
        across: their products with the estimates, `(estimates, references)`.
    """
    values, vectors = np.linalg.eigh(gram)
    kept = values > DEPENDENT
    roots = np.sqrt(values[kept])
    coordinates = across @ vectors[:, kept] / roots
    lost = max(0.0, float(values[~kept].max(initial=0.0)))
    return coordinates / roots @ vectors[:, kept].T, coordinates, lost


def _energy(weights: Float, grams: Float) -> Float:
    """Return wᵀGw, `(blocks, estimates)`, of weights `(estimates, references)`."""
    value: Float = np.einsum("ei,bij,ej->be", weights, grams, weights, optimize=True)
    return value


def _settle(span: Float, which: npt.NDArray[np.bool_], known: Float) -> Float:
    """Give the estimates at `which` the products with all others that are `known` to be theirs."""
    span = np.where(which[:, None], known, span)
    return np.where(which[None, :] & ~which[:, None], known.T, span)
