"""`stemwise separate --server`: the same folders, lines and exit codes as on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from stemwise.cli import main

from .conftest import QUICK
from .scripted_service import HTML, STEMS, answer, problem


@pytest.fixture
def separate(service, tmp_path, capsys, monkeypatch):
    """Return a function (files, options) → (exit code, stdout, stderr); output lies in `out`."""
    monkeypatch.setattr("stemwise.client.client.Policy", lambda: QUICK)

    def run(*files, server=service.url, options=()):
        given = ["separate", *map(str, files), "--output", str(tmp_path / "out")]
        code = main([*given, "--server", server, *options])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return code, told.out, told.err

    return run


@pytest.fixture
def songs(tmp_path):
    """Return a function name → a file of that name below `input`."""

    def write(name, content=b"RIFF" * 50):
        path = tmp_path / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write


def test_a_song_becomes_stems(separate, service, songs, tmp_path):
    song, folder = songs("My Song.wav"), tmp_path / "out" / "My Song"
    code, told, error = separate(song)
    assert (code, error) == (0, "")
    assert told == f"{song} → {folder}: vocals, drums\n"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        f"{stem}.flac": data for stem, data in STEMS.items()
    }
    assert service.uploads[0]["recipe"] == "demo"  # the server's default, not the local one


def test_recipe_stems_and_format_are_passed_on(separate, service, songs, tmp_path):
    options = ("--recipe", "other", "--stems", " drums , drums", "--format", "wav")
    code, told, _ = separate(songs("a.wav"), options=options)
    assert code == 0 and told.endswith(": drums\n")
    assert [path.name for path in (tmp_path / "out" / "a").iterdir()] == ["drums.wav"]
    sent = service.uploads[0]
    assert (sent["recipe"], sent["stems"], sent["format"]) == ("other", "drums,drums", "wav")
    assert separate(songs("b.wav"), options=("--recipe", "other", "--stems", "kick"))[0] != 2


def test_files_of_one_name_get_a_folder_each(separate, songs, tmp_path):
    assert separate(songs("x/a.wav"), songs("y/a.wav"), songs("x/[b]\n.wav"))[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["[b]\n", "a", "a-2"]


def test_what_was_turned_down_is_said(separate, service, songs):
    look = service.look
    service.look = lambda *given, **more: look(*given, **more) | {"gain": 0.5}
    code, told, _ = separate(songs("loud.wav"))
    assert code == 0 and "peak at 2.00" in told and "attenuated to 50 %" in told


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--recipe", "nonsense"), "has no recipe 'nonsense': it has demo, other."),
        (("--recipe", "recipes/mine.yaml"), "own registry"),
        (("--recipe", "mine.th"), "own registry"),
        (("--stems", "piano"), "demo has no stem 'piano'"),
        (("--device", "cpu"), "--device"),
        (("--level2", "drumsep"), "--level2"),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_wrong_choices_are_bad_arguments(separate, service, songs, tmp_path, options, says, count):
    code, _, error = separate(*[songs(f"{n}.wav") for n in range(count)], options=options)
    assert code == 2 and says in error and error.count("Error:") == 1
    assert service.uploads == [] and list((tmp_path / "out").glob("*")) == []


def test_a_file_of_the_recipes_name_is_told_apart(separate, service, songs, monkeypatch):
    monkeypatch.chdir(songs("demo").parent)
    songs("mine")
    assert separate(songs("a.wav"), options=("--recipe", "demo"))[0] == 0
    code, _, error = separate(songs("a.wav"), options=("--recipe", "mine"))
    assert code == 2 and "own registry" in error


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (problem(413, "At most 1 MB."), "At most 1 MB."),
        (problem(415, "That is no audio."), "That is no audio."),
        (problem(422, "It holds NaN."), "It holds NaN."),
    ],
)
def test_a_refused_file_is_one_sentence(separate, service, songs, tmp_path, fault, says):
    service.fault("submit", fault)
    code, told, error = separate(songs("bad.wav"))
    assert (code, told) == (1, "")
    assert error.count("\n") == 1 and says in error and "bad.wav" in error
    assert list((tmp_path / "out").iterdir()) == []


def test_one_bad_file_does_not_stop_the_good_ones(separate, service, songs, tmp_path):
    service.fault("submit", None, problem(415, "That is no audio."), None)
    service.fault("stem", None, None, None, answer(200, b"short", "audio/flac"))
    files = [songs("a.wav"), songs("text.wav"), songs("b.wav"), songs("empty.wav", b"")]
    place = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav")
    code, told, error = separate(*files, tmp_path / "gone.wav", place, songs("c.wav"))
    assert code == 3 and error.count("Error:") == 5
    for word in ("text.wav", "empty.wav", "gone.wav", "\\xff", "b.wav"):
        assert word in error
    assert told.count("→") == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b", "c"]
    assert sorted(p.name for p in (tmp_path / "out" / "b").iterdir()) == ["vocals.flac"]


def test_a_failed_job_is_of_one_song(separate, service, songs):
    service.steps = [("running", 1), ("failed", 1)]
    code, _, error = separate(songs("a.wav"))
    assert code == 1 and "gave up" in error
    assert separate(songs("a.wav"), songs("b.wav"))[0] == 3


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (problem(401, "No such key."), 2, "STEMWISE_KEY"),
        (answer(200, HTML, "text/html"), 1, "not as a stemwise service does"),
        (problem(503, "Full."), 1, "Full."),
    ],
)
@pytest.mark.parametrize("route", ["recipes", "submit"])
def test_what_is_true_of_every_file_is_told_once(
    separate, service, songs, route, fault, code, says
):
    service.fault(route, *[fault] * 9)
    found, _, error = separate(songs("a.wav"), songs("b.wav"))
    assert found == code and error.count("Error:") == 1 and says in error


def test_nobody_there_and_no_address(separate, service, songs):
    url = service.url
    code, _, error = separate(songs("a.wav"), server="localhost:1")
    assert code == 2 and "http://HOST:PORT" in error
    service.close()
    code, _, error = separate(songs("a.wav"), server=url)
    assert code == 1 and "stemwise serve" in error and url in error


def test_an_output_that_is_a_file_is_one_sentence(separate, service, songs, tmp_path):
    (tmp_path / "out").write_text("here already")
    code, told, error = separate(songs("a.wav"))
    assert (code, told) == (1, "") and "cannot be written" in error and service.uploads == []


def test_an_interrupt_cancels_and_exits_with_130(service, songs, tmp_path):
    """A real process and a real signal."""
    service.steps = [("running", 1)]
    command = [sys.executable, "-m", "stemwise.cli", "separate", str(songs("a.wav"))]
    command += ["--server", service.url, "--output", str(tmp_path / "out")]
    held = service.stop.wait
    service.look, look = (lambda *a, **b: (held(0.02), look(*a, **b))[1]), service.look
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 20
        while not service.count("events") and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=20)[1]
    assert (process.returncode, error) == (130, "Interrupted.\n")
    assert service.jobs["job0"]["status"] == "cancelled"


def test_the_command_imports_nothing_heavy(service, songs, tmp_path):
    heavy = [
        "torch",
        "numpy",
        "ray",
        "fastapi",
        "pydantic",
        "scipy",
        "soundfile",
        "hydra",
        "polars",
    ]
    code = (
        "import sys, time, stemwise.cli as cli\n"
        "code = cli.main(sys.argv[1:])\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    arguments = ["separate", str(songs("a.wav")), "--server", service.url]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "[]\n")


def test_what_only_this_machine_does_is_refused(separate, songs):
    for given, says in (
        (("--format", "wav24"), "a server sends flac, wav, mp3"),
        (("--mp3", "--bitrate", "128"), "MP3 of 320"),
    ):
        code, told, error = separate(songs("a.wav"), options=given)
        assert (code, told) == (2, "") and says in error


def test_folders_templates_and_json_are_as_on_this_machine(separate, songs, tmp_path):
    songs("x/a.wav"), songs("x/b.wav")
    (tmp_path / "input" / "x" / "cover.jpg").write_text("x")
    options = ("--filename", "{recipe}/{track} ({stem}).{ext}", "--json")
    code, told, error = separate(tmp_path / "input" / "x", options=options)
    assert code == 0 and "Skipped: 1 file that is not audio (cover.jpg)." in error
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert names == {f"demo/{song} ({stem}).flac" for song in "ab" for stem in STEMS}
    assert [song["status"] for song in json.loads(told)["songs"]] == ["separated"] * 2
    code, told, _ = separate(tmp_path / "input" / "x", options=(*options, "--skip-existing"))
    assert [song["status"] for song in json.loads(told)["songs"]] == ["skipped"] * 2
