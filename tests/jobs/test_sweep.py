"""Sweeps: what is measured once, fails alone or is skipped, and their summary (Ray: the next file)."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from stemwise.cli import main
from stemwise.evaluation import pipeline
from stemwise.evaluation.connection import SharedRay
from stemwise.jobs.sweep import child, record
from stemwise.jobs.sweep import process as processes
from stemwise.jobs.sweep import run as sweeping
from stemwise.jobs.sweep.child import Request
from stemwise.jobs.sweep.plan import SweepJob
from stemwise.jobs.sweep.queue import Queue
from stemwise.jobs.sweep.record import Outcome
from stemwise.storage import tables

from .. import in_this_process
from ..conftest import leave_figures_unrendered, make_song
from .runs import evaluate

SETTINGS = ("models=[band_split]", "overlap=reference,fast", "selection=linear,paper_naive")


class Here:
    """Runs jobs in this process, or only says what became of them: 0 for those that no test names."""

    real = False
    asked: list[Request] = []  # noqa: RUF012
    lost: dict[str, tuple[int, str]] = {}  # noqa: RUF012

    def run(self, request: Request) -> tuple[int, str | None]:
        Here.asked.append(request)
        folder = Path(request.settings["output"])
        if folder.name in Here.lost or not Here.real:
            (folder / "parts").mkdir(parents=True, exist_ok=True)
            return Here.lost.get(folder.name, (0, None))
        return child.work_on(Request(request.job, request.settings, None, request.log))

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


@contextmanager
def no_ray(_: object):
    yield SharedRay("127.0.0.1:1", {"CPU": 2.0, "memory": 2.0**35})


def patched(patch):
    """Let the jobs of sweeps run in this process."""
    patch.setattr(pipeline, "run", in_this_process.run)
    patch.setattr(sweeping, "JobProcess", Here)
    patch.setattr(sweeping.connection, "shared", no_ray)
    leave_figures_unrendered(patch)
    Here.asked, Here.lost, Here.real = [], {}, False


@pytest.fixture
def here(monkeypatch):
    patched(monkeypatch)
    return Here


def sweep(root, output, *more):
    return evaluate(root, output, "-m", "sweep.at_once=1", *(more or SETTINGS))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Four jobs on two songs: two ways to cut them, two rules; two songs are measured in two ways."""
    folder = tmp_path_factory.mktemp("sweep")
    for number in range(2):
        make_song(folder / "songs" / f"song-{number}", number)
    with pytest.MonkeyPatch.context() as patch:
        patched(patch)
        Here.real = True
        assert sweep(folder / "songs", folder / "sweep") == 0
    return folder


def test_every_separation_and_song_is_done_once(done):
    rows = tables.read(done / "sweep" / "tables", "sweep")
    jobs = rows.unique("run").sort("run")
    assert jobs["status"].to_list() == ["finished"] * 4
    assert jobs["made"].to_list() == [2, 2, 0, 0] or jobs["made"].to_list() == [2, 0, 0, 0]
    assert jobs["taken"].to_list()[2:] == [2, 2]
    assert jobs["exit_code"].to_list() == [0] * 4
    settings = [" ".join(own) for own in jobs["settings"]]
    assert len(set(settings)) == 4 and all("models" not in text for text in settings)
    # two groups, since two rules make two scores
    assert sorted(jobs["group"].unique()) == [1, 2]
    boards = tables.read(done / "sweep" / "tables", "sweep_scores")
    answer = boards.filter(pl.col("model") == "recipe:deployable", pl.col("stem") == "bass")
    assert len(answer) == 4 and set(answer["tracks"]) == {2}
    page = (done / "sweep" / "report" / "index.html").read_text()
    assert "paper_naive" in page and "../job-3/report/index.html" in page
    assert "All runs" in page and "#definitions" not in page


