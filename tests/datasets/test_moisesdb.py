import json

import numpy as np
import pytest
import yaml

from stemwise.core import stems
from stemwise.core.errors import ConfigError, DatasetError
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.moisesdb import MoisesDB
from stemwise.datasets.moisesdb_parts import CHOICES
from stemwise.storage.parts import fingerprint


def only(root):
    (track,) = MoisesDB(root=root).tracks()
    return track


def test_a_song_maps_to_the_six_stems_and_their_parts(tmp_path, moises_song, tone):
    kinds = ["kick_drum", "snare_drum", "toms", "hi_hat", "cymbals"]
    moises_song(
        "0A1b-uuid",
        [
            ("vocals", [("lead_female_singer", tone(), {}), ("background_vocals", tone(), {})]),
            ("drums", [(kind, tone(), {}) for kind in kinds]),
            ("bass", [("bass_guitar", tone(), {})]),
            ("percussion", [("a-tonal_percussion", tone(), {})]),
            ("other_keys", [("synth", tone(), {})]),
            ("other_plucked", [("banjo", tone(), {})]),
            ("bowed_strings", [("cello", tone(), {})]),
            ("wind", [("flute", tone(), {})]),
            ("other", [("fx", tone(), {})]),
            ("guitar", [("clean", tone(), {})]),
            ("piano", [("grand", tone(), {})]),
        ],
    )
    track = only(tmp_path)
    assert (track.dataset, track.track_id, track.mixture) == ("moisesdb", "0a1b-uuid", None)
    assert (track.title, track.artist, track.genre) == ("A Song", "Somebody", "rock")
    assert track.partition == stems.LEVEL1
    assert track.problems == ()
    counts = {stem: len(reference.sources) for stem, reference in track.references.items()}
    assert counts == {
        **{"vocals": 2, "lead_vocals": 1, "backing_vocals": 1},
        **{"drums": 5, "kick": 1, "snare": 1, "toms": 1, "cymbals": 2},
        **{"bass": 1, "guitar": 1, "piano": 1, "other": 6},
    }
    assert {reference.status for reference in track.references.values()} == {"ok"}
    assert all(reference.has_bleed is False for reference in track.references.values())


@pytest.mark.parametrize("kind", ["overheads", "full_acoustic_drumkit", "drum_machine"])
def test_recordings_of_the_whole_kit_make_sub_stems_ambiguous(tmp_path, moises_song, tone, kind):
    moises_song(stems=[("drums", [("kick_drum", tone(), {}), (kind, tone(), {})])])
    track = only(tmp_path)
    assert track.references["drums"].status == "ok"
    assert track.references["kick"].status == "ambiguous_reference"
    assert track.problems == ()


@pytest.mark.parametrize(
    ("stem", "kind", "known", "part"),
    [
        ("vocals", "other", "lead_male_singer", "lead_vocals"),
        ("drums", "spoons", "kick_drum", "kick"),
    ],
)
def test_unknown_track_types_are_named_and_ambiguous(
    tmp_path, moises_song, tone, stem, kind, known, part
):
    moises_song(stems=[(stem, [(known, tone(), {}), (kind, tone(), {})])])
    track = only(tmp_path)
    assert track.references[stem].status == "ok"
    assert track.references[part].status == "ambiguous_reference"
    assert any(repr(kind) in problem for problem in track.problems)


CLOSE = ["kick_drum", "snare_drum", "toms", "hi_hat"]
WHOLE = ["overheads", "full_acoustic_drumkit", "drum_machine"]


@pytest.mark.parametrize(
    ("rule", "kinds", "expected"),
    [
        ("close_mics", [*CLOSE, *WHOLE], {"kick": 1, "snare": 1, "toms": 1, "cymbals": 1}),
        ("close_mics", WHOLE, {}),
        ("close_mics", ["kick_drum", "overheads"], {"kick": 1}),
        (
            "overheads_as_cymbals",
            [*CLOSE, *WHOLE, "overheads"],
            {"kick": 1, "snare": 1, "toms": 1, "cymbals": 3},
        ),
        ("overheads_as_cymbals", ["kick_drum", "overheads"], {"kick": 1, "cymbals": 1}),
        ("overheads_as_cymbals", ["kick_drum", "drum_machine"], {"kick": 1}),
        # without a close microphone of a drum, overheads are the whole kit
        ("overheads_as_cymbals", WHOLE, {}),
        ("overheads_as_cymbals", ["hi_hat", "overheads"], {"cymbals": 1}),
    ],
)
def test_close_microphones_count_beside_the_whole_kit(
    tmp_path, moises_song, tone, rule, kinds, expected
):
    moises_song(stems=[("drums", [(kind, tone(), {}) for kind in kinds])])
    (track,) = MoisesDB(root=tmp_path, drum_parts=rule).tracks()
    assert track.drum_parts == rule
    parts = {s: r for s, r in track.references.items() if s != "drums"}
    assert {stem: len(reference.sources) for stem, reference in parts.items()} == expected
    assert {reference.status for reference in parts.values()} <= {"ok"}
    assert len(track.references["drums"].sources) == len(kinds)
    assert track.problems == ()


