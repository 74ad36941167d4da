"""A client for tests that holds every answer against what /openapi.json says of it."""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from stemwise.serving.http.guard import HEADERS

PROBLEM = "application/problem+json"


class DocumentedClient(TestClient):
    """Fails where an answer's status, content type or JSON is not the documented one."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self.document = (
            super().request("GET", "/openapi.json", headers={"host": "testserver"}).json()
        )

    def request(self, method: str, url: Any, **options: Any) -> Any:
        answer = super().request(method, url, **options)
        check(self.document, answer)
        return answer


def check(document: dict[str, Any], answer: Any) -> None:
    """Hold an answer against the document."""
    said = answer.headers
    for name, value in HEADERS.items():
        assert said[name] == value, (name, said)
    assert not [name for name in said if name.startswith("access-control")]
    kind = said.get("content-type", "").partition(";")[0]
    if answer.status_code >= 400 and kind == PROBLEM:
        _check_problem(document, answer)
    operation = operation_of(document, answer.request.method, answer.request.url.path)
    if operation is None:  # pages, and what is not there
        assert answer.status_code < 400 or kind == PROBLEM, (answer.status_code, kind)
        return
    responses = operation["responses"]
    assert str(answer.status_code) in responses, f"{answer.status_code} is not documented"
    described = responses[str(answer.status_code)]
    assert kind in described["content"], f"{kind} is not documented for {answer.status_code}"
    if kind in {"application/json", PROBLEM}:
        schema = described["content"][kind]["schema"]
        if schema.get("format") != "binary":
            validate(document, schema, answer.json())
    for name in described.get("headers", {}):
        assert name in said, f"{name} is documented for {answer.status_code}, but absent"


def operation_of(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """Return what the document says of a request."""
    for pattern, methods in document["paths"].items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(pattern)), path):
            return methods.get(method.lower())  # type: ignore[no-any-return]
    return None


def validate(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    """Validate against a schema whose references are the document's."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def _check_problem(document: dict[str, Any], answer: Any) -> None:
    content = answer.json()
    validate(document, document["components"]["schemas"]["Problem"], content)
    assert content["status"] == answer.status_code
    assert content["instance"] == answer.request.url.path or "%" in str(answer.request.url)
    assert re.search(r"[.?]$", content["detail"]), content["detail"]
    if answer.status_code in {429, 503}:
        assert int(answer.headers["retry-after"]) >= 1
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
