"""What is mistyped, and what comes from other tools, is answered with what to do."""

from __future__ import annotations

import json

import pytest

from stemwise.cli import main
from stemwise.cli.entry import _parsed, _parser
from stemwise.cli.foreign import _EXPLAINED, explanation


def refused(capsys, *arguments: str) -> str:
    """Return the one sentence with which a command line is refused."""
    try:
        code = main(list(arguments))
    except SystemExit as leave:
        code = leave.code
    told = capsys.readouterr()
    assert code == 2 and not told.out and "Traceback" not in told.err
    line = told.err.splitlines()[-1]
    assert line.startswith("Error: ") and line.endswith(".")
    return line.removeprefix("Error: ")


def parsed(*arguments: str):
    return _parsed(_parser(), arguments)


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("seperate a.wav", "did you mean separate?"),
        ("evalute", "did you mean evaluate?"),
        ("models pul", "did you mean pull?"),
        ("models pull htdemux_6s", "did you mean htdemucs_6s?"),
        ("separate a.wav --outptu x", "did you mean --output?"),
        ("separate --outptu x", "did you mean --output?"),
        ("separate a.wav --format fla", "did you mean flac?"),
        ("separate a.wav -n htdemucs_6", "did you mean htdemucs_6s?"),
        ("separate a.wav -n demoo", "did you mean demo?"),
        ("separate a.wav --precision bf61", "did you mean bf16?"),
        ("separate a.wav --filename {trak}/{stem}.{ext}", "did you mean track?"),
        ("serve --prot 80", "did you mean --port?"),
    ],
)
def test_the_nearest_name_is_told(capsys, given, near):
    assert near in refused(capsys, *given.split())


@pytest.mark.parametrize("option", [*_EXPLAINED, "--mdx_segment_size", "--vr_aggression"])
def test_options_of_other_tools_are_explained(capsys, option):
    told = refused(capsys, "separate", "a.wav", option, "1")
    assert told == explanation(option)
    assert told.startswith(f"{option} is not used here: ") and "\n" not in told


@pytest.mark.parametrize(
    ("given", "same"),
    [
        # demucs
        (
            "-n htdemucs_6s -o out -d cpu -j 2",
            "--recipe htdemucs_6s --output out --device cpu --jobs 2",
        ),
        (
            "--two-stems=vocals --mp3 --mp3-bitrate 320",
            "--two-stems vocals --format mp3 --bitrate 320",
        ),
        ("--flac", "--format flac"),
        ("--float32", "--format wav"),
        ("--int24", "--format wav24"),
        ("--overlap 0.25", "--overlap fast"),
        # audio-separator
        ("-m UVR_MDX.onnx --output_dir o", "--recipe audio_separator:UVR_MDX.onnx --output o"),
        ("--model_filename scnet", "--recipe scnet"),
        ("--output_format FLAC --single_stem Vocals", "--format flac --stems vocals"),
        ("--output_format MP3 --output_bitrate 192k", "--mp3 --bitrate 192"),
        # MSST, Spleeter
        ("--store_dir o --force_cpu --flac_file", "--output o --device cpu --format flac"),
        ("-b 320k --mp3", "--mp3 --bitrate 320"),
    ],
)
def test_options_of_other_tools_that_mean_the_same_work(given, same):
    one, other = (vars(parsed("separate", "a.wav", *text.split())) for text in (given, same))
    for found in (one, other):
        del found["run"]
    assert one == other


def test_folders_of_other_tools_are_songs_too(capsys, tmp_path):
    assert main(["separate", "--input_folder", str(tmp_path), "-n", "band_split"]) == 1
    assert "holds no audio files" in capsys.readouterr().err


def test_files_stand_where_one_likes():
    found = parsed("separate", "a.wav", "-o", "out", "b.wav", "--mp3", "--", "-c.wav")
    assert [str(path) for path in found.files] == ["a.wav", "b.wav", "-c.wav"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("separate", "No songs were given"),
        ("separate a.wav --overlap 0.3", "give reference or fast, which is a quarter"),
        ("separate a.wav --bitrate 320", "add --mp3"),
        ("separate a.wav --mp3 --bitrate 100", "128, 160, 192, 224, 256, 320"),
        ("separate a.wav --mp3 --bitrate high", "give kbit/s, for example 320"),
        ("separate a.wav --jobs 0", "give 1 or more"),
        ("separate a.wav --two-stems vocals --stems drums", "leave one out"),
        ("separate a.wav --filename {track}.{ext}", "lacks {stem}"),
        ("separate a.wav --filename {stem}.flac", "must end in .{ext}"),
        ("separate a.wav --filename ../{stem}.{ext}", "leads out of the output"),
        ("separate a.wav --filename /x/{stem}.{ext}", "leads out of the output"),
        ("separate a.wav --filename {stem!r}.{ext}", "unknown {stem}"),
        ("separate a.wav --filename {stem", "is not usable (expected '}'"),
        ("separate a.wav --server http://x --two-stems vocals", "--two-stems is for this machine"),
        ("doctor all", "all is not expected here"),
        ("completion powershell", "use bash, zsh, fish"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(capsys, given, says):
    assert says in refused(capsys, *given.split())


@pytest.mark.parametrize(
    "command", [(), ("separate",), ("models",), ("serve",), ("keys", "new"), ("doctor",)]
)
def test_help_fits_a_terminal(capsys, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as leave:
        main([*command, "--help"])
    told = capsys.readouterr().out
    assert leave.value.code == 0 and told.startswith("usage: stemwise")
    assert all(len(line) <= 105 for line in told.splitlines())
    assert "SUPPRESS" not in told and "--store_dir" not in told


def test_keys_and_doctor_speak_json(capsys, tmp_path, monkeypatch):
    file = tmp_path / "keys"
    assert main(["keys", "new", "studio", "--file", str(file), "--json"]) == 0
    told = capsys.readouterr()
    content = json.loads(told.out)
    assert content["name"] == "studio" and content["line"] in file.read_text()
    assert content["key"] in told.err  # for people
    monkeypatch.setattr("stemwise.jobs.doctor.CHECKS", {"one": lambda: "fine", "two": _bad})
    assert main(["doctor", "--json"]) == 1
    checks = json.loads(capsys.readouterr().out)
    assert checks == {
        "ok": False,
        "checks": [
            {"name": "one", "ok": True, "text": "fine"},
            {"name": "two", "ok": False, "text": "broken"},
        ],
    }


def _bad() -> str:
    raise OSError("broken")