@pytest.mark.parametrize("rule", ["close_mics", "overheads_as_cymbals"])
def test_a_recording_of_unknown_type_is_ambiguous_by_every_rule(tmp_path, moises_song, tone, rule):
    moises_song(stems=[("drums", [("kick_drum", tone(), {}), ("spoons", tone(), {})])])
    (track,) = MoisesDB(root=tmp_path, drum_parts=rule).tracks()
    assert track.references["kick"].status == "ambiguous_reference"
    assert "'spoons'" in track.problems[0]


def test_the_true_parent_and_the_mixture_hold_all_recordings_by_every_rule(
    tmp_path, moises_song, tone
):
    drums = [("kick_drum", tone(), {}), ("overheads", tone(0.125), {})]
    moises_song(stems=[("drums", drums)])
    for rule in CHOICES:
        (track,) = MoisesDB(root=tmp_path, drum_parts=rule).tracks()
        heard = TrackAudio(track)
        np.testing.assert_array_equal(heard.mixture, tone() + tone(0.125))
        np.testing.assert_array_equal(heard.parent("drums"), heard.mixture)
        np.testing.assert_array_equal(heard.reference("kick"), tone())
        if rule == "overheads_as_cymbals":
            np.testing.assert_array_equal(heard.reference("cymbals"), tone(0.125))


def test_another_rule_is_measured_anew(tmp_path, moises_song, tone):
    """Also where no reference differs: the tables say by which rule they were made."""
    moises_song(stems=[("bass", [("bass_guitar", tone(), {})])])
    found = set()
    for rule in CHOICES:
        (track,) = MoisesDB(root=tmp_path, drum_parts=rule).tracks()
        found.add(fingerprint(track, {}))
    assert len(found) == len(CHOICES)


@pytest.mark.parametrize("value", ["overhead", "", None, True, ["strict"]])
def test_an_unknown_rule_is_named_with_those_that_exist(tmp_path, value):
    with pytest.raises(ConfigError, match=r"^dataset\.drum_parts=.* is unknown: use strict, .* or"):
        MoisesDB(root=tmp_path, drum_parts=value)


def test_an_absent_whole_kit_recording_makes_nothing_ambiguous(tmp_path, moises_song, tone):
    moises_song(stems=[("drums", [("kick_drum", tone(), {}), ("overheads", None, {})])])
    track = only(tmp_path)
    assert track.references["kick"].status == "ok"
    assert len(track.references["drums"].sources) == 1
    assert "drums/'0-1.wav' is listed but absent" in track.problems[0]


@pytest.mark.parametrize(
    ("kinds", "voice"),
    [
        (["lead_male_singer"], "male"),
        (["lead_female_singer", "lead_female_singer"], "female"),
        (["lead_male_singer", "lead_female_singer"], "mixed"),
    ],
)
def test_voice_is_that_of_the_lead(tmp_path, moises_song, tone, kinds, voice):
    recordings = [(kind, tone(), {}) for kind in [*kinds, "background_vocals"]]
    moises_song(stems=[("vocals", recordings)])
    references = only(tmp_path).references
    assert references["lead_vocals"].voice == references["vocals"].voice == voice
    assert references["backing_vocals"].voice is None


def test_a_stem_listed_twice_is_merged_and_bleed_is_any(tmp_path, moises_song, tone):
    moises_song(
        stems=[
            ("bass", [("bass_guitar", tone(), {})]),
            ("bass", [("bass_synth", tone(), {"has_bleed": True})]),
            ("bass", [("bass_guitar", None, {"id": "0-0"})]),
            ("piano", [("grand", tone(), {}), ("upright", tone(), {"has_bleed": None})]),
        ]
    )
    track = only(tmp_path)
    assert len(track.references["bass"].sources) == 2
    assert track.references["bass"].has_bleed is True
    assert track.references["piano"].has_bleed is None
    assert track.has_bleed is True
    assert track.problems == ("bass/0-0.wav is listed more than once and is used once.",)


def test_an_unknown_stem_counts_as_other(tmp_path, moises_song, tone):
    moises_song(stems=[("kazoo", [("kazoo", tone(), {})])])
    track = only(tmp_path)
    assert set(track.references) == {"other"}
    assert track.problems == ("Unknown stemName 'kazoo' counts as 'other'.",)


