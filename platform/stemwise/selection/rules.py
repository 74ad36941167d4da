"""How two scores in dB become the one that the selection compares.

The paper takes the harmonic mean of SNR and SDR. On decibels that is ill-posed: 2ab/(a+b) has a pole
at a + b = 0 and can prefer a model that is worse in both. The default rule is therefore the harmonic
mean of the two *power ratios*, which is monotone in both and never more than 3.01 dB above the
smaller one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemwise.core import config_dirs, plugins
from stemwise.core.checks import one_of
from stemwise.core.errors import ConfigError

# of the YAMLs that name rules
GROUP = "selection"
Float = npt.NDArray[np.float64]
Rule = Callable[[npt.ArrayLike, npt.ArrayLike], Float]


def linear(a: npt.ArrayLike, b: npt.ArrayLike) -> Float:
    """Return −10·log10((10^(−a/10) + 10^(−b/10))/2), the harmonic mean of power ratios, in dB."""
    first, second = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    # factor out the larger exponent, so that nothing over- or underflows
    smaller = np.minimum(first, second)
    with np.errstate(invalid="ignore"):
        difference = np.where(first == second, 0.0, np.abs(first - second))
    out = smaller - 10 * np.log10((1 + 10 ** (-difference / 10)) / 2)
    return np.where(np.isnan(first) | np.isnan(second), np.nan, out)


def paper_guarded(a: npt.ArrayLike, b: npt.ArrayLike) -> Float:
    """Return 2ab/(a+b) of two dB values where both are positive, else the smaller one."""
    first, second = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    smaller = np.minimum(first, second)
    both = (first > 0) & (second > 0)
    return np.where(both, _harmonic(first, second, both), smaller)


def paper_naive(a: npt.ArrayLike, b: npt.ArrayLike) -> Float:
    """Return 2ab/(a+b) of two dB values as the paper's text says; for comparison only."""
    first, second = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * first * second / (first + second))


def _harmonic(first: Float, second: Float, where: npt.NDArray[np.bool_]) -> Float:
    """Return 2/(1/a + 1/b), which has the right limits for infinite values."""
    a, b = np.where(where, first, 1.0), np.where(where, second, 1.0)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(2 / (1 / a + 1 / b))


def get_rule(name: str) -> Rule:
    """Return the rule called `name`: the function that conf/selection/NAME.yaml names.

    Raises:
        ConfigError: no such rule, or its function does not make one score of two.
    """
    return _rule(name, config_dirs.config_dirs())


@cache
def _rule(name: str, _: tuple[Path, ...]) -> Rule:
    one_of("selection.rule", name, plugins.having_target(GROUP))
    rule: Rule = plugins.function(GROUP, name, ("first", "second"))
    tried = np.array([[-3.0, 0.0, 12.0], [1.0, 7.5, np.nan]])
    try:
        made = np.asarray(rule(tried, tried[::-1]), np.float64)
    except Exception as error:
        raise ConfigError(
            f"{config_dirs.path(GROUP, name)}: the rule fails on arrays of scores in dB "
            f"({type(error).__name__}: {error})."
        ) from error
    if made.shape != tried.shape:
        raise ConfigError(
            f"{config_dirs.path(GROUP, name)}: the rule makes {made.shape} of two arrays of "
            f"{tried.shape}; it must return one score for each two."
        )
    return rule
