"""A song measured for blends over all stems: rows beside the others, which stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.evaluation.settings import MetricSettings
from stemwise.selection.form_table import stack
from stemwise.storage import tables

ON = MetricSettings(cross_stem=True)


@pytest.fixture
def pair(model):
    """Two models that make both stems."""
    return [model(name, {"vocals": one, "drums": two})[0] for name, one, two in
            (("a", 0.5, 0.25), ("b", 0.75, 0.5))]  # fmt: skip


def test_every_stem_has_the_signals_of_all_stems(song, evaluate, pair):
    result = evaluate(song(), *pair, metric=ON)
    rows = tables.framed("cross", result.tables["cross"])
    assert rows["stem"].to_list() == ["vocals", "drums"]
    assert rows["signals"][0].to_list() == [
        *("mixture", "a/vocals", "a/drums", "b/vocals", "b/drums"),
        *("wiener/vocals", "wiener/drums"),
    ]
    told = tables.framed("forms", result.tables["forms"])["references"]
    assert rows["references"].to_list() == told.to_list()


def test_they_say_of_a_stems_own_estimates_what_forms_say(song, evaluate, pair):
    result = evaluate(song(), *pair, metric=ON)
    forms = tables.framed("forms", result.tables["forms"])
    cross = tables.framed("cross", result.tables["cross"]).rename({"signals": "models"})
    for stem in ("vocals", "drums"):
        own = stack(stem, ["mixture", "a", "b"], forms.filter(stem=stem))
        every = stack(stem, ["mixture", f"a/{stem}", f"b/{stem}"], cross.filter(stem=stem))
        for name in ("energy", "cross", "gram", "projection", "overlap", "span"):
            expected = getattr(own, name)
            error = np.abs(getattr(every, name) - expected).max()
            assert error <= 1e-9 * np.abs(expected).max(), name


def test_it_is_measured_only_where_it_is_asked_for_and_changes_nothing_else(song, evaluate, pair):
    track = song()
    without, together = evaluate(track, *pair), evaluate(track, *pair, metric=ON)
    assert without.tables["cross"] == [] and len(together.tables["cross"]) == 2
    for name in ("measurements", "forms", "scores"):
        assert without.tables[name] == together.tables[name], name


def test_a_song_whose_estimates_cannot_be_read_keeps_its_other_scores(
    song, evaluate, pair, monkeypatch
):
    def fails(*_):
        raise OSError("no room")

    monkeypatch.setattr("stemwise.evaluation.cross_stem.wiener", fails)
    result = evaluate(song(), *pair, metric=ON)
    assert result.tables["cross"] == [] and result.failures == 1
    assert "no room" in result.tables["tracks"][0]["problems"][0]
    assert all(row["status"] == "ok" for row in result.tables["scores"])
