"""Kinds of ensembles in the report's words, table and figures."""

from __future__ import annotations

import pytest

from stemwise.report import ledgers
from stemwise.report.figures.drawing import Sheet
from stemwise.report.kinds import verdict
from stemwise.report.page.section_kinds import kinds_section
from stemwise.report.run_tables import read_run
from stemwise.storage import tables

PLACE = {"parent": "mixture", "parent_source": "mixture", "stem": "vocals"}


def row(kind, gain, cost, *, established=None, note=None, models=("a", "b", "c")):
    interval = (None, None) if kind == "best_single" else (gain - 0.5, gain + 0.5)
    return PLACE | {
        "kind": kind,
        "models": list(models),
        "tracks": 9,
        "artists": 7,
        "score": 8 + gain,
        "gain": gain,
        "gain_low": interval[0],
        "gain_high": interval[1],
        "seconds_per_minute": cost,
        "established": established,
        "note": note,
    }


SINGLE = row("best_single", 0.0, 10.0, models=["a"])
LINEAR = [SINGLE, row("mean", -2.5, 45.0), row("blend", 0.75, 30.0, established=True)]
OTHERS = [
    row("median", -1.0, 45.0, established=False, note="below the blend"),
    row("stft_max", 1.5, 45.0, established=True, note="beats the blend"),
]
ALL_STEMS = row("cross_stem", 0.5, 10.0, established=True, models=["a"])


def written(run, rows):
    tables.write(run.output / "tables", "kinds", [tables.to_table("kinds", rows)])
    return read_run(run.output, run.models)


def test_the_table_has_the_best_kind_first(make_run):
    made = ledgers.kinds(written(make_run(level2=False), LINEAR + OTHERS))
    assert [line[1] for line in made.rows] == [
        "stft_max",
        "fitted blend",
        "best single model",
        "median",
        "mean",
    ]
    assert made.rows[0][2:] == (
        "3",
        "9.50",
        "+1.50",
        "1.00 … 2.00",
        "yes",
        "45.0",
        "beats the blend",
    )
    assert made.rows[2][2:] == ("a", "8.00", "–", "–", "–", "10.0", "")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (LINEAR + OTHERS, "Better than the fitted blend with certainty: Vocals: stft_max."),
        (LINEAR + OTHERS[:1], "On no stem does another kind of ensemble beat the fitted blend"),
        ([*LINEAR[:2], *OTHERS[:1]], "no blend is fitted"),
        ([SINGLE, ALL_STEMS], "made by one model"),
    ],
)
def test_the_sentence_names_what_beats_the_blend(rows, said):
    assert said in verdict([("Vocals", one) for one in rows])


def test_the_section_draws_each_stem_and_is_left_out_without_other_kinds(make_run, tmp_path):
    run, sheet = make_run(level2=False), Sheet(tmp_path)
    assert not kinds_section(read_run(run.output, run.models), sheet)
    assert not kinds_section(written(run, LINEAR), sheet)
    assert "all stems: +0.50 dB" in kinds_section(written(run, [*LINEAR, ALL_STEMS]), sheet)
    body = kinds_section(written(run, LINEAR + OTHERS), sheet)
    assert "stft_max: +1.50 dB at 45.0 s" in body
    assert (tmp_path / "kinds-vocals.png").is_file()


def test_ensembles_do_not_crowd_the_models_tables(make_run):
    run = make_run(level2=False)
    scores = tables.read(run.output / "tables", "scores").to_dicts()
    good = next(one for one in scores if one["status"] == "ok")
    bad = good | {"model": "ensemble:broken", "status": "failed", "error": "no"}
    more = [*scores, good | {"model": "ensemble:median"}, bad]
    tables.write(run.output / "tables", "scores", [tables.to_table("scores", more)])
    found = read_run(run.output, run.models)
    assert not any(model.startswith("ensemble:") for model in found.models)
    other = found["scores"]["model"].unique().to_list()
    assert "ensemble:broken" in other and "ensemble:median" not in other
