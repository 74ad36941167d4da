"""Requests and files that nobody should send, to the real service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings, strategies

from . import hostile
from .conftest import song_file
from .running import Running

pytestmark = pytest.mark.ray

# More for a nightly run; the suite's own number keeps it short.
EXAMPLES = int(os.environ.get("STEMWISE_FUZZ_EXAMPLES", "8"))


# schemathesis' own pytest plugin does not start with pytest 9.2, hence the loop
@pytest.mark.parametrize("name", ["positive", "negative"])
def test_no_request_is_answered_with_5xx_or_without_documentation(
    service: Running, finished: dict[str, object], name: str
) -> None:
    # here, since it takes seconds to import, and every process of a test run imports this file
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    assert {mode.value for mode in GenerationMode} == {"positive", "negative"}
    mode = GenerationMode(name)
    # random bytes are allowed as a file by the document, and refused all the same
    not_meant = [positive_data_acceptance]
    document = schemathesis.openapi.from_url(f"{service.url}/openapi.json", wait_for_schema=10)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) == 12
    job = finished  # an id that is not made up reaches what lies behind it
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not takes_anything(operation):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=strategies.booleans())
        def check(case: Any, known: bool) -> None:
            if known and mode is GenerationMode.POSITIVE and case.method != "DELETE":
                real = {"id": job["id"], "stem": "bass"}
                case.path_parameters.update({k: real[k] for k in case.path_parameters})
            case.call_and_validate(timeout=60, excluded_checks=not_meant)

        check()


@pytest.fixture(scope="module")
def finished(service: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    with song_file(tmp_path_factory.mktemp("song") / "song.wav", 2.0).open("rb") as file:
        job = requests.post(
            f"{service.url}/v1/separations",
            files={"file": file},
            data={"recipe": "demo_scnet", "stems": "bass"},
            headers={"Prefer": "wait=60"},
            timeout=90,
        ).json()
    assert job["status"] == "succeeded", job
    return job


def takes_anything(operation: object) -> bool:
    """Tell whether there is anything to do wrong."""
    parts = ("path_parameters", "headers", "query", "body")
    return any(len(getattr(operation, part)) for part in parts)


def one_of_each_kind() -> dict[str, hostile.Hostile]:
    """Return a file of each format and answer; tests/serving/intake decodes all of them likewise."""
    kinds = {}
    for name, file in hostile.corpus().items():
        kind = (
            file.statuses,
            "" if file.statuses == hostile.ACCEPTED else Path(file.filename).suffix,
        )
        kinds.setdefault(kind, name)
    return {name: hostile.corpus()[name] for name in kinds.values()}


def test_hostile_files_are_refused_by_name_and_hurt_nothing(service: Running) -> None:
    before = [service.replicas(name) for name in ("ingress", "ensemble")]
    assert all(before)
    queued = []
    for name, file in one_of_each_kind().items():
        answer = requests.post(
            f"{service.url}/v1/separations",
            files={"file": (file.filename, file.content)},
            data={"recipe": "demo_scnet", "stems": "bass"},
            timeout=60,
        )
        if answer.status_code == 503:  # the sound ones among them fill the queue of 6
            drain(service, queued)
            answer = requests.post(
                f"{service.url}/v1/separations",
                files={"file": (file.filename, file.content)},
                data={"recipe": "demo_scnet", "stems": "bass"},
                timeout=60,
            )
        assert answer.status_code in file.statuses, (name, answer.status_code, answer.text[:300])
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", name
            detail = answer.json()["detail"]
            assert detail.endswith(".") and "/tmp" not in detail and "Traceback" not in detail
        else:
            queued.append(answer.json()["links"]["self"])
    drain(service, queued)
    assert [service.replicas(name) for name in ("ingress", "ensemble")] == before


def drain(service: Running, links: list[str]) -> None:
    """Cancel what was accepted: whether models survive odd sound is another test's affair."""
    while links:
        requests.delete(service.url + links.pop(), timeout=10)
