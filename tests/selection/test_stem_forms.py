"""Stacked forms score as single ones do, on matched tracks only."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.core.errors import ConfigError
from stemwise.measurement.blend import BlendStatistics
from stemwise.measurement.gram import pack
from stemwise.selection import form_table
from stemwise.selection.stem_forms import LINEAR_SCORES

from ..tables_of import frame
from .planted import noisy_models

PAIR = ("snr", "bss_sdr")


def statistics(seed, models=("mixture", "a", "b"), energy=None):
    """Return consistent random forms."""
    random = np.random.default_rng(seed)
    size = len(models)
    x, y, p = (random.normal(size=(n, 40)) for n in (1, size, size))
    x, y = x[0], y + x
    inside = y @ np.linalg.qr(np.stack([x, *random.normal(size=(5, 40))], axis=1))[0]
    return BlendStatistics(
        models,
        float(x @ x) if energy is None else energy,
        y @ x,
        y @ y.T,
        p @ p.T / 50,
        (y @ p.T + p @ y.T) / 100,
        inside @ inside.T,
    )


def stack(stem, models, tracks):
    """Stack single statistics by way of the table `forms`."""
    rows = [
        {
            "dataset": key[0],
            "track_id": key[1],
            "models": list(own.models),
            "energy": own.energy,
            "cross": own.cross.tolist(),
            **{
                n: pack(getattr(own, n)).tolist() for n in ("gram", "projection", "overlap", "span")
            },
        }
        for key, own in tracks.items()
    ]
    return form_table.stack(stem, models, frame("forms", rows))


TRACKS = {("d", name): statistics(seed) for seed, name in enumerate("cab")}


def test_every_track_and_blend_scores_as_it_does_alone():
    forms = stack("vocals", ("b", "a"), TRACKS)
    assert forms.tracks == (("d", "a"), ("d", "b"), ("d", "c"))
    weights = np.random.default_rng(9).normal(size=(4, 5, 2))
    for name in LINEAR_SCORES:
        found = getattr(forms, name)(weights)
        assert found.shape == (4, 5, 3) and np.isfinite(found).all()
        for number, key in enumerate(forms.tracks):
            alone = getattr(TRACKS[key].only(("b", "a")), name)(weights)
            np.testing.assert_allclose(found[..., number], alone, rtol=1e-9)


def test_tracks_may_have_their_models_in_any_order():
    turned = {("d", "z"): statistics(5, ("b", "mixture", "a")), **TRACKS}
    forms = stack("vocals", ("a", "b"), turned)
    for number, key in enumerate(forms.tracks):
        alone = turned[key].only(("a", "b")).bss_sdr((0.3, 0.7))
        np.testing.assert_allclose(forms.bss_sdr((0.3, 0.7))[number], alone, rtol=1e-9)


def test_tracks_without_one_of_the_models_or_silent_are_left_out():
    tracks = dict(TRACKS)
    tracks["d", "z"] = statistics(7, ("mixture", "a"))
    tracks["d", "y"] = statistics(8, energy=0.0)
    assert len(stack("vocals", ("a", "b"), tracks)) == 3
    assert len(stack("vocals", ("a",), tracks)) == 4
    assert len(stack("vocals", ("nobody",), tracks)) == 0


def test_parts_of_the_tracks_and_models():
    forms = noisy_models([0.1, 0.2, 0.4], tracks=6)
    some = forms.at([4, 1]).only(("m2", "m0"))
    assert some.tracks == (forms.tracks[4], forms.tracks[1]) and some.models == ("m2", "m0")
    expected = forms.snr((0.7, 0, 0.3))[[4, 1]]
    np.testing.assert_allclose(some.snr((0.3, 0.7)), expected)
    assert len(forms.at(np.arange(6) < 2)) == 2


def test_the_score_is_the_rule_of_the_pair():
    forms = noisy_models([0.5], tracks=3)
    found = forms.score([1.0], PAIR, "linear")
    a, b = forms.snr([1.0]), forms.bss_sdr([1.0])
    expected = -10 * np.log10((10 ** (-a / 10) + 10 ** (-b / 10)) / 2)
    np.testing.assert_allclose(found, expected)


def test_scores_that_need_audio_are_refused():
    with pytest.raises(ConfigError, match=r"museval_sdr.*bss_sdr"):
        noisy_models([0.5]).score([1.0], ("snr", "museval_sdr"), "linear")


def test_ten_thousand_blends_of_many_tracks_are_scored_in_pieces():
    """More intermediate values than fit at once give the same numbers."""
    forms = noisy_models([0.2, 0.3, 0.5, 0.9], tracks=71)
    weights = np.random.default_rng(0).dirichlet(np.ones(4), size=10_000)
    found = forms.score(weights, PAIR, "linear")
    assert found.shape == (10_000, 71)
    np.testing.assert_allclose(found[9_876], forms.score(weights[9_876], PAIR, "linear"))
