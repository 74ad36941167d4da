from pathlib import Path

import numpy as np
import pytest

from stemwise import audio
from stemwise.core.errors import AudioError, MissingReferenceError
from stemwise.core.types import Reference, Source, Track
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.folder import Folder
from stemwise.datasets.moisesdb import MoisesDB

FOUR = ("vocals", "drums", "bass", "other")


@pytest.fixture
def folder_song(tmp_path, write):
    """Return a builder of a decoded `folder` song from stem → samples."""

    def build(**files):
        for name, samples in files.items():
            write(tmp_path / "songs" / "song" / f"{name}.wav", samples)
        return TrackAudio(Folder(root=tmp_path / "songs").tracks()[0])

    return build


def moises(root):
    return TrackAudio(MoisesDB(root=root).tracks()[0])


def test_the_mixture_is_the_exact_sum_of_the_partition(tmp_path, moises_song, tone):
    drums = [("kick_drum", tone(0.25), {}), ("snare_drum", tone(0.125), {})]
    moises_song(stems=[("drums", drums), ("wind", [("flute", tone(0.5), {})])])
    decoded = moises(tmp_path)
    assert decoded.mixture.dtype == np.float32
    np.testing.assert_array_equal(decoded.mixture, tone(0.875))
    np.testing.assert_array_equal(decoded.reference("drums"), tone(0.375))
    np.testing.assert_array_equal(decoded.reference("kick+snare"), tone(0.375))
    np.testing.assert_array_equal(decoded.reference("instrumental"), tone(0.875))
    assert decoded.problems == []


def test_only_the_mixture_is_kept(folder_song, tone):
    decoded = folder_song(vocals=tone(), drums=tone())
    assert decoded.mixture is decoded.mixture
    first, second = decoded.reference("vocals"), decoded.reference("vocals")
    assert first is not second
    first[:] = 0
    np.testing.assert_array_equal(decoded.mixture, tone(0.5))


def test_sources_are_trimmed_inside_a_stem_and_padded_across_stems(tmp_path, moises_song, tone):
    drums = [("kick_drum", tone(0.25), {}), ("snare_drum", tone(0.5, frames=2205), {})]
    bass = [("bass_guitar", tone(0.125, frames=4000), {})]
    percussion = [("shaker", tone(frames=1000), {})]
    wind = [("flute", tone(frames=3000), {})]  # both are `other`, but were recorded apart
    moises_song(
        stems=[("drums", drums), ("bass", bass), ("percussion", percussion), ("wind", wind)]
    )
    decoded = moises(tmp_path)
    assert decoded.length == 4000
    np.testing.assert_array_equal(decoded.reference("drums")[:, :2205], tone(0.75, frames=2205))
    assert not decoded.reference("drums")[:, 2205:].any()
    # A sub-stem is cut where its parent is, or the parts would not sum to it.
    np.testing.assert_array_equal(decoded.reference("kick+snare"), decoded.reference("drums"))
    assert decoded.reference("other")[:, 1000:3000].any()
    total = sum(decoded.reference(stem) for stem in ("drums", "bass", "other"))
    np.testing.assert_array_equal(decoded.mixture, total)
    assert decoded.problems == [
        "drums/0-0.wav is 2205 samples (0.050 s) longer than others of its stem: trimmed.",
        "drums is 1795 samples (0.041 s) shorter than the longest stem: padded.",
        "other is 1000 samples (0.023 s) shorter than the longest stem: padded.",
    ]


def test_mono_and_other_rates_are_converted_and_noted(tmp_path, moises_song, write, tone):
    folder = moises_song(
        stems=[("bass", [("bass_guitar", tone(channels=1), {}), ("bass_synth", None, {})])]
    )
    write(folder / "bass" / "0-1.wav", tone(frames=8820), 88_200)
    decoded = moises(tmp_path)
    assert decoded.mixture.shape == (2, 4410)
    bass = decoded.reference("bass")
    np.testing.assert_array_equal(bass, decoded.mixture)
    slow = audio.resample(tone(frames=8820), 88_200, 44_100)
    np.testing.assert_allclose(bass, tone() + slow, atol=1e-6)
    assert decoded.problems == [
        "bass/0-0.wav is mono: doubled.",
        "bass/0-1.wav has 88200 Hz: resampled to 44100 Hz.",
    ]