@pytest.mark.parametrize(
    ("stem_name", "overrides"),
    [
        ("../../..", {"id": "secret"}),
        ("bass", {"id": "../../../../secret"}),
        ("bass", {"id": "..", "extension": "/../../../secret.wav"}),
        ("bass", {"extension": "wav/../../../../secret.wav"}),
        ("/etc", {"id": "passwd"}),
        ("bass", {"id": "a\0b"}),
        ("bass", {"id": "x" * 300}),
        ("bass", {"id": "..\\..\\secret"}),
    ],
)
def test_names_never_lead_out_of_the_song(tmp_path, moises_song, tone, write, stem_name, overrides):
    root = tmp_path / "a" / "b"
    write(tmp_path / "secret.wav", tone())
    write(root / "secret.wav", tone())
    moises_song("evil", [(stem_name, [("x", None, overrides)])], root=root)
    track = only(root)
    assert track.references == {}
    assert "not a safe file name" in " ".join(track.problems)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '"text"',
        "",
        "null",
        '{"stems": 3}',
        '{"stems": [1, {"tracks": [2]}]}',
        "[" * 9999,
    ],
)
def test_a_broken_song_is_listed_without_references(tmp_path, moises_song, tone, content):
    moises_song("good", [("bass", [("bass_guitar", tone(), {})])])
    broken = moises_song("broken")
    (broken / "data.json").write_text(content)
    first, second = MoisesDB(root=tmp_path).tracks()
    assert (first.track_id, first.references, first.title) == ("broken", {}, "broken")
    assert first.problems
    assert set(second.references) == {"bass"}


def test_undecodable_text_does_not_reach_the_tables(tmp_path, moises_song):
    moises_song("one", [("bass", [("\ud800", None, {"id": "\ud800"})])], song="\ud800\n x")
    broken = moises_song("two")
    (broken / "data.json").write_bytes(b'{"song": "\xff"}')
    first, second = MoisesDB(root=tmp_path).tracks()
    assert first.title == "? x"
    assert "not valid JSON" in second.problems[0]
    for track in (first, second):
        "".join([track.title, *track.problems]).encode("utf-8")


def test_odd_titles_are_harmless_and_equal_titles_stay_apart(tmp_path, moises_song, tone):
    bass = [("bass", [("bass_guitar", tone(), {})])]
    for uuid, title in [("u1", "../x"), ("u2", "../x"), ("U_1 é", "")]:
        moises_song(uuid, bass, song=title)
    tracks = MoisesDB(root=tmp_path).tracks()
    assert [track.track_id for track in tracks] == ["u1", "u2", "u_1-e"]
    assert [track.title for track in tracks] == ["../x", "../x", "U_1 é"]


def test_folders_without_data_json_do_not_count(tmp_path, moises_song, tone):
    moises_song("good", [("bass", [("bass_guitar", tone(), {})])])
    (tmp_path / "moisesdb_v0.1" / "provider").mkdir()
    (tmp_path / "moisesdb_v0.1" / ".hidden").mkdir()
    (tmp_path / "moisesdb_v0.1" / ".hidden" / "data.json").write_text("{}")
    assert len(MoisesDB(root=tmp_path).tracks()) == 1


def test_the_root_may_be_the_version_folder(tmp_path, moises_song, tone):
    nested = tmp_path / "nested"
    folder = moises_song("good", [("bass", [("bass_guitar", tone(), {})])], root=nested)
    assert len(MoisesDB(root=str(folder.parent)).tracks()) == 1
    with pytest.raises(DatasetError, match=f"set dataset.root to {folder.parent}"):
        MoisesDB(root=folder).tracks()
    with pytest.raises(DatasetError, match=f"set dataset.root to {nested}"):
        MoisesDB(root=tmp_path).tracks()


def test_a_root_without_songs_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty" / "moisesdb_v0.1").mkdir(parents=True)
    for name, what in [("file", "is a file"), ("none", "does not exist"), ("empty", "not hold")]:
        with pytest.raises(DatasetError, match=f"{name}.*{what}.*data.json.*dataset.root"):
            MoisesDB(root=tmp_path / name).tracks()


def test_configuration_names_the_class(repository):
    conf = yaml.safe_load((repository / "conf/dataset/moisesdb.yaml").read_text())
    assert conf == {
        "_target_": f"{MoisesDB.__module__}.MoisesDB",
        "root": "???",
        "drum_parts": "strict",
    }


def test_listing_reads_no_audio(tmp_path, moises_song):
    folder = moises_song("s", [("bass", [("bass_guitar", None, {"id": "a"})])])
    (folder / "bass").mkdir()
    (folder / "bass" / "a.wav").write_text("no audio")
    assert set(only(tmp_path).references) == {"bass"}
    json.dumps(only(tmp_path).problems)
