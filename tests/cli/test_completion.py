"""Completion in a shell: argcomplete's protocol, without a shell."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stemwise.cli import main

pytest.importorskip("argcomplete", reason="the package argcomplete is not installed")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(capsys, shell):
    assert main(["completion", shell]) == 0
    assert "stemwise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stemwise sep", {"separate"}),
        ("stemwise separate -n demo_h", {"demo_htdemucs"}),
        ("stemwise evaluate dataset=mu", {"musdb18", "musdb18hq"}),
    ],
)
def test_words_are_completed(tmp_path, line, words):
    answer = tmp_path / "words"
    told = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": " ",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
    }
    told |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    command = [sys.executable, "-m", "stemwise"]
    subprocess.run(command, env=os.environ | told, check=True, capture_output=True)
    assert {word.rpartition("=")[2] for word in answer.read_text().split()} == words
