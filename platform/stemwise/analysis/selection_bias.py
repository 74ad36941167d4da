"""What a gain is worth that was kept *because* it was large: an estimate after selection.

A blend is kept where the interval of its held-out gain lies above 0. Among those that are kept the
measured gain is too large in the mean, the more so the less certain it is (the winner's curse). The
likelihood that takes the selection into account corrects for it.
"""

from __future__ import annotations

from scipy import optimize, stats

# of a normal distribution: half of a 95 % interval is so many standard errors
_Z95 = 1.959964


def shrunken(gain: float, low: float) -> float:
    """Return the gain in dB that is most likely, given that it was kept for being above its threshold.

    With standard error s = (gain − low)/1.96, a gain is kept if it exceeds c = gain − low. The estimate
    maximises φ((gain − δ)/s) / Φ((δ − c)/s) over δ from 0 to the gain itself: the conditional maximum
    likelihood of Ghosh, Zou & Wright (2008) and of Zhong & Prentice (2008).

    Args:
        gain: as measured, above 0.
        low: lower end of its 95 % interval, above 0.
    """
    threshold = gain - low
    if threshold <= 0:
        return gain
    error = threshold / _Z95

    def loss(true: float) -> float:
        squares = ((gain - true) / error) ** 2 / 2
        return float(squares + stats.norm.logcdf((true - threshold) / error))

    found = optimize.minimize_scalar(loss, bounds=(0.0, gain), method="bounded")
    return 0.0 if loss(0.0) <= loss(float(found.x)) else float(found.x)
