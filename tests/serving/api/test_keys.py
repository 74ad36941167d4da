"""Whose jobs are whose."""

from __future__ import annotations

import pytest

from stemwise.serving.http.keys import Keys, new_key

from ..local import limits
from .client import Api, Serve, song


@pytest.fixture
def guarded(serve: Serve) -> tuple[Api, dict[str, dict[str, str]]]:
    """Return a client of a server with keys, and the headers of two people."""
    made = {name: new_key(name) for name in ("ann", "bob")}
    keys = Keys(tuple(tuple(line.split(":")) for _, line in made.values()))  # type: ignore[misc]
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, (secret, _) in made.items()}
    return serve(keys=keys, limits=limits(max_unfinished_per_key=1)), headers


def test_without_a_key_nothing_but_page_health_and_document(guarded: tuple[Api, dict]) -> None:
    api, headers = guarded
    paths = {path for path in api.document["paths"] if path.startswith("/v1/")}
    for path in paths:
        place = path.replace("{id}", "x").replace("{stem}", "y")
        for method in api.document["paths"][path]:
            for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic YTpi"}):
                answer = api.request(method.upper(), place, headers=wrong)
                assert answer.status_code == 401, (method, path)
            assert api.document["paths"][path][method]["security"] == [{"key": []}]
    for path in ("/healthz", "/", "/openapi.json"):
        assert api.get(path).status_code == 200
    assert api.get("/v1/recipes", headers=headers["ann"]).status_code == 200


def test_one_key_does_not_see_the_jobs_of_another(guarded: tuple[Api, dict]) -> None:
    api, who = guarded
    answer = api.submit(headers=who["ann"] | {"Prefer": "wait=20", "Idempotency-Key": "k"})
    link, stem = answer.json()["links"]["self"], answer.json()["links"]["stems"]["drums"]
    for path in (link, f"{link}/events", f"{link}/archive", stem, f"{stem}/peaks"):
        assert api.get(path, headers=who["ann"]).status_code == 200
        hidden = api.get(path, headers=who["bob"])
        nothing = api.get(path.replace(link, "/v1/separations/none"), headers=who["bob"])
        assert hidden.status_code == nothing.status_code == 404
    assert api.delete(link, headers=who["bob"]).status_code == 404
    assert api.get("/v1/separations", headers=who["bob"]).json()["separations"] == []
    assert len(api.get("/v1/separations", headers=who["ann"]).json()["separations"]) == 1
    own = api.submit(song(1), headers=who["bob"] | {"Idempotency-Key": "k"})
    assert own.status_code == 202  # keys of repetition are one's own, too


def test_each_key_has_its_own_room(guarded: tuple[Api, dict]) -> None:
    api, who = guarded
    api.world.hold()
    first = api.submit(headers=who["ann"])
    refused = api.submit(headers=who["ann"])
    assert (refused.status_code, refused.json()["reason"]) == (429, "too_many_jobs")
    assert api.submit(headers=who["bob"]).status_code == 202
    assert api.delete(first.json()["links"]["self"], headers=who["ann"]).status_code == 200
    assert api.submit(headers=who["ann"]).status_code == 202
