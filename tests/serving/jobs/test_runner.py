"""A worker on a real job store and real files, with models in threads."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stemwise.core.errors import ModelError, NotReadyError, OutputError
from stemwise.separation.quality import Quality
from stemwise.separation.recipe import Recipe
from stemwise.separation.spool import FULL_SCALE
from stemwise.serving.http import views
from stemwise.serving.jobs import results
from stemwise.serving.jobs import runner as job_runner
from stemwise.serving.jobs.records import LENGTH_STEP, Status
from stemwise.serving.jobs.store import JobStore

from ..local import CHUNK, Bench, GainModel, World, bench, until

LINE = Quality(
    ("level", "agreement"), (1.0, 2.0), 3.0, 1.0, 1.5, ((-60, 60),) * 2, 0.9, 0.9, 12, 12
)
RECIPE = Recipe(
    "recipe",
    {"vocals": {"m": 0.5, "n": 0.5}, "drums": {"m": 1.0}},
    children={"drums": {"kick": {"p": 1.0}}},
    remainder="other",
    rests={"drums": "drums_rest"},
    provenance={"held_out_snr": {"vocals": [5, 4, 6.5]}},
    quality={"vocals": LINE, "drums": replace(LINE, features=("level",), ranges=((0.0, 1.0),))},
)
GAINS = {"m": {"vocals": 0.5, "drums": 0.25}, "n": {"vocals": 0.25}, "p": {"kick": 0.5}}
# What the recipe makes of a mixture, as factors.
EXPECTED = {
    "vocals": 0.375,
    "drums": 0.25,
    "kick": 0.125,
    "drums_rest": 0.125,
    "other": 0.375,
}
SINGLE = Recipe("single", {"drums": {"m": 1.0}})
LENGTH = 2 * CHUNK + 500
CHUNKS = 3
LONG = LENGTH_STEP + CHUNK  # of another length than all the others, for whoever chooses


def noise(samples: int = LENGTH, level: float = 0.5) -> np.ndarray:
    return np.random.default_rng(0).uniform(-level, level, (2, samples)).astype(np.float32)


@pytest.fixture
def world() -> World:
    return World({name: GainModel(gains) for name, gains in GAINS.items()})


@pytest.fixture
def up(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(job_runner, "PULSE_S", 0.02)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with bench(tmp_path, {"recipe": RECIPE, "single": SINGLE}, world) as made:
        yield made
    assert list(scratch.iterdir()) == []  # whatever happened, nothing is left


def audio(up: Bench, id: str, stem: str, kind: str = "wav") -> np.ndarray:
    return soundfile.read(up.files.local(results.stem_key(id, stem, kind)), dtype="float32")[0].T


def test_a_job_becomes_files_and_facts(up: Bench) -> None:
    mixture = noise()
    up.submit(mixture)
    up.runner()
    job = up.final()
    assert (job.status, job.attempts, job.reason) == (Status.SUCCEEDED, 1, None)
    assert (job.chunks_done, job.chunks_total) == (3 * CHUNKS, 3 * CHUNKS)
    for stem, factor in EXPECTED.items():
        samples = audio(up, "job", stem)
        np.testing.assert_allclose(samples, factor * mixture, atol=1e-6, err_msg=stem)
    facts = {item["stem"]: item for item in job.result["results"]}
    order = ["vocals", "drums", "kick", "other", "drums_rest"]  # of the stem tree
    assert [item["stem"] for item in job.result["results"]] == order
    assert facts["vocals"]["models"] == {"m": 0.5, "n": 0.5}
    assert [facts[stem]["parent"] for stem in order] == ["mixture"] * 2 + [
        "drums",
        "mixture",
        "drums",
    ]
    assert facts["vocals"]["quality_db"] == [5, 4, 6.5] and facts["drums"]["quality_db"] is None
    for stem, factor in EXPECTED.items():
        path = up.files.local(results.stem_key("job", stem, "wav"))
        assert facts[stem]["bytes"] == path.stat().st_size
        assert facts[stem]["peak"] == pytest.approx(factor * np.abs(mixture).max(), rel=1e-5)
        power = np.mean(np.square(factor * mixture, dtype=np.float64))
        assert facts[stem]["rms_dbfs"] == pytest.approx(10 * np.log10(power), abs=1e-3)
    kept = {item["parent"]: item for item in job.result["conservation"]}
    assert set(kept) == {"mixture", "drums"}
    assert all(item["exact"] or item["difference_dbfs"] < -140 for item in kept.values())
    # blend 3/8, models 1/2 and 1/4; of the drums nothing is predicted at this level
    snr = 20 * np.log10(0.375) + 2 * 10 * np.log10(9) + 3
    assert set(job.result["quality"]) == {"vocals"}
    told = {"snr": snr, "low": snr - 1.5, "high": snr + 1.5}
    assert job.result["quality"]["vocals"] == pytest.approx(told, abs=0.01)
    assert job.result["gain"] == 1.0
    assert set(job.result["timing"]) == {"separate_s", "encode_s", "total_s", "realtime_factor"}
    assert views.separation(job).links.stems.keys() == EXPECTED.keys()
    assert not up.files.exists(results.input_key("job"))  # no longer needed
    until(lambda: up.ends == [("job", "succeeded")])


def test_waveforms_are_stored_beside_the_stems(up: Bench) -> None:
    up.submit(noise(), stems=("vocals",))
    up.runner()
    assert up.final().status is Status.SUCCEEDED
    drawn = json.loads(up.files.local(results.peaks_key("job", "vocals")).read_text())
    step, peaks = results.waveform(audio(up, "job", "vocals"))
    assert drawn == {"stem": "vocals", "samples_per_peak": step, "peaks": peaks}


def test_flac_is_turned_down_by_one_gain_for_all(up: Bench) -> None:
    mixture = noise(level=8.0)
    up.submit(mixture, format="flac")
    up.runner()
    job = up.final()
    peak = max(item["peak"] for item in job.result["results"])
    assert job.result["gain"] == pytest.approx(FULL_SCALE / peak)
    for stem, factor in EXPECTED.items():
        found = audio(up, "job", stem, "flac") / job.result["gain"]
        np.testing.assert_allclose(found, factor * mixture, atol=2e-6, err_msg=stem)


def test_only_what_is_wanted_is_made_and_counted(up: Bench, world: World) -> None:
    up.submit(noise(), stems=("kick",))
    up.runner()
    job = up.final()
    assert [item["stem"] for item in job.result["results"]] == ["kick"]
    assert set(world.heard) == {"m", "p"}
    assert job.chunks_done == job.chunks_total == 2 * CHUNKS
    assert job.result["conservation"] == []


@pytest.mark.parametrize("samples", [1, 2])
def test_a_song_of_one_sample(up: Bench, samples: int) -> None:
    up.submit(noise(samples))
    up.runner()
    job = up.final()
    assert job.status is Status.SUCCEEDED, job.error
    assert audio(up, "job", "kick").size == 2 * samples


def test_digital_silence(up: Bench) -> None:
    up.submit(np.zeros((2, LENGTH), np.float32), format="flac")
    up.runner()
    job = up.final()
    assert {item["rms_dbfs"] for item in job.result["results"]} == {None}
    assert all(item["exact"] for item in job.result["conservation"])


def test_stems_of_models_that_work_are_kept_where_another_fails(up: Bench, world: World) -> None:
    world.faults["p"] = ModelError("The model 'p' was lost.")
    up.submit(noise())
    up.runner()
    job = up.final()
    assert (job.status, job.reason) == (Status.FAILED, "stems_failed")
    assert "kick: The model 'p' was lost." in (job.error or "")
    assert "drums_rest: The model 'p' was lost." in (job.error or "")
    made = {item["stem"] for item in job.result["results"]}
    assert made == {"vocals", "drums", "other"}
    assert [item["parent"] for item in job.result["conservation"]] == ["mixture"]
    for stem in made:
        assert audio(up, "job", stem).shape == (2, LENGTH)
    shown = views.separation(job)
    assert set(shown.links.stems) == made and shown.error is not None
    until(lambda: up.ends == [("job", "failed")])


def test_a_job_without_any_stem_says_why(up: Bench, world: World) -> None:
    world.faults["m"] = ModelError("The model 'm' refuses.")
    up.submit(noise(), recipe="single")
    up.runner()
    job = up.final()
    assert (job.status, job.reason) == (Status.FAILED, "separation_failed")
    assert job.error == "The model 'm' refuses." and job.result == {}


def test_an_unknown_recipe_is_said(up: Bench) -> None:
    up.submit(noise(), recipe="gone")
    up.runner()
    job = up.final()
    assert (job.status, job.reason) == (Status.FAILED, "unknown_recipe")
    assert "'gone'" in (job.error or "")


def test_a_job_whose_audio_is_gone_fails(up: Bench) -> None:
    up.submit(noise())
    up.files.delete("job")
    up.runner()
    assert (up.final().status, up.final().reason) == (Status.FAILED, "separation_failed")


def test_a_fault_of_the_service_ends_the_job_and_not_the_worker(up: Bench, world: World) -> None:
    world.faults["m"] = ValueError("a secret path")
    up.submit(noise(), "broken")
    runner = up.runner(slots=1)
    job = up.final("broken")
    assert (job.status, job.reason) == (Status.FAILED, "internal")
    assert "secret" not in (job.error or "")
    del world.faults["m"]
    up.submit(noise(), "next")
    assert up.final("next").status is Status.SUCCEEDED
    assert runner.alive()


def test_a_cancelled_job_stops_within_a_chunk(up: Bench, world: World) -> None:
    world.hold()
    up.submit(noise(50 * CHUNK))
    up.runner(slots=1)
    assert world.begun.acquire(timeout=20)
    assert up.store.cancel("job").status is Status.CANCELLED
    until(lambda: up.ends == [("job", "stopped")])  # the models are still held
    assert up.store.get("job").status is Status.CANCELLED
    assert len(world.heard) <= 3  # the chunk that each model was at
    assert not up.files.exists(results.stem_key("job", "drums", "wav"))


def test_progress_is_written_while_the_models_work(up: Bench, world: World) -> None:
    up.submit(noise(), recipe="single")
    world.hold()
    up.runner()
    until(lambda: up.store.get("job").chunks_total == CHUNKS)
    assert up.store.get("job").chunks_done == 0
    world.release()
    assert up.final().chunks_done == CHUNKS


def later(up: Bench) -> JobStore:
    """Return the same jobs as another machine sees them after every lease has run out."""
    return JobStore(f"sqlite:///{up.folder / 'jobs.sqlite3'}", lambda: time.time() + 1000)


def test_a_job_that_another_worker_took_over_is_stopped_here(up: Bench, world: World) -> None:
    world.hold()
    up.submit(noise(50 * CHUNK))
    up.runner()
    assert world.begun.acquire(timeout=20)
    other = later(up)
    taken = other.claim("other", 60)
    assert taken is not None and taken.attempts == 2
    until(lambda: up.ends == [("job", "stopped")])
    assert up.store.get("job").worker == "other"
    assert other.finish("job", "other", {"results": []}, 60, attempt=2)
    other.close()
    assert up.store.get("job").result == {"results": []}


@pytest.mark.parametrize("fault", [None, ModelError("no"), ValueError("no")])
def test_a_worker_that_was_asleep_does_not_end_what_is_another_s(
    up: Bench, world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    monkeypatch.setattr(job_runner, "PULSE_S", 3600.0)
    world.hold()
    up.submit(noise(), recipe="single")
    up.runner()
    assert world.begun.acquire(timeout=20)
    other = later(up)
    assert other.claim("other", 60) is not None
    if fault is not None:
        world.faults["m"] = fault
    world.release()  # and not a word of the takeover has been heard
    until(lambda: up.ends == [("job", "stopped")])
    job = up.store.get("job")
    assert (job.status, job.worker, job.attempts) == (Status.RUNNING, "other", 2)
    assert up.files.exists(results.input_key("job"))  # the other one needs it
    other.close()


def test_two_workers_share_the_queue(up: Bench, world: World) -> None:
    names = [f"job{number}" for number in range(12)]
    for name in names:
        up.submit(noise(), name, recipe="single")
    up.runner(slots=2)
    up.runner(slots=2)
    for name in names:
        assert up.final(name).status is Status.SUCCEEDED
    until(lambda: len(up.ends) == 12)
    assert Counter(up.ends) == {(name, "succeeded"): 1 for name in names}
    assert {up.store.get(name).attempts for name in names} == {1}
    assert len(world.heard) == 12 * CHUNKS


def test_no_more_jobs_than_slots_are_worked_on(up: Bench, world: World) -> None:
    world.hold()
    for number in range(4):
        up.submit(noise(), f"job{number}", recipe="single")
    up.runner(slots=2)
    until(lambda: up.store.counts()[Status.RUNNING] == 2)
    up.runners[0].wake()
    assert up.store.counts()[Status.QUEUED] == 2
    world.release()
    for number in range(4):
        assert up.final(f"job{number}").status is Status.SUCCEEDED


def test_stop_gives_jobs_back_as_if_they_had_never_been_begun(up: Bench, world: World) -> None:
    world.hold()
    up.submit(noise(), "first")
    up.submit(noise(), "second")
    runner = up.runner(slots=1)
    assert world.begun.acquire(timeout=20)
    runner.stop()
    job = up.store.get("first")
    assert (job.status, job.attempts, job.worker) == (Status.QUEUED, 0, None)
    until(lambda: up.ends == [("first", "stopped")])
    until(lambda: not runner.alive())
    world.release()
    up.runner()
    assert {up.final("first").attempts, up.final("second").attempts} == {1}


def test_a_job_that_is_claimed_while_the_worker_stops_is_given_back(up: Bench) -> None:
    class Late(JobStore):
        def claim(self, *arguments: Any, **options: Any) -> Any:
            job = super().claim(*arguments, **options)
            if job is not None:
                runner.stop()
            return job

    up.submit(noise())
    store = Late(f"sqlite:///{up.folder / 'jobs.sqlite3'}")
    runner = up.made(store=store)
    runner.start()
    until(lambda: not any(thread.is_alive() for thread in runner._loops))
    job = up.store.get("job")
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    store.close()


class Away(JobStore):
    """A job store that does not answer as long as `away` is true."""

    away = False

    def _heed(self) -> None:
        if self.away:
            raise NotReadyError("The job database does not answer.", retry_after=5)

    def claim(self, *arguments: Any, **options: Any) -> Any:
        self._heed()
        return super().claim(*arguments, **options)

    def heartbeat(self, *arguments: Any, **options: Any) -> bool:
        self._heed()
        return super().heartbeat(*arguments, **options)

    def finish(self, *arguments: Any, **options: Any) -> bool:
        self._heed()
        return super().finish(*arguments, **options)

    def fail(self, *arguments: Any, **options: Any) -> bool:
        self._heed()
        return super().fail(*arguments, **options)

    def release(self, *arguments: Any, **options: Any) -> bool:
        self._heed()
        return super().release(*arguments, **options)


@pytest.fixture
def away(up: Bench) -> Iterator[Away]:
    store = Away(f"sqlite:///{up.folder / 'jobs.sqlite3'}")
    yield store
    store.close()


def test_a_database_that_is_away_when_a_job_ends_costs_an_attempt(
    up: Bench, world: World, away: Away
) -> None:
    world.hold()
    up.submit(noise(), recipe="single")
    runner = up.runner(slots=1, store=away, lease_s=0.5)
    assert world.begun.acquire(timeout=20)
    away.away = True
    world.release()
    until(lambda: up.ends == [("job", "stopped")])
    assert up.store.get("job").status is Status.RUNNING
    away.away = False
    job = up.final()
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 2)
    assert runner.alive()


def test_a_database_that_is_away_for_a_moment_in_between_costs_nothing(
    up: Bench, world: World, away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    world.hold()
    up.submit(noise(), recipe="single")
    up.runner(slots=1, store=away)
    assert world.begun.acquire(timeout=20)
    away.away = True
    until(lambda: "do not respond" in caplog.text)
    away.away = False
    world.release()
    assert (up.final().status, up.final().attempts) == (Status.SUCCEEDED, 1)


def test_a_worker_stops_although_the_database_is_away(up: Bench, world: World, away: Away) -> None:
    world.hold()
    up.submit(noise())
    runner = up.runner(store=away)
    assert world.begun.acquire(timeout=20)
    away.away = True
    runner.stop()
    until(lambda: up.ends == [("job", "stopped")])
    away.away = False


def test_an_input_that_cannot_be_deleted_does_not_fail_the_job(
    up: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str) -> None:
        raise OutputError(f"{key} cannot be deleted.")

    monkeypatch.setattr(up.files, "remove", refuse)
    up.submit(noise(), recipe="single")
    up.runner()
    assert up.final().status is Status.SUCCEEDED
    until(lambda: up.ends == [("job", "succeeded")])


def test_a_full_disk_for_scratch_files_fails_the_job_only(
    up: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = tempfile.mkdtemp, []

    def full(*arguments: Any, **options: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    up.submit(noise(), "first", recipe="single")
    up.runner(slots=1)
    assert up.final("first").reason == "internal"
    up.submit(noise(), "second", recipe="single")
    assert up.final("second").status is Status.SUCCEEDED


def test_a_short_song_does_not_wait_until_long_ones_end(up: Bench, world: World) -> None:
    world.hold()
    up.runner(slots=1)
    up.submit(noise(LONG), "long", recipe="single")
    assert world.begun.acquire(timeout=20)
    up.submit(noise(LONG), "long-too", recipe="single")
    up.submit(noise(CHUNK), "short", recipe="single")
    until(lambda: up.store.get("short").status is Status.RUNNING)
    up.submit(noise(CHUNK), "short-too", recipe="single")  # twice the slots are taken
    world.release()
    for id in ("long", "long-too", "short", "short-too"):
        assert up.final(id).status is Status.SUCCEEDED
    begun = {id: up.store.get(id).started_at for id in ("long", "long-too", "short", "short-too")}
    assert sorted(begun, key=lambda id: begun[id] or 0) == [
        "long",
        "short",
        "short-too",
        "long-too",
    ]


def test_with_one_turn_the_most_urgent_song_is_worked_on_first(up: Bench, world: World) -> None:
    world.hold()
    up.runner(slots=3, turns=1)
    up.submit(noise(5 * CHUNK), "first", recipe="single")
    assert world.begun.acquire(timeout=20)
    for id, samples in (("third", LONG), ("second", 3 * CHUNK)):
        up.submit(noise(samples), id, recipe="single")
    until(lambda: len(up.runners[0].turns._pieces) == 3)
    world.release()
    for id in ("first", "second", "third"):
        assert up.final(id).status is Status.SUCCEEDED
    until(lambda: len(up.ends) == 3)
    assert [id for id, _ in up.ends] == ["first", "second", "third"]
    assert not up.runners[0].turns._pieces


def test_slots_are_free_again_after_every_kind_of_end(up: Bench, world: World) -> None:
    runner = up.runner(slots=1)
    faults = (ModelError("no"), ValueError("no"), None)
    for number, fault in enumerate(faults):
        world.faults = {} if fault is None else {"m": fault}
        up.submit(noise(), f"end{number}")
        up.final(f"end{number}")
    up.submit(noise(), "unknown", recipe="gone")
    up.final("unknown")
    for way in ("cancelled", "taken"):
        world.hold()
        while world.begun.acquire(blocking=False):
            pass
        up.submit(noise(), way)
        assert world.begun.acquire(timeout=20)
        if way == "cancelled":
            up.store.cancel(way)
        else:
            other = later(up)
            assert other.claim("other", 60) is not None
            other.close()
        until(lambda way=way: (way, "stopped") in up.ends)  # type: ignore[misc]
        world.release()
    up.submit(noise(), "last")
    assert up.final("last").status is Status.SUCCEEDED
    until(lambda: len(up.ends) == 7)
    assert runner._held == {} and runner._active == {} and runner.alive()
    assert [work is None for work in up.works] == [id == "unknown" for id, _ in up.ends]


def test_files_of_cancelled_and_expired_jobs_and_of_no_job_are_deleted(
    up: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_CLEAN_S", 0.02)
    old = up.files.local(results.input_key(up.submit(noise(), "orphan").id)).parents[1]
    up.store.cancel("orphan")
    up.store.expire()
    for path in (old, *old.rglob("*")):
        os.utime(path, (1, 1))
    up.submit(noise(), "cancelled")
    up.store.cancel("cancelled")
    up.submit(noise(), "expires", recipe="single")
    up.submit(noise(), "kept", recipe="gone")
    up.runner(keep_s=0.2, forget_s=3600)
    until(lambda: not up.files.exists(results.input_key("cancelled")))
    until(lambda: up.store.get("expires").status is Status.EXPIRED)
    until(lambda: not up.files.exists(results.stem_key("expires", "drums", "wav")))
    until(lambda: not old.exists())
    assert up.runners[0].alive()


def test_rows_are_forgotten_after_a_while(up: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "_CLEAN_S", 0.02)
    up.submit(noise(), recipe="gone")
    up.runner(keep_s=0.01, forget_s=0.01)
    until(lambda: up.store.recent("", 5) == [])


def test_jobs_in_work_are_never_cleaned_away(
    up: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_CLEAN_S", 0.005)
    monkeypatch.setattr(job_runner, "_ORPHAN_S", 0.0)
    world.hold()
    up.submit(noise(), recipe="single")
    up.runner(keep_s=60)
    assert world.begun.acquire(timeout=20)
    time.sleep(0.1)  # many cleanings
    world.release()
    assert up.final().status is Status.SUCCEEDED
    assert audio(up, "job", "drums").shape == (2, LENGTH)
