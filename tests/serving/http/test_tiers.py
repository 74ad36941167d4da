"""Tiers of models in the real service: deadlines, and what is left where a worker is lost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import requests

from stemwise.audio.raw import RawAudio
from stemwise.separation.recipe import load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator

from ..conftest import CASCADE, song_file, tones
from ..running import Running, final
from .test_service import post, rms_db, stems_of

pytestmark = pytest.mark.ray


def separated_here(folder: Path, samples: np.ndarray, tier: int) -> dict[str, np.ndarray]:
    """What the benchmark's and the command line's class makes of a tier alone."""
    path = folder / "cascade.yaml"
    path.write_text(CASCADE)
    raw = folder / "mixture.f32"
    np.ascontiguousarray(samples, np.float32).tofile(raw)
    work = folder / "work"
    work.mkdir()
    recipe = load_recipe(str(path)).tiers[tier]
    made = RecipeSeparator(recipe, "cpu")(RawAudio(raw, len(samples)), work)
    return {stem: np.asarray(spool.read(stem)).T for stem, spool in made.items()}


@pytest.mark.parametrize(
    ("deadline", "tier", "number"), [("0.01", "fast", 0), ("300", "best", 1), (None, "best", 1)]
)
def test_the_deadline_decides_which_tier_answers_and_its_stems_are_the_benchmarks(
    service: Running, tmp_path: Path, deadline: str | None, tier: str, number: int
) -> None:
    path = song_file(tmp_path / "song.wav", 5.3, seed=6)
    fields = {} if deadline is None else {"deadline_s": deadline}
    job = post(service, path, recipe="cascade", format="wav", **fields)
    job = final(service.url, job)
    assert (job["status"], job["tier"], job["note"]) == ("succeeded", tier, None), job
    assert (job["deadline_at"] is None) == (deadline is None)
    served, here = stems_of(service, job), separated_here(tmp_path, tones(5.3, seed=6), number)
    assert set(served) == set(here) == {"vocals", "drums"}
    for stem, samples in here.items():
        np.testing.assert_array_equal(served[stem], samples, err_msg=stem)


def shown(service: Running, job: dict) -> dict:
    """Return the job once a tier of it is there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = requests.get(f"{service.url}{job['links']['self']}", timeout=20).json()
        if found["tier"] is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no tier of {found}")


def test_a_worker_lost_in_the_second_tier_leaves_the_first_to_be_heard(
    service: Running, tmp_path: Path
) -> None:
    path = song_file(tmp_path / "song.wav", 40.0, seed=7)
    job = post(service, path, recipe="cascade", format="wav")
    first = shown(service, job)
    assert (first["status"], first["tier"]) == ("running", "fast"), first
    for pid in service.replicas("ensemble"):
        os.kill(pid, signal.SIGKILL)
    early = stems_of(service, first)  # nobody works on the song now
    here = separated_here(tmp_path, tones(40.0, seed=7), 0)
    for stem, samples in here.items():
        assert rms_db(early[stem] - samples) < -100
    done = final(service.url, job)
    assert (done["status"], done["tier"], done["attempts"]) == ("succeeded", "best", 2), done
