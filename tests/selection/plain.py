"""Winners, their confidence and the segment oracle row by row: slow, plain, what columns must equal."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from stemwise.measurement.energy_ratios import decibels, si_sdr_energies, snr_energies
from stemwise.measurement.gram import unpack
from stemwise.selection.bootstrap import stable_seed
from stemwise.selection.rules import get_rule

KEY = ("dataset", "track_id", "parent", "parent_source", "stem")


def key_of(row):
    return tuple(row[name] for name in KEY)


def grouped(rows):
    found = {}
    for row in rows:
        found.setdefault(key_of(row), []).append(row)
    return found


def energies(name, blocks, models):
    """Return target and residual `(models, blocks)`."""
    places = [list(blocks[0]["signals"]).index(model) for model in models]
    if name == "bss_sdr":
        columns = ("bss_projection", "bss_remainder")
        return [np.array([[row[c][i - 1] for row in blocks] for i in places]) for c in columns]
    grams = unpack(np.array([row["gram"] for row in blocks]))
    rr = np.array([grams[:, 0, 0] for _ in places])
    ry, yy = (np.array([grams[:, a, i] for a, i in pairs]) for pairs in _pairs(places))
    if name == "snr":
        return snr_energies(rr, ry, yy)
    return si_sdr_energies(rr, ry, yy, (ry.sum(axis=1) / rr.sum(axis=1))[:, None])


def _pairs(places):
    return [(0, i) for i in places], [(i, i) for i in places]


def regroup(values, seconds, block_s):
    count = values.shape[-1]
    size = max(1, min(round(block_s / seconds), count // 8))
    whole = max(1, count // size)
    edges = [*range(0, whole * size, size), count]
    return np.stack([values[..., a:b].sum(axis=-1) for a, b in pairwise(edges)], -1)


def both(blocks, models, pair, block_s):
    ordered = sorted(blocks, key=lambda row: row["block"])
    seconds = ordered[0]["length_s"]
    return [
        [regroup(part, seconds, block_s) for part in energies(name, ordered, models)]
        for name in pair
    ]


def winners(scores, measurements, candidates, pair_of, settings):
    """Return the rows of `selections` by key."""
    good = [r for r in scores if r["model"] in candidates and r["status"] == "ok"]
    blocks, found = grouped(measurements), {}
    for key, group in grouped(r for r in good if r["score"] is not None).items():
        ranked = sorted(group, key=lambda row: (-row["score"], candidates.index(row["model"])))
        second = ranked[1] if len(ranked) > 1 else None
        margin = ranked[0]["score"] - second["score"] if second else None
        own = dict(zip(KEY, key, strict=True)) | {
            "model": ranked[0]["model"],
            "score": ranked[0]["score"],
            "runner_up": second and second["model"],
            "margin": None if margin is None or math.isnan(margin) else margin,
            "rule": settings.rule,
        }
        models = [row["model"] for row in ranked]
        found[key] = own | _confidence(key, models, blocks[key], pair_of(key[-1]), settings)
    return found


def _confidence(key, models, blocks, pair, settings):
    names = ("win_probability", "margin_low", "margin_high")
    if len(models) < 2:
        return dict(zip(names, (1.0, None, None), strict=True))
    (first, second) = both(blocks, models, pair, settings.bootstrap_block_s)
    count = first[0].shape[1]
    if count < 2:
        return dict.fromkeys(names)
    generator = np.random.default_rng(stable_seed(settings.seed, key[:2]))
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=settings.draws)
    won, margins = 0, []
    for times in drawn:
        parts = [
            decibels((target * times).sum(axis=1), (residual * times).sum(axis=1))
            for target, residual in (first, second)
        ]
        scores = np.nan_to_num(get_rule(settings.rule)(*parts), nan=-np.inf, posinf=np.inf)
        won += int(np.argmax(scores)) == 0
        margins.append(scores[0] - scores[1])
    low, high = np.percentile([m for m in margins if np.isfinite(m)], [2.5, 97.5])
    return dict(zip(names, (won / len(drawn), float(low), float(high)), strict=True))


def segment_oracle(blocks, models, pair, rule, segment_s):
    """Return the whole-track score of the best model of every segment."""
    scored = both(blocks, models, pair, segment_s)
    values = get_rule(rule)(*(decibels(*parts) for parts in scored))
    best = [int(np.argmax(np.nan_to_num(column, nan=-np.inf))) for column in values.T]
    totals = [
        decibels(*(sum(part[m, s] for s, m in enumerate(best)) for part in parts))
        for parts in scored
    ]
    return float(get_rule(rule)(*totals))