def test_a_finished_sweep_is_not_done_again_and_a_changed_song_is(done, tmp_path, here):
    root = Path(shutil.copytree(done / "songs", tmp_path / "songs"))
    assert sweep(root, tmp_path / "sweep") == 0
    first = len(here.asked)
    assert first == 4
    assert sweep(root, tmp_path / "sweep") == 0
    assert len(here.asked) == first
    shutil.copy(root / "song-0" / "vocals.wav", root / "song-1" / "vocals.wav")
    assert sweep(root, tmp_path / "sweep") == 0
    assert len(here.asked) == 2 * first


def test_a_job_is_done_again_whose_recipe_or_result_is_not_what_it_was(done, tmp_path, here):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("stems: {}")
    given = ("models=[band_split]", f"recipes=[{recipe}]", "overlap=reference,fast")

    def asked():
        here.asked = []
        assert sweep(done / "songs", tmp_path / "sweep", *given) == 0
        return [Path(request.settings["output"]).name for request in here.asked]

    assert asked() == ["job-0", "job-1"] and asked() == []
    shutil.rmtree(tmp_path / "sweep" / "job-1")
    assert asked() == ["job-1"]
    recipe.write_text("stems: {drums: {}}")
    assert asked() == ["job-0", "job-1"]


def test_the_page_of_a_run_is_not_overwritten(done, here, capsys):
    assert sweep(done / "songs", done / "sweep" / "job-0") == 2
    assert "is a single run" in capsys.readouterr().err and not here.asked


def test_a_job_that_is_killed_is_listed_and_the_others_are_not_lost(done, tmp_path, here, capsys):
    here.lost = {"job-0": (-signal.SIGKILL, "Its process was killed."), "job-3": (2, "No such.")}
    assert sweep(done / "songs", tmp_path / "sweep") == 3
    printed = capsys.readouterr().out
    assert "job-0 killed" in printed and "Not finished: 2" in printed
    rows = tables.read(tmp_path / "sweep" / "tables", "sweep").unique("run").sort("run")
    assert rows["status"].to_list() == ["killed", "finished", "finished", "failed"]
    assert rows["exit_code"].to_list() == [137, 0, 0, 2]
    assert rows["error"].to_list()[0] == "Its process was killed."
    page = (tmp_path / "sweep" / "report" / "index.html").read_text()
    assert "Its process was killed." in page and "137" in page
    # the same command does what is left
    here.asked, here.lost = [], {}
    assert sweep(done / "songs", tmp_path / "sweep") == 0
    assert sorted(Path(r.settings["output"]).name for r in here.asked) == ["job-0", "job-3"]
    here.lost = {f"job-{number}": (2, "No.") for number in range(4)}
    assert sweep(done / "songs", tmp_path / "other") == 2


def test_a_value_that_no_job_can_use_is_said_before_any_runs(done, tmp_path, here, capsys):
    given = ("models=[band_split]", "overlap=reference,quick")
    assert sweep(done / "songs", tmp_path / "sweep", *given) == 2
    assert "overlap=quick is not usable" in capsys.readouterr().err
    assert sweep(done / "songs", tmp_path / "sweep", "sweep.at_once=0", "overlap=fast") == 2
    assert not here.asked


