"""`stemwise separate`: folders, names, formats, several songs at once, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.cli import main
from stemwise.core.errors import ConfigError
from stemwise.jobs.separation import plan_of, separator_of

RATE = 44_100
STEMS = {"bass", "drums", "vocals"}


@pytest.fixture
def songs(tmp_path):
    """Return a writer of short songs: (name below `music`, seed) → path."""

    def write(name: str, seed: int = 0, level: float = 0.3, seconds: float = 0.3) -> Path:
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (int(seconds * RATE), 2)
        samples = np.random.default_rng(seed).uniform(-level, level, shape)
        soundfile.write(path, samples, RATE, subtype="PCM_16")
        return path

    return write


@pytest.fixture
def separate(tmp_path, capsys):
    """Return a function of a command line → (exit code, stdout, stderr); output lies in `out`."""

    def run(*given: object) -> tuple[int, str, str]:
        code = main(["separate", "-n", "band_split", "-o", str(tmp_path / "out"), *map(str, given)])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return code, told.out, told.err

    return run


def written(tmp_path: Path) -> set[str]:
    out = tmp_path / "out"
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def below(*folders: str, suffix: str = "flac") -> set[str]:
    return {f"{folder}/{stem}.{suffix}" for folder in folders for stem in STEMS}


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def test_a_folder_is_its_songs_and_what_is_no_audio_is_counted_once(separate, songs, tmp_path):
    songs("b.wav"), songs("A.flac"), songs(".hidden.wav"), songs("cd2/c.wav")
    for name in ("cover.jpg", "notes.txt", "list.m3u", "log"):
        (tmp_path / "music" / name).write_text("x")
    code, told, error = separate(tmp_path / "music")
    assert (code, error) == (0, "")
    assert written(tmp_path) == below("A", "b")
    note, *lines = told.splitlines()
    assert note == (
        "Skipped: 4 files that are not audio (cover.jpg, list.m3u, log, …) and 1 folder below "
        "(--recursive searches them too)."
    )
    assert [line.partition(" →")[0].rpartition("/")[2] for line in lines] == ["A.flac", "b.wav"]


def test_recursive_keeps_the_folders_below_and_spares_the_output(separate, songs, tmp_path):
    songs("x.wav"), songs("cd1/x.wav"), songs("cd2/deep/x.wav"), songs(".git/x.wav")
    (tmp_path / "music" / "cd1" / "cover.jpg").write_text("x")
    out = tmp_path / "music" / "stems"
    for _ in range(2):  # what was written is no song
        code, told, error = separate(tmp_path / "music", "--recursive", "-o", out)
        assert (code, error) == (0, "")
        assert "Skipped: 1 file that is not audio (cover.jpg)." in told
    found = {str(path.relative_to(out)) for path in out.rglob("*.*")}
    assert found == below("x", "cd1/x", "cd2/deep/x")


def test_a_file_that_is_named_twice_is_one_song(separate, songs, tmp_path):
    file = songs("a.wav")
    assert separate(file, tmp_path / "music", file)[0] == 0
    assert written(tmp_path) == below("a")


def test_a_folder_without_songs_is_an_error(separate, songs, tmp_path):
    (tmp_path / "music" / "none").mkdir(parents=True)
    code, _, error = separate(tmp_path / "music" / "none")
    assert code == 1 and error.endswith("none holds no audio files.\n")
    code, _, error = separate(tmp_path / "music")
    assert code == 1 and "1 folder below may, search them with --recursive" in error
    # and does not lose the songs beside it
    code, _, error = separate(tmp_path / "music" / "none", songs("good/a.wav"))
    assert code == 3 and error.count("Error:") == 1
    assert written(tmp_path) == below("a")


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_song_that_fails_loses_no_other(separate, songs, tmp_path, jobs):
    good = [songs(f"{name}.wav") for name in "abcd"]
    good[1].write_text("not audio")
    code, _, error = separate(*good, "--jobs", jobs)
    assert code == 3 and error.count("Error:") == 1 and "b.wav" in error
    assert written(tmp_path) == below("a", "c", "d")


def test_songs_at_a_time_are_as_songs_one_by_one(separate, songs, tmp_path):
    files = [songs(f"{seed}.wav", seed) for seed in range(5)]
    assert separate(*files, "-o", tmp_path / "one")[0] == 0
    assert separate(*files, "-o", tmp_path / "many", "-j", "4")[0] == 0
    made = {path.relative_to(tmp_path / "one"): path for path in (tmp_path / "one").rglob("*.flac")}
    assert len(made) == 15
    for name, path in made.items():
        assert path.read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_what_is_true_of_every_song_is_told_once_with_threads_too(separate, songs):
    files = [songs(f"{name}.wav") for name in "abcdef"]
    code, _, error = separate(*files, "--jobs", "3", "--stems", "vocal")
    assert code == 2 and error.count("Error:") == 1 and "did you mean vocals?" in error


def test_two_stems_add_up_to_the_mixture(separate, songs, tmp_path):
    file = songs("a.wav")
    code, told, _ = separate(file, "--two-stems", "vocals", "--format", "wav")
    assert code == 0 and told.endswith("vocals, no_vocals\n")
    assert written(tmp_path) == {"a/vocals.wav", "a/no_vocals.wav"}
    total = sum(read(tmp_path / "out" / "a" / f"{stem}.wav") for stem in ("vocals", "no_vocals"))
    np.testing.assert_allclose(total, read(file), atol=1e-6)
    code, _, error = separate(file, "--two-stems", "vocal")
    assert code == 2 and "did you mean vocals?" in error


@pytest.mark.parametrize(
    ("options", "suffix", "subtype"),
    [
        (("--mp3", "--bitrate", "192"), "mp3", "MPEG_LAYER_III"),
        (("--format", "WAV24"), "wav", "PCM_24"),
        (("--float32",), "wav", "FLOAT"),
        (("--flac",), "flac", "PCM_24"),
    ],
)
def test_formats(separate, songs, tmp_path, options, suffix, subtype):
    file = songs("loud.wav", level=0.99, seconds=1)
    assert separate(file, *options)[0] == 0
    paths = [tmp_path / "out" / "loud" / f"{stem}.{suffix}" for stem in STEMS]
    assert written(tmp_path) == below("loud", suffix=suffix)
    assert {soundfile.info(path).subtype for path in paths} == {subtype}
    total = sum(read(path) for path in paths)
    assert len(total) == RATE
    near = 0.9 if suffix == "mp3" else 1 - 1e-9  # LAME lowpasses noise at 19 kHz
    assert np.corrcoef(total.ravel(), read(file).ravel())[0, 1] > near


def test_the_bit_rate_is_the_files(separate, songs, tmp_path):
    file = songs("a.wav", seconds=4)
    for rate in (128, 320):
        assert separate(file, "--mp3", "--bitrate", rate, "--stems", "bass")[0] == 0
        size = (tmp_path / "out" / "a" / "bass.mp3").stat().st_size
        assert size * 8 / 4 / 1000 == pytest.approx(rate, rel=0.05)


def test_names_by_a_template(separate, songs, tmp_path):
    template = "{recipe}/{folder} - {track} ({stem}) of {trackext}.{ext}"
    assert separate(songs("x/My {Song}.flac"), "--filename", template)[0] == 0
    assert written(tmp_path) == {f"band_split/x - My {{Song}} ({s}) of flac.flac" for s in STEMS}


def test_songs_of_one_place_are_refused_before_anything_is_computed(separate, songs, tmp_path):
    files = [songs("x/a.wav"), songs("y/A.flac")]
    for given in (
        ("--skip-existing",),
        ("--filename", "{track}_{stem}.{ext}"),
    ):
        code, _, error = separate(*files, *given)
        assert code == 2 and "would both be written to" in error
        assert written(tmp_path) == set()
    # two stems of two songs may meet as well
    pair = [songs("no_x.wav"), songs("x_no.wav")]
    code, *_ = separate(*pair, "--filename", "{track}{stem}.{ext}")
    assert code == 0
    assert separate(*files, "--filename", "{folder}/{track}/{stem}.{ext}")[0] == 0


def test_existing_songs_are_left_alone(separate, songs, tmp_path):
    files = [songs("a.wav"), songs("b.wav")]
    assert separate(*files)[0] == 0
    (tmp_path / "out" / "b" / "bass.flac").unlink()
    before = (tmp_path / "out" / "a" / "bass.flac").stat().st_mtime_ns
    code, told, _ = separate(*files, "--skip-existing", "--json")
    assert code == 0
    assert [song["status"] for song in json.loads(told)["songs"]] == ["skipped", "separated"]
    assert (tmp_path / "out" / "a" / "bass.flac").stat().st_mtime_ns == before
    assert written(tmp_path) == below("a", "b")


def test_json_is_one_object_and_words_go_to_stderr(separate, songs, tmp_path):
    bad = songs("bad.wav")
    bad.write_text("not audio")
    code, told, error = separate(songs("a.wav"), bad, "--json")
    content = json.loads(told)
    assert code == content["exit_code"] == 3 and told.count("\n") == 1
    good, failed = content["songs"]
    assert set(good["stems"]) == STEMS and all(Path(p).is_file() for p in good["stems"].values())
    assert good["seconds"] == pytest.approx(0.3) and good["gain"] == 1 and good["error"] is None
    assert failed["status"] == "failed" and "bad.wav cannot be decoded" in failed["error"]
    assert "→" in error and "Error: " in error
    code, told, error = separate(bad, "--stems", "piano", "-n", "nonsense", "--json")
    assert code == 2 and json.loads(told) == {"error": error[7:-1], "exit_code": 2}


def test_quiet_leaves_only_errors(separate, songs):
    bad = songs("bad.wav")
    bad.write_text("not audio")
    assert separate(songs("a.wav"), "-q") == (0, "", "")
    code, told, error = separate(songs("a.wav"), bad, "--quiet")
    assert (code, told, error.count("\n")) == (3, "", 1)


@pytest.mark.parametrize(("given", "tier"), [((), "best"), (("--deadline", "0.0001"), "fast")])
def test_the_tier_that_answers_is_told(separate, songs, tmp_path, given, tier):
    recipe = tmp_path / "cascade.yaml"
    stems = "stems: {bass: {band_split: %s}, drums: {band_split: 1}, vocals: {band_split: 1}}"
    bodies = ((name, stems % weight) for name, weight in (("fast", 1), ("best", 0.5)))
    tiers = "\n".join(f"  - {{name: {name}, {body}}}" for name, body in bodies)
    recipe.write_text(f"tiers:\n{tiers}\n")
    code, out, _ = separate(songs("a.wav"), "-n", recipe, "--json", *given)
    (song,) = json.loads(out)["songs"]
    assert (code, song["tier"]) == (0, tier)
    assert set(song["stems"]) == STEMS


def test_a_deadline_without_tiers_changes_nothing_and_says_so(separate, songs):
    code, out, error = separate(songs("a.wav"), "--deadline", "1")
    assert code == 0 and "band_split has no tiers to choose from" in " ".join((out + error).split())


def test_models_that_do_not_make_a_stem_are_refused_before_any_song_is_read(tmp_path):
    file = tmp_path / "mine.yaml"
    models = ["demo_htdemucs", "demo_scnet", "spleeter_2stems"]
    file.write_text(json.dumps({"stems": {"drums": {"kind": "median", "models": models}}}))
    with pytest.raises(ConfigError, match="'spleeter_2stems' makes only vocals"):
        separator_of(plan_of(str(file)))
