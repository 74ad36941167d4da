"""The paper's Tables 2 and 3, and its comparison by bleed, as text."""

from __future__ import annotations

import polars as pl

from stemwise.report.level2 import by_bleed, sub_stems
from stemwise.report.tables import winners
from stemwise.storage.tables import to_table


def score(stem, model, source, snr, parent="drums", **more):
    return {
        "dataset": "d",
        "track_id": "t",
        "parent": parent,
        "parent_source": source,
        "parent_model": "wide" if source == "estimate" else None,
        "stem": stem,
        "model": model,
        "status": "ok",
        "paper_snr": snr,
        "paper_sdr": snr + 1,
        "score": snr,
    } | more


def frame(rows, name="scores"):
    return pl.from_arrow(to_table(name, rows))


def test_sub_stems_have_a_row_per_model_and_both_parents_in_it():
    rows = [
        score(stem, model, source, snr)
        for stem, model, source, snr in (
            ("snare", "splitter", "estimate", 1.0),
            ("snare", "splitter", "reference", 4.0),
            ("snare", "mixture", "estimate", -3.0),
            ("snare", "mixture", "reference", -2.0),
            ("kick", "splitter", "reference", 8.0),
        )
    ]
    table = sub_stems(frame(rows), "drums", ["wide", "splitter"])
    assert table.name == "table2"
    assert table.rows == (
        ("kick", "splitter", "–", "–", "8.00", "9.00", "1"),
        ("snare", "input (floor)", "-3.00", "-2.00", "-2.00", "-1.00", "1"),
        ("snare", "splitter", "1.00", "2.00", "4.00", "5.00", "1"),
    )
    assert "Estimated drums by wide." in table.note
    assert sum(table.groups) == len(table.columns) - 1


def test_the_note_says_what_counts_as_a_part_of_drums():
    rows = frame([score("kick", "m", "reference", 1.0)])
    tracks = [{"dataset": "d", "track_id": "t", "drum_parts": "close_mics"}]
    note = sub_stems(rows, "drums", ["m"], frame(tracks, "tracks")).note
    assert "(dataset.drum_parts=close_mics)" in note and "do not sum" in note
    tracks[0]["drum_parts"] = None
    assert "drum_parts" not in sub_stems(rows, "drums", ["m"], frame(tracks, "tracks")).note


def test_lead_vocals_have_a_row_per_voice():
    rows = [
        score("lead_vocals", "m", "reference", 1.0, "vocals", voice="male"),
        score("lead_vocals", "m", "reference", 2.0, "vocals", voice="female", track_id="u"),
    ]
    table = sub_stems(frame(rows), "vocals", ["m"])
    assert table.name == "table3"
    assert [row[0] for row in table.rows] == ["lead_vocals (female)", "lead_vocals (male)"]
    assert "Estimated" not in table.note


def test_a_run_without_level_two_has_empty_tables():
    rows = frame([score("vocals", "m", "mixture", 1.0, "mixture")])
    assert sub_stems(rows, "drums", ["m"]).rows == by_bleed(rows).rows == ()


def test_bleed_is_shown_with_its_counts():
    rows = [
        score("backing_vocals", "m", "estimate", 1.0, "vocals", paper_sdr=4.0, has_bleed=True),
        score("backing_vocals", "m", "estimate", 1.0, "vocals", has_bleed=False, track_id="u"),
    ]
    expected = ("backing_vocals", "m", "vocals (estimate)", "3.00", "1.00", "2.00", "1", "1")
    table = by_bleed(frame(rows))
    assert table.rows == (expected,)
    assert len(table.columns) == len(expected)


def test_sub_stems_that_one_model_makes_have_no_winner():
    def chosen(stem, runner_up, source):
        return {
            "dataset": "d",
            "track_id": "t",
            "parent": "drums",
            "parent_source": source,
            "stem": stem,
            "model": "a",
            "score": 1.0,
            "runner_up": runner_up,
            "margin": 1.0,
            "win_probability": 1.0,
        }

    selections = frame(
        [
            chosen("kick", None, "estimate"),
            chosen("snare", "b", "estimate"),
            chosen("snare", "b", "reference"),
        ],
        "selections",
    )
    table = winners(selections, frame([score("kick", "mixture", "estimate", 0.0)]))
    assert [row[0] for row in table.rows] == ["snare (estimated drums)", "snare (true drums)"]


def test_an_input_that_is_the_stem_loses_no_song_and_its_own_count_is_shown():
    rows = []
    for number in range(5):
        head = {"parent": "vocals", "track_id": f"t{number}"}
        floor = float("inf") if number else 1.0
        rows += [
            score("lead_vocals", "mixture", "reference", floor, **head),
            score("lead_vocals", "mixture", "estimate", -1.0, **head),
            score("lead_vocals", "m", "reference", 4.0, **head),
            score("lead_vocals", "m", "estimate", 2.0, **head),
        ]
    table = sub_stems(frame(rows), "vocals", ["m"])
    assert table.rows == (
        ("lead_vocals", "input (floor)", "-1.00", "0.00", "1.00", "2.00", "5 / 1"),
        ("lead_vocals", "m", "2.00", "3.00", "4.00", "5.00", "5"),
    )
    assert "left out" not in table.note


def test_songs_that_drop_out_are_counted():
    rows = [
        score("lead_vocals", "m", source, snr, "vocals", track_id=track)
        for source in ("estimate", "reference")
        for track, snr in (("a", 1.0), ("b", 2.0))
    ]
    rows += [
        score("lead_vocals", "n", s, 1.0, "vocals", track_id="a") for s in ("estimate", "reference")
    ]
    table = sub_stems(frame(rows), "vocals", ["m", "n"])
    assert [row[-1] for row in table.rows] == ["1", "1"]
    assert "no finite score there: lead_vocals 1." in table.note
