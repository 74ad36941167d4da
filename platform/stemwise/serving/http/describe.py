"""What OpenAPI says of errors and of the upload: every status with its schema and headers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from stemwise.core.version import __version__
from stemwise.serving.http.schemas import Problem
from stemwise.serving.intake.formats import format_names
from stemwise.serving.intake.intake import LONGEST_DEADLINE_S

PROBLEM = "application/problem+json"
_MEANING = {
    400: "The request is malformed; the detail says how.",
    401: "The server asks for a key, and none or an unknown one was given.",
    403: "A page of another site made this request in a browser.",
    404: "There is no such thing, or it belongs to another key, or its files are deleted.",
    405: "The method is not possible here.",
    409: "The Idempotency-Key was used for another request, or the job is not finished.",
    413: "The file is larger, or the audio longer, than the server takes.",
    415: f"The file is not audio in a format that the server decodes ({format_names()}).",
    416: "The range lies outside the file.",
    422: "A field, or the audio itself, is not usable.",
    429: "The key has reached its limit of unfinished jobs.",
    503: "The queue is full, models are loading, or the server is out of space.",
}
_RETRY = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}

EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["progress", "done"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Separation"},
        },
    },
}

UPLOAD: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": f"{format_names()}, mono or stereo.",
                    },
                    "recipe": {
                        "type": "string",
                        "description": "One of /v1/recipes; the server's default where absent.",
                    },
                    "stems": {
                        "type": "string",
                        "description": "Comma-separated names; all where absent.",
                    },
                    "format": {"type": "string", "enum": ["flac", "wav"], "default": "flac"},
                    "deadline_s": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "maximum": LONGEST_DEADLINE_S,
                        "description": "Seconds after which the best tier of the recipe that is ready "
                        "becomes the answer; the first one is always waited for. An early deadline is "
                        "worked on earlier, and is all that it means where a recipe has no tiers.",
                    },
                },
            },
            "encoding": {"file": {"contentType": "audio/*, application/octet-stream"}},
        }
    },
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of problem+json answers."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: dict[str, Any] = {"description": _MEANING[status], "content": content}
    return described | ({"headers": _RETRY} if status in {429, 503} else {})


def audio(description: str, *kinds: str) -> dict[str, Any]:
    """Return the documentation of an answer that is a file."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {"description": description, "content": dict.fromkeys(kinds, schema)}


def describe(app: FastAPI, keys_required: bool) -> dict[str, Any]:
    """Return the OpenAPI document of `app`."""
    found = get_openapi(
        title="stemwise",
        version=__version__,
        description="Separates songs into stems with an ensemble of models, as durable jobs.",
        routes=app.routes,
        license_info={"name": "MIT"},
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for methods in found["paths"].values():
        for operation in methods.values():  # a wrong Host, see guard
            operation["responses"].setdefault("400", _problem(400))
    if keys_required:
        for path, methods in found["paths"].items():
            for operation in methods.values() if path.startswith("/v1/") else ():
                operation["security"] = [{"key": []}]
    return found
