"""Rows of scores tell what their paper_snr and paper_sdr are, and how the floor is judged."""

from __future__ import annotations

import math

import polars as pl
import pytest

from stemwise.analysis.aggregate import with_floor
from stemwise.analysis.measures import in_their_place, pairs_of, shared_titles, titles

COLUMNS = {"snr": 1.0, "si_sdr": 2.0, "bss_sdr": 3.0, "si_sir": 4.0, "si_sar": 5.0}


def rows(pairs, **values):
    """Return a row of scores per stem, its pair copied."""
    found = []
    for number, (stem, (first, second)) in enumerate(pairs.items()):
        own = {name: value + number for name, value in (COLUMNS | values).items()}
        found.append({"stem": stem, "paper_snr": own[first], "paper_sdr": own[second], **own})
    return pl.DataFrame(found)


def test_each_stem_tells_its_own_pair():
    pairs = {"vocals": ("snr", "snr"), "drums": ("si_sar", "si_sar"), "other": ("snr", "bss_sdr")}
    assert pairs_of(rows(pairs)) == pairs
    told = in_their_place(pairs)
    assert told == "Instead of SNR and SDR: SNR of vocals; SI-SAR of drums."
    assert in_their_place({"other": ("snr", "bss_sdr")}) == ""


def test_where_columns_agree_or_nothing_is_known_it_is_the_usual_pair():
    """A perfect estimate has the same number in all of them."""
    perfect = rows({"vocals": ("snr", "bss_sdr")}, **dict.fromkeys(COLUMNS, math.inf))
    assert pairs_of(perfect) == {"vocals": ("snr", "bss_sdr")}
    unknown = rows({"vocals": ("snr", "bss_sdr")}).with_columns(paper_snr=pl.lit(99.0))
    assert pairs_of(unknown)["vocals"] == ("snr", "bss_sdr")
    nothing = rows({"vocals": ("snr", "bss_sdr")}).with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ("paper_snr", "paper_sdr", *COLUMNS)
    )
    assert pairs_of(nothing)["vocals"] == ("snr", "bss_sdr")


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("snr", "bss_sdr")], ("SNR", "SDR")),
        ([("snr", "si_sdr")] * 2, ("SNR", "SI-SDR")),
        ([("snr", "si_sdr"), ("snr", "bss_sdr")], ("paper_snr", "paper_sdr")),
        ([("si_sar", "si_sar")], ("paper_snr", "paper_sdr")),
    ],
)
def test_headings_over_several_stems_name_what_all_of_them_have(pairs, expected):
    assert shared_titles(pairs) == expected
    assert titles(("si_sar", "si_sar")) == ("SI-SAR",)


@pytest.mark.parametrize(("pair", "above"), [(("si_sar",) * 2, True), (("snr", "bss_sdr"), True)])
def test_whoever_has_fewer_artefacts_than_the_mixture_is_not_asked(pair, above):
    """The mixture's SI-SAR is infinite and its SNR bad: the floor is its SNR."""
    key = {"dataset": "d", "track_id": "t", "parent": "mixture", "parent_source": "mixture"}
    model = {"snr": 5.0, "bss_sdr": 5.0, "si_sar": 9.0}
    mixture = {"snr": -3.0, "bss_sdr": -3.0, "si_sar": math.inf}
    scores = pl.DataFrame(
        [
            {**key, "stem": "drums", "model": name, **own}
            | {"paper_snr": own[pair[0]], "paper_sdr": own[pair[1]], "score": own[pair[0]]}
            for name, own in (("a", model), ("mixture", mixture))
        ]
    )
    chosen = scores.filter(pl.col("model") == "a").select(*key, "stem", "model", "score")
    assert with_floor(chosen, scores)["above_floor"].to_list() == [above]
    worse = scores.with_columns(snr=-pl.col("snr"), bss_sdr=-pl.col("bss_sdr"))
    worse = worse.with_columns(paper_snr=pl.col(pair[0]), paper_sdr=pl.col(pair[1]))
    worse = worse.with_columns(score=pl.col(pair[0]))
    chosen = worse.filter(pl.col("model") == "a").select(*key, "stem", "model", "score")
    assert with_floor(chosen, worse)["above_floor"].to_list() == [False]
