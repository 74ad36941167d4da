"""`stemwise check` from two folders to words, files and exit code; the workflow of the docs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree as Tree

import polars as pl
import pytest
import yaml

from stemwise.cli import main
from stemwise.core.errors import ConfigError
from stemwise.jobs.check import settings_of
from stemwise.jobs.key_values import key_values
from stemwise.storage import tables

from ..analysis.test_gate import scores, side

DOCS = Path(__file__).resolve().parents[2] / "docs" / "releases.md"
CONFIG = {
    "metric": {"paper_snr": "snr", "paper_sdr": "bss_sdr", "by_stem": {}, "silence_dbfs": -60.0},
    "selection": {"rule": "linear"},
    "models": [],
}


@pytest.fixture
def run(tmp_path):
    """Return what writes a run with vocals of a mean score."""

    def write(name, mean, **config):
        made = side(name, {("recipe:deployable", "vocals"): scores(mean)})
        folder = tmp_path / name
        for table in ("scores", "tracks", "leaderboard"):
            tables.write(folder / "tables", table, [tables.of_frame(table, getattr(made, table))])
        (folder / "config.json").write_text(json.dumps(CONFIG | config))
        return str(folder)

    return write


@pytest.mark.parametrize(
    ("mean", "margin", "code", "outcome"),
    [(6.0, "0.1", 0, "passed"), (5.0, "0.1", 4, "failed"), (6.0, "0", 5, "undecided")],
)
def test_each_outcome_has_its_exit_code_and_files(
    mean, margin, code, outcome, run, tmp_path, capsys
):
    new, old = run("new", mean), run("old", 6.0)
    files = [f"json={tmp_path / 'out' / 'check.json'}", f"junit={tmp_path / 'out' / 'check.xml'}"]
    assert main(["check", new, "--json", f"against={old}", f"margin={margin}", *files]) == code
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "check.json").read_text())
    assert (printed["outcome"], printed["exit_code"]) == (outcome, code)
    (stem,) = printed["stems"]
    assert (stem["stem"], stem["songs"], stem["artists"]) == ("vocals", 12, 6)
    suite = Tree.parse(tmp_path / "out" / "check.xml").getroot().find("testsuite")
    assert (suite.get("failures"), suite.get("errors")) == (
        str(int(code == 4)),
        str(int(code == 5)),
    )


def test_people_read_a_table(run, capsys):
    assert main(["check", run("new", 5.0), f"against={run('old', 6.0)}"]) == 4
    printed = capsys.readouterr().out
    assert "Not worse than the baseline?" in printed and "Result: FAILED." in printed
    assert "vocals: Worse by more than 0.1 dB" in printed


@pytest.mark.parametrize(
    ("config", "asked", "told"),
    [
        (
            {"selection": {"rule": "paper_naive"}},
            [],
            "selection.rule is paper_naive there and linear here",
        ),
        (
            {"metric": {**CONFIG["metric"], "silence_dbfs": -50.0}},
            ["score=score"],
            "metric.silence_dbfs is -50.0 there and -60.0 here",
        ),
        (
            {"imported": {"protocol": {"measure": "museval"}, "score": "museval_sdr"}},
            [],
            "scores is imported there and measured here",
        ),
    ],
)
def test_runs_of_different_protocols_are_refused_with_the_difference(
    config, asked, told, run, capsys
):
    assert main(["check", run("new", 6.0, **config), f"against={run('old', 6.0)}", *asked]) == 2
    assert told in capsys.readouterr().err


def test_another_rule_does_not_matter_to_another_score(run):
    new = run("new", 6.0, selection={"rule": "paper_naive"})
    old = run("old", 6.0)
    for folder in (new, old):
        path = Path(folder) / "tables"
        frame = tables.read(path, "scores").with_columns(snr=pl.col("score"))
        tables.write(path, "scores", [tables.of_frame("scores", frame)])
    assert main(["check", new, f"against={old}", "metric=snr", "-q"]) == 0


def test_one_id_for_two_recordings_is_refused(run, capsys):
    new, old = run("new", 6.0), run("old", 6.0)
    for folder, length, level in ((new, 10.0, 0.0), (old, 10.001, 3.0)):
        path = Path(folder) / "tables"
        facts = {"duration_s": pl.lit(length), "fingerprint": pl.lit([level] * 4)}
        frame = tables.read(path, "tracks").with_columns(**facts)
        tables.write(path, "tracks", [tables.of_frame("tracks", frame)])
    assert main(["check", new, f"against={old}"]) == 2
    told = capsys.readouterr().err
    assert "demo/song-00 is another recording" in told and "same audio" in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["against"], "against is not usable: write key=value"),
        (["alpha=1", "alpha=2"], "alpha= is given twice"),
        (["stems=[a"], r"stems=\[a is not usable: a list is \[a,b\]"),
        (["against=x", "marign=1"], "marign is unknown: did you mean margin"),
        (["margin=0.1"], "against is not set"),
        (["against=x", "metric=snr", "score=snr"], "the same here"),
        (["against=x", "margin={vocals: loud}"], "margin"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(given, told):
    with pytest.raises(ConfigError, match=told):
        settings_of({"run": "x", **key_values(given)})


def test_a_folder_without_a_run_is_named(tmp_path, run, capsys):
    assert main(["check", str(tmp_path / "none"), f"against={run('old', 6.0)}"]) == 1
    assert "none holds no finished run" in capsys.readouterr().err


def test_what_would_always_or_never_pass_is_refused(run, capsys):
    own = run("own", 6.0)
    assert main(["check", own, f"against={own}/"]) == 2
    assert "is its own baseline" in capsys.readouterr().err
    assert main(["check", own, f"against={run('old', 6.0)}", "stems=[]"]) == 2
    assert "stems=[] is empty: leave it out" in capsys.readouterr().err


def commands(workflow):
    """Yield the command lines of a workflow."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            yield from re.sub(r"\\\n\s*", " ", step.get("run", "")).splitlines()


def test_the_workflow_of_the_docs_is_yaml_and_its_commands_parse():
    (block,) = re.findall(r"```yaml\n(name: .*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    found = [shlex.split(line) for line in commands(yaml.safe_load(block)) if "stemwise" in line]
    (checked,) = [words for words in found if words[:2] == ["stemwise", "check"]]
    words = [re.sub(r"\$\{\{.*?\}\}|\$\w+", "x", word) for word in checked[2:]]
    settings = settings_of({"run": words[0], **key_values(words[1:])})
    assert settings.junit and settings.gate.margin
    assert any(words[:2] == ["stemwise", "evaluate"] for words in found)
