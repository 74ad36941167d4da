"""What a given blend of a run's models would have scored, track by track, without audio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.selection.form_table import stack
from stemwise.selection.keys import KEY, STEM, TRACK, PairOf
from stemwise.selection.stem_forms import LINEAR_SCORES

SCHEMA = dict.fromkeys(KEY, pl.String) | dict.fromkeys((*LINEAR_SCORES, "score"), pl.Float64)


def blend_scores(
    forms: pl.DataFrame,
    scores: pl.DataFrame,
    weights: Mapping[str, Mapping[str, float]],
    pair_of: PairOf,
    rule: str,
) -> pl.DataFrame:
    """Return the scores of a blend on every track that has all its models.

    A sub-stem has rows below each parent that it was measured below.

    Args:
        forms: rows of `forms`.
        scores: rows of `scores`, which say where the reference has sound.
        weights: stem → model → weight; weights need not add up to 1.
        pair_of: the two scores that make up `score`, by stem.
        rule: makes one number of both.

    Returns:
        The columns of `KEY`, the scores in dB and `score`, sorted; null where one is not defined.

    Raises:
        ConfigError: a stem or model that the run lacks, weights that are no numbers, or a score that
            needs the audio.
    """
    good = scores.filter(pl.col("status") == "ok").select(KEY).unique()
    sounding = forms.join(good, on=list(KEY), how="semi")
    found = [pl.DataFrame(schema=SCHEMA)]
    for stem, own in weights.items():
        rows = sounding.filter(pl.col("stem") == stem)
        _check(stem, own, rows, forms["stem"].unique().sort().to_list())
        for key, group in sorted(rows.group_by(STEM), key=lambda item: str(item[0])):
            stacked = stack(stem, list(own), group)
            values = np.array([float(weight) for weight in own.values()])
            numbers = {name: getattr(stacked, name)(values) for name in LINEAR_SCORES}
            numbers["score"] = stacked.score(values, pair_of(stem), rule)
            place = [pl.lit(v, pl.String).alias(k) for k, v in zip(STEM, key, strict=True)]
            tracks = pl.DataFrame(
                stacked.tracks, schema=dict.fromkeys(TRACK, pl.String), orient="row"
            )
            columns = [pl.Series(name, v, pl.Float64).fill_nan(None) for name, v in numbers.items()]
            found.append(tracks.with_columns(*place, *columns).select(*SCHEMA))
    return pl.concat(found).sort(KEY)


def _check(stem: str, own: Mapping[str, float], rows: pl.DataFrame, stems: Sequence[str]) -> None:
    """Refuse what cannot be blended (ConfigError)."""
    if stem not in stems:
        near = did_you_mean(stem, stems)
        raise ConfigError(f"This run has no stem {stem!r}: {near}it has {', '.join(stems)}.")
    known = sorted({name for names in rows["models"].to_list() for name in names})
    for model, weight in own.items():
        if model not in known:
            near = did_you_mean(model, known)
            raise ConfigError(
                f"No track has {stem} of {model!r}: {near}models of {stem} are {', '.join(known)}."
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float | np.number):
            raise ConfigError(f"The weight {weight!r} of {model} is no number.")
        if not np.isfinite(weight):
            raise ConfigError(f"The weight {weight} of {model} is not finite.")
    if not own:
        raise ConfigError(f"{stem} has no weights: give {{model: weight}}.")
