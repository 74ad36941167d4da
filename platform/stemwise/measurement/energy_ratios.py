"""SNR and SI-SDR from inner products, and the decibel conventions of all scores.

A ratio is kept as it is: +inf for a residual of 0, −inf for a target of 0, NaN where both are 0
(undefined; tables store null with a status). No epsilon is added anywhere.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
# Of two energies that cancel, float64 leaves this part (−140 dB) over: less is 0.
ROUNDING = 1e-14


def decibels(target: npt.ArrayLike, residual: npt.ArrayLike) -> Float:
    """Return 10·log10(target/residual) of two energies, elementwise, with the limits ±inf and NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.log10(np.asarray(target)) - np.log10(np.asarray(residual))
        return np.asarray(10 * difference, dtype=np.float64)


def snr_energies(rr: npt.ArrayLike, ry: npt.ArrayLike, yy: npt.ArrayLike) -> tuple[Float, Float]:
    """Return (‖x‖², ‖x − x̂‖²) from ⟨x,x⟩, ⟨x,x̂⟩, ⟨x̂,x̂⟩.

    A residual that cancels below 0 in float64 is 0.
    """
    target = np.asarray(rr, dtype=np.float64)
    residual = target - 2 * np.asarray(ry) + np.asarray(yy)
    return target, np.maximum(residual, 0.0)


def si_sdr_energies(
    rr: npt.ArrayLike, ry: npt.ArrayLike, yy: npt.ArrayLike, gain: npt.ArrayLike
) -> tuple[Float, Float]:
    """Return (‖a·x‖², ‖x̂ − a·x‖²) for the gain a (SI-SDR of Le Roux et al. 2019, eq. 3)."""
    a = np.asarray(gain, dtype=np.float64)
    target = a**2 * np.asarray(rr)
    residual = np.asarray(yy) - 2 * a * np.asarray(ry) + target
    return target, np.maximum(residual, 0.0)


def interference_energies(
    rr: npt.ArrayLike, ry: npt.ArrayLike, pp: npt.ArrayLike, size: npt.ArrayLike
) -> tuple[Float, Float]:
    """Return (‖a·x‖², ‖e_interf‖²) of SI-SIR (see `interference`).

    Args:
        rr, ry: ⟨x,x⟩ and ⟨x,x̂⟩.
        pp: energy of the estimate's projection on the span of all references.
        size: sum of the levels of what the estimate is made of, whose rounding counts as 0.
    """
    target = _scaled_target(rr, ry)
    return target, _rounded(np.asarray(pp) - target, size)


def artifact_energies(
    rr: npt.ArrayLike, ry: npt.ArrayLike, outside: npt.ArrayLike, size: npt.ArrayLike
) -> tuple[Float, Float]:
    """Return (‖a·x‖², ‖e_artif‖²) of SI-SAR, of `outside`, the energy that is not in that projection."""
    return _scaled_target(rr, ry), _rounded(outside, size)


def _scaled_target(rr: npt.ArrayLike, ry: npt.ArrayLike) -> Float:
    """Return ‖a·x‖², which is NaN for a silent reference."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.square(ry) / np.asarray(rr), dtype=np.float64)


def _rounded(energy: npt.ArrayLike, size: npt.ArrayLike) -> Float:
    """Return `energy`, or 0 where it is what rounding leaves of `size`²."""
    value = np.asarray(energy, dtype=np.float64)
    return np.where(value <= ROUNDING * np.square(size), 0.0, value)


def snr(rr: npt.ArrayLike, ry: npt.ArrayLike, yy: npt.ArrayLike) -> Float:
    """Return 10·log10(‖x‖² / ‖x − x̂‖²), equation 2 of the paper, in dB."""
    return decibels(*snr_energies(rr, ry, yy))


def si_sdr(rr: npt.ArrayLike, ry: npt.ArrayLike, yy: npt.ArrayLike) -> Float:
    """Return the SNR after the best single gain on the reference, in dB."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.asarray(ry) / np.asarray(rr)
    return decibels(*si_sdr_energies(rr, ry, yy, gain))
