"""Types of single settings, with the words in which their sentences say what is expected."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field


def _text(value: object) -> object:
    """Let a number be a name, as in `output=2026`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else value


def listed(value: object) -> object:
    """Let a single value stand for a list of it."""
    if value is None or isinstance(value, dict):
        return value
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _one_listed(value: object) -> object:
    """Let a single name stand for a list of it, but no number, which means another thing."""
    return listed(value) if isinstance(value, str | list | tuple) else value


def _or_nothing(value: object) -> object:
    return () if value is None else value


def _or_empty(value: object) -> object:
    return {} if value is None else value


Name = Annotated[str, BeforeValidator(_text)]
Where = Annotated[Name, Field(description="a folder or a URI")]
Names = Annotated[
    tuple[Name, ...], BeforeValidator(listed), Field(description="a name or a list of names")
]
Ids = Annotated[tuple[Name, ...], BeforeValidator(_one_listed), Field(min_length=1)]
# an absent list or mapping is an empty one
NamesOrEmpty = Annotated[Names, BeforeValidator(_or_nothing)]
OrEmpty = BeforeValidator(_or_empty)
