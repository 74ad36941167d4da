"""Who may ask: hosts, other sites, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .client import Api, Serve, serving

HOSTS = ("localhost", "127.0.0.1", "::1")


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return a client of a server that is called by its own names only."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("home")
        yield serving(stack, folder, worker={}, hosts=(*HOSTS, "testserver"))


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "[::1]", "testserver"]
)
def test_the_server_s_own_names(at_home: Api, host: str) -> None:
    assert at_home.get("/v1/recipes", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "evil.example#localhost",
        "",
        "::1",
        "[::1",
        "[evil]",
        "localhost]",
        "127.0.0.1.",
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/recipes", "/v1/separations/x"])
def test_a_name_that_another_site_has_pointed_here(at_home: Api, host: str, path: str) -> None:
    answer = at_home.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_request")
    assert "--allow-host" in answer.json()["detail"]


def test_any_name_where_none_are_given(serve: Serve) -> None:
    api = serve(worker={}, hosts=())
    assert api.get("/v1/recipes", headers={"Host": "whoever.example"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:9000", "Host": "localhost:8000"},
        {"Origin": "http://[::1"},
        {"Origin": "http://localhost.evil.example", "Host": "localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost", "Host": "localhost"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/separations"), ("DELETE", "/v1/separations/x")]
)
def test_pages_of_other_sites_change_nothing(
    at_home: Api, headers: dict, method: str, path: str
) -> None:
    answer = at_home.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "cross_site")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000", "Host": "localhost:8000"},
        {"Origin": "https://LocalHost", "Host": "localhost"},
        {"Origin": "http://[::1]:8000", "Host": "[::1]:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_server_s_own_page_and_programs_may_change_things(at_home: Api, headers: dict) -> None:
    answer = at_home.delete("/v1/separations/none", headers=headers)
    assert answer.status_code == 404
    assert at_home.post("/v1/separations", headers=headers).status_code == 415


def test_reading_from_elsewhere_is_allowed_but_not_shared(at_home: Api) -> None:
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = at_home.get("/v1/recipes", headers=headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_requests_and_refusals_are_counted_by_pattern(at_home: Api) -> None:
    counts = at_home.app.counts
    counts.requests.clear(), counts.reasons.clear()
    at_home.get("/v1/separations/one")
    at_home.get("/v1/separations/two")
    at_home.request("BREW", "/pot")
    at_home.get("/v1/recipes", headers={"Host": "evil.example"})
    assert counts.requests == [
        ("GET", "/v1/separations/{id}", 404),
        ("GET", "/v1/separations/{id}", 404),
        ("other", "unknown", 404),
        ("GET", "unknown", 400),
    ]
    assert counts.reasons == ["not_found", "not_found", "not_found", "bad_request"]
