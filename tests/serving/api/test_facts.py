"""What a server says of itself: document, recipes, models, health, the page."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from .client import SPECS, Api, Serve


def test_the_document_is_whole(finished: tuple[Api, dict]) -> None:
    document = finished[0].document
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(names) == len(set(names)) == 12
    assert set(document["paths"]) == {
        "/v1/separations",
        "/v1/separations/{id}",
        "/v1/separations/{id}/events",
        "/v1/separations/{id}/stems/{stem}",
        "/v1/separations/{id}/stems/{stem}/peaks",
        "/v1/separations/{id}/archive",
        "/v1/separations/{id}/mix",
        "/v1/recipes",
        "/v1/models",
        "/healthz",
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation.get("description"), operation["operationId"]
            for status, answer in operation["responses"].items():
                assert answer["description"] and answer["content"], status


def test_recipes_and_models(finished: tuple[Api, dict]) -> None:
    client, _ = finished
    recipes = client.get("/v1/recipes").json()["recipes"]
    assert [(r["name"], r["default"]) for r in recipes] == [("both", True), ("single", False)]
    assert recipes[0]["stems"] == ["vocals", "drums", "other"]
    assert recipes[0]["children"] == {"drums": ["kick", "drums_rest"]}
    assert recipes[0]["weights"]["other"] == {"m": -1.0, "n": -1.0}
    assert recipes[0]["quality_db"] == {"vocals": [5, 4, 6.5]}
    assert recipes[0]["provenance"]["worst"] is None  # JSON knows no infinity
    models = client.get("/v1/models").json()["models"]
    assert [(m["name"], m["stems"], m["ready"]) for m in models] == [
        ("m", ["vocals", "drums"], True),
        ("n", ["vocals"], True),
        ("p", ["kick"], True),
    ]


@pytest.mark.parametrize("missing", ["m", "ensemble"])
def test_health_while_something_is_loading(serve: Serve, missing: str) -> None:
    ready = {name: name != missing for name in [*SPECS, "ensemble"]}
    client = serve(worker={}, ready=ready)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "loading")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["models"] == {name: name != missing for name in SPECS}
    listed = client.get("/v1/models").json()["models"]
    assert {m["name"]: m["ready"] for m in listed} == {name: name != missing for name in SPECS}


def test_health_when_all_is_well(finished: tuple[Api, dict]) -> None:
    answer = finished[0].get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_page_and_its_files(finished: tuple[Api, dict]) -> None:
    client, _ = finished
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    script = client.get("/assets/page.js")
    etag = script.headers["etag"]
    assert client.get("/assets/page.js", headers={"If-None-Match": etag}).status_code == 304
    for path in ("/assets/none.js", "/assets/../index.html", "/nothing", "/v1", "/docs"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/separations"),
        ("DELETE", "/v1/separations"),
        ("POST", "/v1/separations/x"),
        ("POST", "/v1/recipes"),
        ("POST", "/healthz"),
        ("POST", "/"),
        ("TRACE", "/v1/models"),
    ],
)
def test_methods_that_are_not_possible(finished: tuple[Api, dict], method: str, path: str) -> None:
    answer = finished[0].request(method, path)
    assert (answer.status_code, answer.json()["reason"]) == (405, "method_not_allowed")
    assert "allow" in answer.headers
