"""What people type who know other tools: one sentence on how a setting is written."""

from __future__ import annotations

import pytest

from stemwise.jobs.launch import _as_hydra_reads
from stemwise.jobs.no_setting import no_setting, unparsed
from stemwise.jobs.overrides import complaint
from stemwise.jobs.settings import EvaluateSettings


def refused(*given: str) -> str:
    found = complaint("evaluate", EvaluateSettings, given)
    assert found is not None and found.endswith(".") and "\n" not in found
    return found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--dataset", "folder"], "write dataset=folder"),
        (["-n", "htdemucs_6s"], "write models=htdemucs_6s"),
        (["--output=out"], "write output=out"),
        (["--multirum", "selection=linear"], "did you mean --multirun?"),
        (["dataset", "=", "folder"], "no blanks around ="),
        (["models=htdemucs_6s,spleeter_2stems"], "'models=[htdemucs_6s,spleeter_2stems]'"),
        (["models=[htdemucs_6s,", "spleeter_2stems]"], "in quotes"),
        (["./songs"], "dataset=folder dataset.root=./songs"),
        (["dataset.root=/My Songs (live)"], "'dataset.root=\"/My Songs (live)\"'"),
    ],
)
def test_what_is_no_setting_is_told_how_to_write(given, says):
    assert says in refused(*given)


def test_what_hydra_takes_is_let_through():
    given = ["-m", "--config-dir", "x", "selection=linear,paper_naive", "tracks=2", "-q", "a=b=c"]
    assert no_setting(given) is None and no_setting([]) is None
    assert "write key=value" in unparsed("evaluate", "models=[a")
    assert "write output=runs/demo." in unparsed("report", "runs/demo")


def test_home_is_a_folder_as_in_a_shell(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert _as_hydra_reads("dataset.root=~/songs") == "dataset.root=/home/me/songs"
    assert _as_hydra_reads("store=~/store") == "store.root=/home/me/store"
    assert _as_hydra_reads("a=b~/c") == "a=b~/c" and _as_hydra_reads("~key") == "~key"
