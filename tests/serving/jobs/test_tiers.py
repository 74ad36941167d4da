"""A worker on recipes with tiers: what is shown, when it goes on, and what is left when it cannot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.core.errors import ModelError
from stemwise.separation.promise import Promise
from stemwise.separation.recipe import Recipe
from stemwise.serving.http import views
from stemwise.serving.jobs import results
from stemwise.serving.jobs import runner as job_runner
from stemwise.serving.jobs.records import Status

from ..local import CHUNK, Bench, GainModel, World, bench, until

FAST = Recipe("fast", {"vocals": {"m": 1.0}}, remainder="other")
BEST = Recipe("best", {"vocals": {"m": 0.5, "n": 0.5}}, remainder="other")
HALF = Recipe("first", {"vocals": {"m": 1.0}, "drums": {"n": 1.0}})
BROKEN = replace(HALF, name="broken", tiers=(HALF, replace(HALF, name="second")))
GAINS = {"m": {"vocals": 0.5}, "n": {"vocals": 0.25}}
FACTOR = {"fast": 0.5, "best": 0.375}
LENGTH = 2 * CHUNK


def cascade(intercept: float | None = None, worth_db: float = 0.1) -> Recipe:
    promise = None if intercept is None else Promise({"vocals": {"intercept": intercept}})
    tiers = (FAST, replace(BEST, promise=promise))
    return replace(BEST, name="cascade", tiers=tiers, worth_db=worth_db)


@pytest.fixture
def world() -> World:
    return World({name: GainModel(gains) for name, gains in GAINS.items()})


@pytest.fixture
def up(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(job_runner, "PULSE_S", 0.02)
    recipes = {"cascade": cascade(), "never": cascade(0.05), "plain": BEST, "broken": BROKEN}
    with bench(tmp_path, recipes, world) as made:
        yield made


MIXTURE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, LENGTH)).astype(np.float32)


def heard(up: Bench, tier: str) -> None:
    """Check that a tier's vocals are what its models make."""
    path = up.files.local(results.stem_key("job", "vocals", "wav", tier))
    samples = soundfile.read(path, dtype="float32")[0].T
    np.testing.assert_allclose(samples, FACTOR[tier] * MIXTURE, atol=1e-6)


def hold_the_second(up: Bench, world: World) -> None:
    """Start a worker that has shown the first tier, and stands in the second."""
    world.held.add("n")
    up.runner()
    until(lambda: up.store.get("job").tier == "fast" and "n" in world.heard)


def test_the_best_tier_is_the_answer_and_no_model_hears_the_song_twice(
    up: Bench, world: World
) -> None:
    up.submit(MIXTURE)
    up.runner()
    job = up.final()
    assert (job.status, job.tier, job.result["tier"]) == (Status.SUCCEEDED, "best", "best")
    heard(up, "best")
    assert world.heard.count("m") == world.heard.count("n") == 2  # chunks
    assert job.chunks_done == job.chunks_total == 4
    told = views.separation(job)
    assert (told.tier, told.note) == ("best", None)
    assert [stem.stem for stem in told.results] == ["vocals", "other"]
    assert told.results[0].models == {"m": 0.5, "n": 0.5}
    assert up.files.exists(results.stem_key("job", "mixture", "wav"))
    assert told.timing["separate_s"] + told.timing["encode_s"] <= told.timing["total_s"] + 0.01


def test_a_tier_that_promises_too_little_is_not_run(up: Bench, world: World) -> None:
    up.submit(MIXTURE, recipe="never")
    up.runner()
    job = up.final()
    assert (job.status, job.tier, set(world.heard)) == (Status.SUCCEEDED, "fast", {"m"})
    heard(up, "fast")


def test_a_running_job_shows_the_tier_that_is_ready(up: Bench, world: World) -> None:
    up.submit(MIXTURE)
    hold_the_second(up, world)
    job = up.store.get("job")
    told = views.separation(job)
    assert (told.status, told.tier) == (Status.RUNNING, "fast")
    assert set(told.links.stems) == {"vocals", "other"} and 0 < told.progress < 1
    heard(up, "fast")
    world.release()
    up.store.cancel("job")
    assert views.separation(up.store.get("job")).results == []


def test_at_the_deadline_the_tier_that_is_ready_is_the_answer(up: Bench, world: World) -> None:
    up.submit(MIXTURE, deadline_at=time.time() + 1.0)
    hold_the_second(up, world)
    job = up.final()  # although the second tier never ends
    assert (job.status, job.tier, job.error) == (Status.SUCCEEDED, "fast", None)
    heard(up, "fast")
    assert views.separation(job).deadline_at is not None


