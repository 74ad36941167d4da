"""What is computed in columns, for many tracks at once, equals what plain loops give."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.analysis.cross_fit import each
from stemwise.measurement.energy_ratios import decibels
from stemwise.measurement.gram import pack
from stemwise.selection.confidence import WinConfidence
from stemwise.selection.oracle import (
    SelectionSettings,
    add_scores,
    models_by_key,
    rank,
    selections,
)
from stemwise.selection.segments import SegmentOracle
from stemwise.selection.stem_blocks import over_blocks
from stemwise.selection.stem_forms import StemForms
from stemwise.storage import tables
from stemwise.storage.batches import Batches, BatchWriter

from ..selection import plain
from ..selection.planted import noisy_models
from ..tables_of import batches, frame

MODELS = ("a", "b", "c", "d")
STEMS = ("bass", "drums", "vocals")
PAIRS = {"bass": ("snr", "si_sdr"), "drums": ("snr", "bss_sdr"), "vocals": ("snr", "bss_sdr")}


def song(number):
    """Return rows of measurements and scores of a song: its own number of blocks, models, stems."""
    random = np.random.default_rng(number)
    count, seconds = int(random.integers(1, 90)), float(random.choice([0.5, 1.0, 4.0]))
    measured, scored = [], []
    # a song whose models are fewer and in another order than those of the others
    models = MODELS if number % 3 else MODELS[2::-1]
    for stem in STEMS[: 1 + number % 3]:
        head = {"dataset": "d", "track_id": f"t{number:02}", "stem": stem}
        head |= {"parent": "mixture", "parent_source": "mixture"}
        x = random.normal(size=(count, 1, 20)) * random.gamma(1, 1, (count, 1, 1))
        levels = random.uniform(0.3, 0.4, (len(models) + 1, 1))
        signals = np.concatenate([x, x + levels * random.normal(size=(count, len(levels), 20))], 1)
        energies = (signals[:, 1:] ** 2).sum(-1)
        shares = random.uniform(0.8, 0.9, energies.shape)
        names = ["reference", "mixture", *models]
        values = {
            "gram": pack(signals @ signals.swapaxes(1, 2)),
            "bss_projection": shares * energies,
            "bss_remainder": (1 - shares) * energies,
        }
        measured += [
            head
            | {"block": i, "start_s": i * seconds, "length_s": seconds, "signals": names}
            | {name: own[i].tolist() for name, own in values.items()}
            for i in range(count)
        ]
        for place, model in enumerate(names[1:]):
            row = head | {"model": model, "status": "ok"}
            for name in ("snr", "si_sdr", "bss_sdr"):
                parts = plain.energies(name, measured[-count:], [model])
                row[name] = float(decibels(*(part.sum() for part in parts)))
            scored.append(row)
            if place == 2 and number % 5 == 1:
                scored[-1] |= {"status": "silent_estimate", "bss_sdr": None}
    return measured, scored


@pytest.fixture(scope="module")
def songs():
    made = [song(number) for number in range(14)]
    measured, scored = ([row for own in made for row in own[i]] for i in (0, 1))
    return measured, add_scores(frame("scores", scored), PAIRS.get, "linear")


def test_winners_and_their_confidence(songs):
    measured, scores = songs
    settings = SelectionSettings(draws=60, seed=3)
    ranked = rank(scores, MODELS)
    confidence = WinConfidence(models_by_key(ranked), PAIRS.get, settings)
    over_blocks(batches(measured), [confidence])
    found = selections(ranked, confidence.frame(), "linear").to_dicts()
    expected = plain.winners(scores.to_dicts(), measured, MODELS, PAIRS.get, settings)
    assert len(found) == len(expected) > 20
    assert sum(row["win_probability"] not in (None, 0.0, 1.0) for row in found) > 10
    for row in found:
        same = expected[plain.key_of(row)]
        assert {k: v for k, v in row.items() if not isinstance(v, float)} == {
            k: v for k, v in same.items() if not isinstance(v, float)
        }
        numbers = [k for k, v in same.items() if isinstance(v, float)]
        for name in numbers:
            assert row[name] == pytest.approx(same[name], rel=0, abs=1e-12)


def test_segment_oracles(songs):
    measured, _ = songs
    stems = {("mixture", "mixture", stem): MODELS[:3] for stem in STEMS}
    found = SegmentOracle(stems, PAIRS.get, "linear", 10.0)
    over_blocks(batches(measured), [found])
    blocks = plain.grouped(measured)
    assert set(found.scores) == set(blocks)
    for key, value in found.scores.items():
        expected = plain.segment_oracle(blocks[key], MODELS[:3], PAIRS[key[-1]], "linear", 10.0)
        assert value == pytest.approx(expected, rel=0, abs=1e-12)


def test_several_passengers_see_what_one_alone_sees_and_files_are_as_memory(songs, tmp_path):
    measured, _ = songs
    stems = {("mixture", "mixture", stem): MODELS[:2] for stem in STEMS}
    first, second, third = (
        SegmentOracle(stems, lambda _, p=pair: p, "linear", 10.0)
        for pair in (("snr", "si_sdr"), ("bss_sdr", "bss_sdr"), ("snr", "si_sdr"))
    )
    over_blocks(batches(measured), [first, second])
    rows = tables.sort(tables.to_table("measurements", measured))
    with BatchWriter(tmp_path, "measurements") as writer:
        for track in sorted({row["track_id"] for row in measured}):
            own = [i for i, name in enumerate(rows.column("track_id").to_pylist()) if name == track]
            writer.write(rows.take(own))
    over_blocks(Batches("measurements", writer.path), [third])
    assert third.scores == first.scores != second.scores


def test_tracks_scored_under_weights_of_their_own():
    forms = noisy_models([0.2, 0.4, 0.9], tracks=12)
    weights = np.repeat(np.random.default_rng(0).dirichlet(np.ones(3), 4), 3, axis=0)[::-1]
    for score in (StemForms.snr, StemForms.bss_sdr):
        alone = [float(score(forms.at([t]), own)[0]) for t, own in enumerate(weights)]
        np.testing.assert_allclose(each(forms, weights, score), alone, rtol=0, atol=1e-12)
