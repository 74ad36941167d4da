"""What people see of jobs, recipes and models."""

from __future__ import annotations

import datetime
import json
import math

import pytest

from stemwise.models.registry import get
from stemwise.models.spec import ModelSpec
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.serving.http import views
from stemwise.serving.jobs.records import Job, Status

RESULT = {
    "results": [
        {
            "stem": "drums",
            "parent": "mixture",
            "bytes": 10,
            "peak": 0.5,
            "rms_dbfs": None,
            "models": {"m": 1.0},
            "quality_db": None,
        }
    ],
    "conservation": [
        {"parent": "mixture", "stems": ["drums"], "difference_dbfs": None, "exact": True}
    ],
    "quality": {"drums": {"snr": 7.1, "low": 5.0, "high": 9.2}},
    "gain": 0.5,
    "timing": {"total_s": 2.5},
}


def job(status: Status, **changes: object) -> Job:
    fields = {"id": "j", "owner": "ann", "recipe": "r", "stems": ("drums",), "format": "flac"}
    fields |= {"title": "song.wav", "samples": 66_150, "created_at": 1_700_000_000.1239}
    return Job(status=status, **(fields | changes))


@pytest.mark.parametrize("status", list(Status))
def test_results_are_linked_as_long_as_the_files_are_there(status: Status) -> None:
    shown = views.separation(job(status, result=RESULT))
    kept = status in {Status.SUCCEEDED, Status.FAILED}
    assert bool(shown.results) is bool(shown.conservation) is bool(shown.links.stems) is kept
    assert bool(shown.quality) is kept and (not kept or shown.quality["drums"].high == 9.2)
    assert shown.links.archive == ("/v1/separations/j/archive" if kept else None)
    assert (shown.gain, shown.timing) == ((0.5, {"total_s": 2.5}) if kept else (None, {}))
    assert shown.links.self == "/v1/separations/j"
    assert shown.links.events == "/v1/separations/j/events"
    assert "ann" not in shown.model_dump_json()  # whose job it is is nobody's business


def test_times_are_rfc_3339_in_utc() -> None:
    shown = views.separation(job(Status.RUNNING, started_at=1_700_000_000.0))
    assert shown.created_at == "2023-11-14T22:13:20.123Z"
    assert shown.started_at == "2023-11-14T22:13:20.000Z"
    assert (shown.finished_at, shown.expires_at) == (None, None)
    assert shown.duration_s == 1.5


@pytest.mark.parametrize(
    ("status", "done", "total", "progress"),
    [
        (Status.QUEUED, 0, None, 0.0),
        (Status.RUNNING, 0, 3, 0.0),
        (Status.RUNNING, 1, 3, 0.3333),
        (Status.RUNNING, 5, 3, 1.0),  # a repeated call counted twice for a moment
        (Status.SUCCEEDED, 0, None, 1.0),
        (Status.FAILED, 1, 2, 0.5),
        (Status.RUNNING, 0, 0, 0.0),
    ],
)
def test_progress(status: Status, done: int, total: int | None, progress: float) -> None:
    shown = views.separation(job(status, chunks_done=done, chunks_total=total))
    assert shown.progress == progress


def test_why_a_job_failed() -> None:
    shown = views.separation(job(Status.FAILED, reason="stems_failed", error="kick: no."))
    assert shown.error is not None
    assert (shown.error.reason, shown.error.detail) == ("stems_failed", "kick: no.")
    assert views.separation(job(Status.QUEUED)).error is None


def test_a_recipe_is_described_with_all_its_stems() -> None:
    shown = views.recipe_info(load_recipe("demo"), True)
    assert shown.stems == ["vocals", "drums", "bass", "other"]
    assert shown.children == {"drums": ["kick", "snare", "toms", "cymbals"]}
    assert set(shown.weights) == {*shown.stems, *(s for g in shown.children.values() for s in g)}
    assert shown.weights["bass"] == {"demo_scnet": 1.0}
    assert set(shown.weights["other"].values()) == {-1.0}
    assert shown.default


def test_provenance_is_json_whatever_people_wrote() -> None:
    written = {
        "when": datetime.date(2026, 1, 2),
        "scores": [1, math.nan, (2.5, math.inf)],
        "deep": {1: {"yes": True, "no": None}},
    }
    shown = views.recipe_info(Recipe("r", {"a": {"m": 1.0}}, provenance=written), False)
    assert json.loads(json.dumps(shown.provenance, allow_nan=False)) == {
        "when": "2026-01-02",
        "scores": [1, None, [2.5, None]],
        "deep": {"1": {"yes": True, "no": None}},
    }


def test_a_model_is_described_with_its_residual() -> None:
    shown = views.model_info(get("demo_karaoke"), False)
    assert shown.stems == ["lead_vocals", "backing_vocals"]
    assert (shown.parent, shown.ready) == ("vocals", False)
    unknown = views.model_info(ModelSpec("x", "stemwise.models.x", "mine"), True)
    assert (unknown.stems, unknown.licence, unknown.trained_on) == ([], None, [])