def test_trimming_happens_before_resampling(tmp_path, moises_song, tone):
    long, short = tone(0.25, frames=4410), tone(0.25, frames=2205)
    recordings = [("grand", long, {}), ("upright", short, {})]
    moises_song(stems=[("piano", recordings)], rate=22_050)
    expected = audio.resample(long[:, :2205] + short, 22_050, 44_100)
    np.testing.assert_allclose(moises(tmp_path).reference("piano"), expected, atol=1e-6)


@pytest.mark.parametrize("how", ["text", "cut", "nan", "empty", "surround"])
def test_a_broken_source_leaves_both_stem_and_mixture(tmp_path, moises_song, write, tone, how):
    drums = [("kick_drum", tone(0.25), {}), ("snare_drum", tone(0.5), {})]
    folder = moises_song(stems=[("drums", drums), ("bass", [("bass_guitar", tone(0.125), {})])])
    spoil(folder / "drums" / "0-1.wav", how, tone, write)
    decoded = moises(tmp_path)
    np.testing.assert_array_equal(decoded.mixture, tone(0.375))
    np.testing.assert_array_equal(decoded.reference("drums"), tone(0.25))
    np.testing.assert_array_equal(decoded.reference("kick"), tone(0.25))
    with pytest.raises(MissingReferenceError, match="snare"):
        decoded.reference("snare")
    (problem,) = decoded.problems
    assert problem.startswith("drums/0-1.wav is left out of its stem and of the mixture")


def spoil(path, how, tone, write):
    if how == "text":
        path.write_text("no audio")
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-400])
    else:
        samples = {
            "nan": np.full((2, 4410), np.nan, np.float32),
            "empty": tone(frames=0),
            "surround": tone(channels=6),
        }[how]
        write(path, samples)


def test_a_stem_without_usable_source_counts_as_absent(tmp_path, moises_song, tone):
    folder = moises_song(stems=[("bass", [("b", tone(), {})]), ("guitar", [("g", tone(), {})])])
    (folder / "guitar" / "1-0.wav").write_text("no audio")
    decoded = moises(tmp_path)
    np.testing.assert_array_equal(decoded.mixture, tone())
    np.testing.assert_array_equal(decoded.reference("bass+guitar"), tone())
    with pytest.raises(MissingReferenceError, match="only bass"):
        decoded.reference("guitar")
    assert decoded.problems[1] == "guitar has no usable source left and counts as absent."


