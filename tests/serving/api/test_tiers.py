"""What a request may say of deadlines, and what is answered while a better tier is made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stemwise.separation.recipe import Recipe

from ..local import until
from .client import RECIPES, Api, events_of

FAST = Recipe("fast", {"vocals": {"m": 1.0}})
BEST = Recipe("best", {"vocals": {"m": 0.5, "n": 0.5}})


@pytest.fixture
def tiered(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A service that has a recipe of two tiers, of which the second stands still."""
    monkeypatch.setitem(RECIPES, "cascade", replace(BEST, name="cascade", tiers=(FAST, BEST)))
    api.world.held.add("n")
    return api


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "86401", "1e9"])
def test_a_deadline_that_is_none_is_refused(api: Api, text: str) -> None:
    answer = api.submit(deadline_s=text)
    assert (answer.status_code, answer.json()["reason"]) == (422, "unprocessable")
    assert "seconds above 0, at most 86400" in answer.json()["detail"]


def test_a_recipe_without_tiers_takes_a_deadline_for_its_place_in_the_queue(api: Api) -> None:
    job = api.separated(deadline_s="0.001")
    assert job["status"] == "succeeded" and job["tier"] is None and job["deadline_at"]
    assert api.separated(deadline_s="")["deadline_at"] is None  # an empty field of an HTML form


def test_another_deadline_is_another_request(api: Api) -> None:
    key = {"Idempotency-Key": "one"}
    first = api.submit(headers=key, deadline_s="5")
    assert api.submit(headers=key, deadline_s="5").json()["id"] == first.json()["id"]
    assert api.submit(headers=key).status_code == 409


def test_whoever_waits_gets_what_is_ready_while_the_job_goes_on(tiered: Api) -> None:
    answer = tiered.submit(recipe="cascade", headers={"Prefer": "wait=1"})
    job = answer.json()
    assert (answer.status_code, job["status"], job["tier"]) == (202, "running", "fast")
    links = job["links"]
    first = tiered.get(links["stems"]["vocals"]).content
    assert tiered.get(links["peaks"]["vocals"]).status_code == 200
    assert tiered.get(links["archive"]).status_code == 200
    assert tiered.get(links["mixture"]).status_code == 200
    tiered.world.release()
    until(lambda: tiered.get(links["self"]).json()["status"] == "succeeded")
    done = tiered.get(links["self"]).json()
    assert (done["tier"], done["links"]["stems"]) == ("best", links["stems"])
    assert tiered.get(links["stems"]["vocals"]).content != first


def test_before_the_first_tier_there_is_nothing_to_read(tiered: Api) -> None:
    tiered.world.hold()
    job = tiered.submit(recipe="cascade").json()
    assert job["tier"] is None and job["links"]["stems"] == {}
    assert tiered.get(f"{job['links']['self']}/stems/vocals").status_code == 409


def test_events_tell_of_each_tier(tiered: Api) -> None:
    job = tiered.submit(recipe="cascade", headers={"Prefer": "wait=1"}).json()
    tiered.world.release()
    told = [job["tier"] for _, job in events_of(tiered.get(job["links"]["events"]).text)]
    assert told[0] == "fast" and told[-1] == "best"
