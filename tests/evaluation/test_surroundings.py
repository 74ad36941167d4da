"""Which references stand beside a stem, and that scores of whole evaluations follow from them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from stemwise.core.stems import LEVEL1
from stemwise.core.types import ESTIMATE, REFERENCE, WHOLE, Parent, Reference
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.folder import Folder
from stemwise.evaluation.surroundings import Surroundings
from stemwise.measurement.references import names_beside

FOUR = ("vocals", "drums", "bass", "other")
PARTS = ("kick", "snare")


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("vocals", "drums bass guitar piano other"),
        ("guitar+piano+other", "vocals drums bass"),
        ("instrumental", "vocals"),
        ("kick", "vocals snare hihat cymbals bass guitar piano other"),
        ("hihat+cymbals", "vocals kick snare bass guitar piano other"),
        ("lead_vocals", "backing_vocals drums bass guitar piano other"),
    ],
)
def test_all_but_the_parts_of_the_stem_and_what_it_is_a_part_of(stem, expected):
    usable = {*LEVEL1, "kick", "snare", "hihat", "cymbals", "lead_vocals", "backing_vocals"}
    assert names_beside(stem, LEVEL1, usable) == tuple(expected.split())


def test_of_a_true_parent_only_its_own_parts_were_heard():
    usable = {*FOUR, *PARTS}
    assert names_beside("kick", FOUR, usable, "drums") == ("snare",)
    assert names_beside("kick", PARTS, {*PARTS}, "drums") == ("snare",)
    assert names_beside("vocals", ("vocals", "instrumental"), {"vocals", "instrumental"}) == (
        "instrumental",
    )


def surroundings(folder, stems, mixture=False, broken=()):
    """Return a song's surroundings, and its audio."""
    random = np.random.default_rng(0)
    song = folder / "songs" / "one"
    song.mkdir(parents=True)
    for stem in (*stems, *(("mixture",) if mixture else ())):
        soundfile.write(song / f"{stem}.wav", random.normal(0, 0.1, (4410, 2)), 44_100)
    for stem in broken:
        (song / f"{stem}.wav").write_text("not audio")
    (track,) = Folder(root=folder / "songs").tracks()
    decoded = TrackAudio(track)
    assert decoded.length == 4410
    return Surroundings(decoded, 1.0), decoded


def test_where_the_stems_hold_all_of_the_song_they_are_all(tmp_path):
    found, _ = surroundings(tmp_path, FOUR, mixture=True)
    assert found.beside("bass", WHOLE).names == ("vocals", "drums", "other")


def test_where_they_do_not_the_mixture_is_a_reference(tmp_path):
    found, decoded = surroundings(tmp_path, ("vocals",), mixture=True)
    beside = found.beside("vocals", WHOLE)
    assert beside.names == ("mixture",)
    np.testing.assert_array_equal(beside.signals[0], decoded.mixture)


def test_a_reference_that_cannot_be_read_is_told_and_in_the_mixture(tmp_path):
    found, decoded = surroundings(tmp_path, FOUR, mixture=True, broken=("other",))
    assert found.beside("bass", WHOLE).names == ("vocals", "drums", "mixture")
    (problem,) = [text for text in decoded.problems if "SI-SIR" in text]
    assert problem.startswith("other is left out of the references")


def test_sub_stems_that_do_not_hold_all_of_their_parent_have_it_beside_them(tmp_path):
    """These files may hold other drums than kick and snare; those of MoisesDB say that they do not."""
    found, _ = surroundings(tmp_path, (*FOUR, *PARTS), mixture=True)
    estimated, true = (Parent("drums", source) for source in (ESTIMATE, REFERENCE))
    assert found.beside("kick", true).names == ("snare", "drums")
    assert found.beside("kick", estimated).names == ("vocals", "snare", "bass", "other", "drums")


def test_a_parent_whose_recordings_all_belong_to_parts_adds_nothing(song, signal):
    track = song({"kick": signal(50), "snare": signal(80), "bass": signal(20)})
    drums = track.references["kick"].sources + track.references["snare"].sources
    track = replace(
        track,
        mixture=None,
        partition=("drums", "bass"),
        references={**track.references, "drums": Reference.of("drums", drums)},
    )
    found = Surroundings(TrackAudio(track), 1.0)
    assert found.beside("kick", Parent("drums", REFERENCE)).names == ("snare",)
    assert found.beside("kick", Parent("drums", ESTIMATE)).names == ("snare", "bass")


def test_an_evaluation_has_the_ratios_of_a_known_leak(song, signal, model, evaluate):
    """Estimates of half the mixture: drums leak into vocals at −6 dB re vocals of twice the level."""
    half, _ = model("half", {"vocals": 0.5, "drums": 0.5})
    track = replace(song({"vocals": signal(100), "drums": 0.5 * signal(200)}), mixture=None)
    result = evaluate(track, half)
    rows = {(row["model"], row["stem"]): row for row in result.tables["scores"]}
    leak = 20 * math.log10(2)
    for name in ("half", "mixture"):
        assert rows[name, "vocals"]["si_sir"] == pytest.approx(leak, abs=1e-3)
        assert rows[name, "drums"]["si_sir"] == pytest.approx(-leak, abs=1e-3)
    assert rows["mixture", "vocals"]["si_sar"] == math.inf
    (forms,) = [row for row in result.tables["forms"] if row["stem"] == "vocals"]
    assert forms["references"] == ["vocals", "drums"]
    assert len(forms["span"]) == len(forms["gram"]) == 3
    blocks = [row for row in result.tables["measurements"] if row["stem"] == "vocals"]
    assert all(len(row["si_interference"]) == len(row["si_artifacts"]) == 2 for row in blocks)
