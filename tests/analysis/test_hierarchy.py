"""Level 2 in numbers: matched across parents, split by voice, contrasted by bleed."""

from __future__ import annotations

import polars as pl
import pytest

from stemwise.analysis.hierarchy import bleed_contrast, sub_stem_means
from stemwise.storage.tables import to_table


def row(track, stem, model, source, snr, *, gap=1.0, parent="vocals", **more):
    return {
        "dataset": "d",
        "track_id": track,
        "parent": parent,
        "parent_source": source,
        "stem": stem,
        "model": model,
        "status": "ok",
        "paper_snr": snr,
        "paper_sdr": snr + gap,
        "score": snr,
    } | more


def frame(rows):
    return pl.from_arrow(to_table("scores", rows))


def means(rows):
    return {
        (found["stem"], found["voice"], found["model"], found["parent_source"]): found
        for found in sub_stem_means(frame(rows)).iter_rows(named=True)
    }


def test_both_parents_are_compared_on_the_same_tracks():
    rows = [
        row("easy", "backing_vocals", "m", "reference", 10.0),
        row("hard", "backing_vocals", "m", "reference", 2.0),
        row("hard", "backing_vocals", "m", "estimate", 1.0),
    ]
    found = means(rows)
    true = found["backing_vocals", None, "m", "reference"]
    assert (true["paper_snr"], true["tracks"], true["dropped"]) == (2.0, 1, 1)
    assert found["backing_vocals", None, "m", "estimate"]["paper_snr"] == 1.0


def test_lead_vocals_are_split_by_voice_and_others_are_not():
    rows = [
        row("a", "lead_vocals", "m", "reference", 4.0, voice="male"),
        row("b", "lead_vocals", "m", "reference", 6.0, voice="female"),
        row("c", "lead_vocals", "m", "reference", 8.0, voice="female"),
        row("a", "backing_vocals", "m", "reference", 1.0, voice="male"),
        row("b", "backing_vocals", "m", "reference", 3.0, voice="female"),
    ]
    found = means(rows)
    assert {key: value["paper_snr"] for key, value in found.items()} == {
        ("lead_vocals", "male", "m", "reference"): 4.0,
        ("lead_vocals", "female", "m", "reference"): 7.0,
        ("backing_vocals", None, "m", "reference"): 2.0,
    }


def test_level_one_and_the_oracle_are_left_out():
    rows = [
        row("a", "vocals", "m", "mixture", 4.0, parent="mixture"),
        row("a", "lead_vocals", "oracle", "reference", 4.0),
        row("a", "lead_vocals", "m", "reference", 4.0),
    ]
    assert set(means(rows)) == {("lead_vocals", None, "m", "reference")}


def test_the_bleed_contrast_is_the_difference_of_mean_gaps():
    """|SNR − SDR| is 3 and 5 with bleed, 1 without: 4 − 1 = 3, whatever the gaps' signs are."""
    rows = [
        row("a", "backing_vocals", "m", "estimate", 0.0, gap=-3.0, has_bleed=True),
        row("b", "backing_vocals", "m", "estimate", 9.0, gap=5.0, has_bleed=True),
        row("c", "backing_vocals", "m", "estimate", 2.0, gap=1.0, has_bleed=False),
        row("d", "backing_vocals", "m", "estimate", 2.0, gap=99.0, has_bleed=None),
        row(
            "e", "backing_vocals", "m", "estimate", 0.0, gap=50.0, has_bleed=False, status="failed"
        ),
        row("a", "lead_vocals", "m", "estimate", 0.0, has_bleed=True),
    ]
    (found,) = bleed_contrast(frame(rows)).iter_rows(named=True)
    assert found["stem"] == "backing_vocals"
    assert (found["with_bleed"], found["without"]) == (pytest.approx(4.0), pytest.approx(1.0))
    assert found["difference"] == pytest.approx(3.0)
    assert (found["tracks_with"], found["tracks_without"]) == (2, 1)


def test_songs_whose_input_is_the_lead_count_for_every_model():
    """No backing vocals: the true parent is the lead, and the floor +inf (4 of 5 songs of one run)."""
    rows = []
    for number in range(5):
        floor = float("inf") if number else 1.0
        rows += [
            row(f"t{number}", "lead_vocals", "mixture", "reference", floor),
            row(f"t{number}", "lead_vocals", "mixture", "estimate", -1.0),
            row(f"t{number}", "lead_vocals", "m", "reference", float(number)),
            row(f"t{number}", "lead_vocals", "m", "estimate", float(number) - 1),
        ]
    found = means(rows)
    own = found["lead_vocals", None, "m", "reference"]
    assert (own["paper_snr"], own["tracks"], own["dropped"]) == (2.0, 5, 0)
    floor = found["lead_vocals", None, "mixture", "reference"]
    assert (floor["paper_snr"], floor["tracks"]) == (1.0, 1)
    assert found["lead_vocals", None, "mixture", "estimate"]["tracks"] == 5


def test_bleed_counts_what_it_leaves_out():
    rows = [
        row("a", "lead_vocals", "m", "estimate", 0.0, gap=3.0, has_bleed=True),
        row("b", "lead_vocals", "m", "estimate", 0.0, gap=1.0, has_bleed=False),
        row("c", "lead_vocals", "m", "estimate", 0.0, gap=float("inf"), has_bleed=False),
        row("d", "lead_vocals", "m", "estimate", 0.0, has_bleed=True) | {"paper_sdr": None},
    ]
    (found,) = bleed_contrast(frame(rows)).to_dicts()
    assert (found["tracks_with"], found["tracks_without"], found["dropped"]) == (1, 1, 2)