def test_the_first_tier_is_waited_for_however_late(up: Bench, world: World) -> None:
    up.submit(MIXTURE, deadline_at=time.time() - 5)
    up.runner()
    job = up.final()
    assert (job.status, job.tier, set(world.heard)) == (Status.SUCCEEDED, "fast", {"m"})
    up.submit(MIXTURE, id="plain", recipe="plain", deadline_at=time.time() - 5)
    plain = up.final("plain")  # nothing to choose from
    assert (plain.status, plain.tier, "tier" in plain.result) == (Status.SUCCEEDED, None, False)


def test_a_tier_that_fails_leaves_the_one_before(up: Bench, world: World) -> None:
    world.faults["n"] = ModelError("n is out of order.")
    up.submit(MIXTURE)
    up.runner()
    job = up.final()
    assert (job.status, job.tier) == (Status.SUCCEEDED, "fast")
    note = views.separation(job).note
    assert note == "The tier best failed, so these are the stems of fast: n is out of order."
    heard(up, "fast")


def test_an_internal_error_in_a_better_tier_leaves_the_one_before(up: Bench, world: World) -> None:
    world.faults["n"] = ZeroDivisionError("a bug")
    up.submit(MIXTURE)
    up.runner()
    job = up.final()
    assert (job.status, job.tier) == (Status.SUCCEEDED, "fast")
    assert "a bug" not in job.result["note"] and "the server's log" in job.result["note"]


def test_the_stems_that_the_first_tier_could_make_are_there_where_others_failed(
    up: Bench, world: World
) -> None:
    world.faults["n"] = ModelError("n is out of order.")
    up.submit(MIXTURE, recipe="broken")
    up.runner()
    job = up.final()
    assert (job.status, job.reason, job.tier) == (Status.FAILED, "stems_failed", "first")
    assert [stem["stem"] for stem in job.result["results"]] == ["vocals"]
    assert up.files.exists(results.stem_key("job", "vocals", "wav", job.tier))


def test_what_a_lost_worker_has_shown_stays_and_the_next_goes_on_from_there(
    up: Bench, world: World
) -> None:
    up.submit(MIXTURE)
    first = up.made()
    job = up.store.claim(first.name, 0.01)
    assert job is not None
    work = up.store.publish(job.id, first.name, shown(up), attempt=job.attempts)
    assert work and up.store.get("job").tier == "fast"
    time.sleep(0.02)  # its lease runs out
    up.runner()
    done = up.final()
    assert (done.status, done.tier, done.attempts) == (Status.SUCCEEDED, "best", 2)
    assert done.result["mixture"] == {"bytes": 7}  # stored by the first
    heard(up, "best")


def test_where_all_workers_are_lost_the_tier_that_was_shown_is_the_answer(up: Bench) -> None:
    up.submit(MIXTURE)
    lost = up.store.claim("worker", 0.001, max_attempts=1)
    assert lost is not None and up.store.publish("job", "worker", shown(up))
    up.submit(MIXTURE, id="without")
    assert up.store.claim("worker", 0.001, max_attempts=1) is not None
    time.sleep(0.01)
    assert up.store.claim("other", 1, max_attempts=1) is None
    job, without = up.store.get("job"), up.store.get("without")
    assert (job.status, job.tier, job.error, job.reason) == (Status.SUCCEEDED, "fast", None, None)
    assert "these are the stems of fast" in (views.separation(job).note or "")
    assert (without.status, without.reason) == (Status.FAILED, "worker_lost")


def shown(up: Bench) -> dict[str, object]:
    return {"tier": "fast", "results": [], "mixture": {"bytes": 7}}


def test_an_early_deadline_is_due_early_but_never_before_the_song_came(up: Bench) -> None:
    late = up.submit(MIXTURE, id="late")
    soon = up.submit(MIXTURE, id="soon", deadline_at=time.time() + 3)
    past = up.submit(MIXTURE, id="past", deadline_at=1.0)
    assert past.due.at == past.created_at < soon.due.at < late.due.at
    claimed = [up.store.claim("worker", 30) for _ in range(3)]
    assert [job.id for job in claimed if job] == ["past", "soon", "late"]


def test_a_database_of_an_earlier_program_gets_the_new_columns(
    tmp_path: Path, world: World
) -> None:
    with bench(tmp_path, {"cascade": cascade()}, world) as old:
        old.submit(MIXTURE)
        with old.store._database.writing() as connection:
            for column in ("deadline_at", "tier"):
                connection.exec_driver_sql(f"ALTER TABLE stemwise_jobs DROP COLUMN {column}")
    with bench(tmp_path, {"cascade": cascade()}, world) as new:
        assert (new.store.get("job").tier, new.store.get("job").deadline_at) == (None, None)


def test_nothing_is_published_of_a_job_that_is_gone(up: Bench) -> None:
    up.submit(MIXTURE)
    assert up.store.claim("worker", 30) is not None
    up.store.cancel("job")
    assert not up.store.publish("job", "worker", shown(up))