def test_a_song_without_any_audio_names_itself(tmp_path, moises_song, tone):
    folder = moises_song("song-x", [("bass", [("b", tone(), {})])])
    (folder / "bass" / "0-0.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"'song-x' of moisesdb .*neither.*0-0\.wav"):
        _ = moises(tmp_path).mixture
    (folder / "data.json").write_text("{")
    decoded = moises(tmp_path)
    with pytest.raises(AudioError, match=r"'song-x'.*not valid JSON"):
        _ = decoded.mixture


def test_a_source_that_breaks_after_mixing_is_not_left_out_silently(tmp_path, moises_song, tone):
    folder = moises_song(stems=[("bass", [("b", tone(), {}), ("b", tone(), {})])])
    decoded = moises(tmp_path)
    assert decoded.length == 4410
    (folder / "bass" / "0-1.wav").unlink()
    with pytest.raises(AudioError, match=r"0-1\.wav does not exist"):
        decoded.reference("bass")


def test_beside_a_mixture_file_a_broken_reference_fails_alone(folder_song, tone):
    decoded = folder_song(mixture=tone(0.5), vocals=tone(), drums=tone(), other=tone())
    path = decoded.track.references["drums"].sources[0].path
    path.write_text("no audio")
    np.testing.assert_array_equal(decoded.reference("vocals"), tone())
    for stem in ("drums", "drums+other"):
        with pytest.raises(AudioError, match=r"drums\.wav"):
            decoded.reference(stem)


def test_a_broken_mixture_file_fails_the_track(folder_song, tone):
    decoded = folder_song(mixture=tone(), vocals=tone())
    decoded.track.mixture.path.write_text("no audio")
    for _ in range(2):
        with pytest.raises(AudioError, match=r"mixture\.wav"):
            decoded.reference("vocals")


@pytest.mark.parametrize(
    ("difference", "problem"),
    [
        (0, None),
        (1, None),
        (-1, None),
        (441, "vocals is 441 samples (0.010 s) longer than the mixture: trimmed at its end."),
        (-44, "vocals is 44 samples (0.001 s) shorter than the mixture: padded at its end."),
    ],
)
def test_references_get_the_length_of_the_mixture_file(folder_song, tone, difference, problem):
    decoded = folder_song(mixture=tone(), vocals=tone(frames=4410 + difference))
    for _ in range(2):
        vocals = decoded.reference("vocals")
        assert vocals.shape == (2, 4410)
    kept = 4410 + min(difference, 0)
    np.testing.assert_array_equal(vocals[:, :kept], tone(frames=kept))
    assert not vocals[:, kept:].any()
    assert decoded.problems == ([problem] if problem else [])


def test_parts_that_the_song_lacks_are_silent_only_within_the_partition(
    tmp_path, moises_song, tone
):
    moises_song(stems=[("other", [("fx", tone(), {})]), ("vocals", [("other", tone(0.5), {})])])
    decoded = moises(tmp_path)
    np.testing.assert_array_equal(decoded.reference("guitar+piano+other"), tone())
    for stem in ("guitar", "guitar+piano", "kick", "other+kick", "strings", "mixture", ""):
        with pytest.raises(MissingReferenceError):
            decoded.reference(stem)


def test_repeated_parts_count_once(folder_song, tone):
    decoded = folder_song(vocals=tone(), drums=tone())
    np.testing.assert_array_equal(decoded.reference("drums+drums"), tone())


def test_instrumental_as_given_comes_first(folder_song, tone):
    files = {"mixture": tone(0.5), "vocals": tone(), "instrumental": tone(0.125)}
    np.testing.assert_array_equal(
        folder_song(**files, drums=tone(), other=tone()).reference("instrumental"), tone(0.125)
    )


def test_instrumental_of_complete_stems_is_their_sum(folder_song, tone):
    stems = dict.fromkeys(FOUR, tone(0.125))
    # The mixture is louder than the sum, as a mastered one; the stems are what models are to find.
    decoded = folder_song(mixture=tone(1.0), **stems)
    np.testing.assert_array_equal(decoded.reference("instrumental"), tone(0.375))


def test_instrumental_of_incomplete_stems_is_mixture_minus_vocals(folder_song, tone):
    decoded = folder_song(mixture=tone(1.0), vocals=tone(0.25), drums=tone(0.25))
    np.testing.assert_array_equal(decoded.reference("instrumental"), tone(0.75))


def test_instrumental_without_vocals_is_unknown_unless_the_mixture_is_a_sum(folder_song, tone):
    with pytest.raises(MissingReferenceError, match="instrumental"):
        folder_song(mixture=tone(1.0), drums=tone(0.25)).reference("instrumental")


def test_a_song_of_vocals_alone_has_no_instrumental(folder_song, tone):
    decoded = folder_song(lead_vocals=tone(), backing_vocals=tone())
    np.testing.assert_array_equal(decoded.mixture, tone(0.5))
    with pytest.raises(MissingReferenceError):
        decoded.reference("instrumental")


def test_problems_start_with_those_of_the_listing():
    track = Track("d", "t", "T", (), {}, Source(Path("absent.wav")), problems=("odd",))
    decoded = TrackAudio(track)
    assert decoded.problems == ["odd"]
    with pytest.raises(AudioError, match=r"absent\.wav does not exist"):
        _ = decoded.length


def test_a_sum_holds_few_sources_at_once(tmp_path, write, tone):
    import tracemalloc

    one_second = tone(frames=44_100)
    references = {}
    for stem in range(4):
        paths = [write(tmp_path / f"{stem}" / f"{n}.wav", one_second) for n in range(5)]
        sources = tuple(map(Source, paths))
        references[f"s{stem}"] = Reference(f"s{stem}", sources)
    decoded = TrackAudio(Track("d", "t", "T", tuple(references), references))
    tracemalloc.start()
    _ = decoded.mixture
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * one_second.nbytes


def test_the_true_parent_is_its_reference_or_a_mixture_of_nothing_else(folder_song, tone):
    decoded = folder_song(drums=tone(0.5), kick=tone(0.125), vocals=tone())
    np.testing.assert_array_equal(decoded.parent("drums"), tone(0.5))


def test_a_recording_of_drums_alone_is_the_parent_of_its_parts(folder_song, tone):
    decoded = folder_song(mixture=tone(0.75), kick=tone(0.125), snare=tone(0.25))
    np.testing.assert_array_equal(decoded.parent("drums"), tone(0.75))
    with pytest.raises(MissingReferenceError, match="vocals"):
        decoded.parent("vocals")
