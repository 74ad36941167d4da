"""How `store=` and `output=` are written: short forms, sweeps, old runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemwise.core.errors import ConfigError
from stemwise.core.places import place
from stemwise.jobs import launch as launching
from stemwise.jobs.evaluate import evaluate
from stemwise.jobs.launch import launch
from stemwise.jobs.run_places import StoreSettings, mirrored, output_folder
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.sweep.plan import SweepJob, jobs_of, leaders


def configs(*overrides: str) -> list[EvaluateSettings]:
    """Return the settings of each job that a command line starts."""
    found: list[EvaluateSettings] = []

    def job(settings: EvaluateSettings, _: object) -> int:
        found.append(settings)
        return 0

    assert launch("evaluate", EvaluateSettings, job, list(overrides)) == 0
    return found


@pytest.mark.parametrize(
    ("overrides", "root", "keep"),
    [
        ([], None, "all"),
        (["store=/a/b"], "/a/b", "all"),
        (["store=s3://bucket/store"], "s3://bucket/store", "all"),
        (["store=/a", "store.keep=none"], "/a", "none"),
        (["store.keep=none", "store=/a"], "/a", "none"),
        (["store=null"], None, "all"),
        (["store={keep: none}"], None, "none"),
        (["store.root=/a"], "/a", "all"),
        (["++store=/a"], "/a", "all"),
    ],
)
def test_forms_of_store(overrides, root, keep):
    (config,) = configs(*overrides)
    assert config.store == StoreSettings(root, keep)


def jobs(*overrides: str) -> list[SweepJob]:
    """Return the jobs of a sweep that a command line starts."""
    found: list[SweepJob] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launching, "sweep", lambda gathered, *_: found.extend(jobs_of(gathered)) or 0)
        assert launch("evaluate", EvaluateSettings, evaluate, ["-m", *overrides]) == 0
    return found


def test_a_sweep_over_stores(tmp_path):
    found = [job.settings for job in jobs(f"output={tmp_path}", "store=/a,/b", "store.keep=none")]
    assert [(c.store.root, c.store.keep) for c in found] == [
        ("/a", "none"),
        ("/b", "none"),
    ]


@pytest.mark.parametrize("base", ["s3://bucket/sweep", "local"])
def test_a_sweep_has_a_folder_per_job_and_one_store(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = jobs(f"output={base}", "selection=linear,paper_naive", "overlap=fast,reference")
    settings = [job.settings for job in found]
    assert [c.output for c in settings] == [f"{base}/job-{number}" for number in range(4)]
    assert {c.store.root for c in settings} == {f"{base}/store"}
    assert [job.told for job in found][:2] == [
        "selection=linear overlap=fast",
        "selection=linear overlap=reference",
    ]
    # another rule is arithmetic on what the job with the same overlap measures
    assert leaders(found) == {2: 0, 3: 1}
    assert not Path("s3:").exists()


def test_a_sweep_to_an_unknown_place_is_refused(capsys):
    given = ["-m", "output=s4://x/y", "selection=linear,paper_naive"]
    assert launch("evaluate", EvaluateSettings, lambda *_: 0, given) == 2
    assert "s4:// is unknown" in capsys.readouterr().err


def test_old_runs_and_python_callers_give_a_path():
    assert StoreSettings.of(None) == StoreSettings()
    assert StoreSettings.of("/a") == StoreSettings("/a")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"keep": "some"}, "store.keep=some is unknown: use all or none"),
        ({"rot": "/"}, "store.rot"),
    ],
)
def test_what_store_cannot_be(value, told):
    with pytest.raises(ConfigError, match=told):
        StoreSettings.of(value)


def test_where_a_run_and_its_store_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = output_folder("runs/one")
    assert output == tmp_path / "runs" / "one"
    assert StoreSettings().place(output) == output / "store"
    remote = output_folder("s3://bucket/run")
    assert str(StoreSettings().place(remote)) == "s3://bucket/run/store"
    assert StoreSettings("kept").place(remote) == tmp_path / "kept"
    with pytest.raises(ConfigError, match="output= is empty"):
        output_folder("")


def test_a_mirror_sends_what_has_changed_and_nothing_after_an_error(bucket, s3_server):
    output = place(f"s3://{bucket}/run")
    pipe = output.fs.pipe_file
    for name in ("config.json", "tables/a/a.parquet", "report/old.png", "parts/song.parquet"):
        pipe(f"{output.path}/{name}", name.encode())
    with mirrored(output, ("config.json", "tables", "report")) as folder:
        assert folder.local.name == "run"
        assert (folder.local / "tables" / "a" / "a.parquet").read_bytes() == b"tables/a/a.parquet"
        assert not (folder.local / "parts").exists()
        (folder.local / "report" / "old.png").unlink()
        (folder.local / "report" / "index.html").write_text("new")
        (folder.local / "config.json").write_text("{}")
        assert folder.shown(folder.local / "report") == f"{output}/report"
        del s3_server.lines[:]
    sent = [line for line in s3_server.lines if "PUT" in line or "DELETE" in line]
    assert [method for line in sent for method in ("PUT", "DELETE") if method in line] == [
        "PUT",
        "PUT",
        "DELETE",
    ]
    assert not output.fs.exists(f"{output.path}/report/old.png")
    assert output.fs.cat_file(f"{output.path}/report/index.html") == b"new"
    with pytest.raises(ConfigError, match=f"^{output}/x$"), mirrored(output, ()) as folder:
        (folder.local / "half").write_text("x")
        raise ConfigError(f"{folder.local}/x")
    assert not output.fs.exists(f"{output.path}/half")