def test_compare_shows_runs_of_one_protocol(done, tmp_path, capsys, unrendered):
    runs = [str(done / "sweep" / f"job-{number}") for number in range(4)]
    config = json.loads((done / "sweep" / "job-1" / "config.json").read_text())
    alike = [run for run in runs[1:] if _rule(run) == _rule(runs[0])]
    other = next(run for run in runs if _rule(run) != _rule(runs[0]))
    assert len(alike) == 1 and config
    assert main(["compare", runs[0], *alike, f"output={tmp_path / 'page'}"]) == 0
    assert "Best runs" in capsys.readouterr().out
    pairs = tables.read(tmp_path / "page" / "tables", "sweep_pairs")
    assert set(pairs["tracks"]) == {2} and "recipe:deployable" in pairs["model"]
    rows = tables.read(tmp_path / "page" / "tables", "sweep").unique("run")
    assert sorted(own[0].split("=")[0] for own in rows["settings"]) == ["overlap", "overlap"]
    assert main(["compare", runs[0], other, f"output={tmp_path / 'no'}"]) == 2
    assert "selection.rule is" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def _rule(run):
    return json.loads((Path(run) / "config.json").read_text())["selection"]["rule"]


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (["{run}", "output={new}"], 2, "One run has nothing to be compared with"),
        (["{run}", "{run}", "output={new}"], 2, "is named twice"),
        (["{run}", "{empty}", "output={new}"], 1, "holds no finished run"),
        (["{run}", "{other}", "output={run}"], 2, "is one of the runs"),
        (["{run}", "{other}"], 2, "output= is not set"),
        (["{run}", "{other}", "outptu={new}"], 2, "did you mean output"),
        (["{run}", "{other}", "output={sweep}"], 2, "is a run or sweep itself"),
        (["{run}", "{other}", "output=2024"], 2, "write output=./2024"),
    ],
)
def test_what_compare_refuses(done, tmp_path, capsys, given, code, says):
    (tmp_path / "empty").mkdir()
    alike = [
        n for n in range(1, 4) if _rule(done / f"sweep/job-{n}") == _rule(done / "sweep/job-0")
    ]
    places = {"run": done / "sweep/job-0", "other": done / f"sweep/job-{alike[0]}"}
    places |= {"new": tmp_path / "new", "sweep": done / "sweep"}
    words = [text.format(**places, empty=tmp_path / "empty") for text in given]
    assert main(["compare", *words]) == code
    assert says in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_job_begins_when_the_one_it_takes_songs_from_is_done():
    jobs = [SweepJob(number, None, {}) for number in range(5)]  # type: ignore[arg-type]
    begun, ended = [], []
    queue = Queue(jobs, {1: 0, 4: 0}, lambda job, _: ended.append(job.number))

    def run(_, job):
        begun.append((job.number, tuple(ended)))
        time.sleep(0.05)
        return Outcome.of(0, None, 0.0)

    queue.work_off([1, 2], run)
    assert sorted(ended) == [0, 1, 2, 3, 4]
    assert all(0 in before for number, before in begun if number in (1, 4))
    assert {number for number, _ in begun[:2]} == {0, 2}


def test_what_a_thread_of_the_queue_raises_is_raised():
    def bad(*_):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        Queue([SweepJob(0, None, {})], {}, lambda *_: None).work_off([1], bad)  # type: ignore[arg-type]


def test_a_process_works_off_jobs_and_is_replaced_when_one_kills_it(tmp_path, monkeypatch):
    worker = processes.JobProcess()
    (tmp_path / "job_module.py").write_text(
        "import os, signal\n"
        "def job(settings, console):\n"
        "    console.print(f'in {settings.output}')\n"
        "    if 'killed' in settings.output: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    if 'bug' in settings.output: raise ValueError('a bug')\n"
        "    if 'left' in settings.output: raise SystemExit(0)\n"
        "    return 3 if 'partly' in settings.output else 0\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def ask(output):
        settings = {"output": output, "dataset": {"_target_": "stemwise.datasets.demo.DemoDataset"}}
        settings |= {"models": "demo"}
        log = tmp_path / "logs" / f"{output}.txt"
        code, error = worker.run(Request("job_module:job", settings, None, log))
        return code, error, log.read_text()

    try:
        assert ask("good") == (0, None, "in good\n")
        code, error, printed = ask("bug")
        assert (code, error) == (1, "ValueError: a bug") and "Traceback" in printed
        code, error, _ = ask("killed")
        assert code == -signal.SIGKILL and "was killed (SIGKILL)" in str(error)
        assert ask("left")[0] == 1
        assert ask("partly")[:2] == (3, "Some songs or models failed.")
    finally:
        worker.close()


def test_a_record_that_is_damaged_is_none(tmp_path):
    (tmp_path / record.NAME).write_text('{"jobs": {"job-0": {"status": 1, "no": 2}}}')
    assert record.load(tmp_path) == {} == record.load(tmp_path / "absent")
    record.save(tmp_path, [("job-0", Outcome.of(-9, "killed", 1.5))])
    found = record.load(tmp_path)["job-0"]
    assert (found.status, found.exit_code, found.wall_s) == ("killed", 137, 1.5)
