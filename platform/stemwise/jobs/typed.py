"""Settings are typed at the door: a configuration becomes one frozen dataclass, or one sentence.

What Hydra composes and what `config.json` holds are the same thing, so both are read as JSON: pydantic
then takes lists for tuples and whole numbers for numbers, and nothing else for anything else. Its
complaints become sentences that name the key, the value and what is expected.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean

T = TypeVar("T")
# of the dataclasses of whole jobs; those of stages that are their fields are held to it too
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_UNKNOWN = {"unexpected_keyword_argument", "extra_forbidden"}
_WORDS = {
    float: "a number",
    int: "a whole number",
    str: "a name",
    bool: "true or false",
    type(None): "null",
}


def _of_list(kind: Any) -> TypeAdapter[Any]:
    # in a list, so that a stage's own dataclass, which knows no pydantic, is held to it too
    return TypeAdapter(list[kind], config=STRICT)


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(_of_list)


def read(kind: type[T], values: object, group: str = "", what: str = "this job") -> T:
    """Return a configuration as a dataclass.

    Args:
        kind: a dataclass; it is held to `STRICT`.
        values: what Hydra composed, as plain values.
        group: the key under which they stand, if they are not the whole.
        what: whose keys they are, where there is no group.

    Raises:
        ConfigError: an unknown key, an absent one, or a value of the wrong type.
    """
    try:
        made: T = _adapter(kind).validate_json(json.dumps([values], default=str))[0]
    except ValidationError as error:
        found = error.errors(include_url=False)
        # what is absent may only be misspelt
        first = next((item for item in found if item["type"] in _UNKNOWN), found[0])
        raise ConfigError(_sentence(kind, values, first, group, what)) from error
    return made


def written(settings: object) -> dict[str, Any]:
    """Return settings as plain values, of which `read` makes equal ones."""
    (content,) = _adapter(type(settings)).dump_python([settings], mode="json")
    return {str(key): value for key, value in content.items()}


def unknown_key(key: str, known: Iterable[str], owner: str) -> str:
    """Return the sentence that says that there is no such key, which is near, and which there are."""
    keys = list(known)
    if not keys:
        return f"{key} is unknown: {owner} is a single value and has no keys."
    near = did_you_mean(key.rpartition(".")[2], keys)
    return f"{key} is unknown: {near}{owner} has {', '.join(keys)}."


def unusable(key: str, value: object, expected: str, choices: Iterable[str] = ()) -> str:
    """Return the sentence that says what is expected in place of a value."""
    # as YAML writes them
    shown = json.dumps(value) if value is None or isinstance(value, bool) else value
    return f"{key}={shown} is not usable: {did_you_mean(value, choices)}give {expected}."


def words(hint: Any) -> str:
    """Say what a value of a type is: `a whole number or null`."""
    told = next((m for m in get_args(hint)[1:] if isinstance(m, FieldInfo) and m.description), None)
    if get_origin(hint) is Annotated:
        return str(told.description) if told else words(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return _either(list(map(str, get_args(hint))))
    if get_origin(hint) in (Union, types.UnionType):
        return _either([words(item) for item in get_args(hint)])
    origin = get_origin(hint) or hint
    if is_dataclass(origin):
        return f"a mapping of {', '.join(item.name for item in fields(origin))}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if isinstance(origin, type) and issubclass(origin, Sequence) and origin is not str:
        return _list(get_args(hint))
    return _WORDS.get(origin, str(getattr(hint, "__name__", hint)))


def _either(items: list[str]) -> str:
    *first, last = items
    join = ", or " if any(" or " in item for item in first) else " or "
    return join.join([", ".join(first), last] if first else [last])


def _list(items: tuple[Any, ...]) -> str:
    """Say what a list holds, and how many where a tuple says it."""
    count = f"{len(items)} " if len(items) > 1 and Ellipsis not in items else ""
    return f"a list of {count}{_plural(words(items[0]))}" if items else "a list"


def _plural(text: str) -> str:
    return text.removeprefix("a ") + "s" if text.startswith("a ") else text


def _sentence(kind: Any, values: object, error: ErrorDetails, group: str, what: str) -> str:
    loc = error["loc"][1:]  # after the place in `_adapter`'s list
    path, hint, owner = _walk(kind, loc)
    key = ".".join([*([group] if group else []), *path])
    if error["type"] in _UNKNOWN:
        name = str(loc[-1])
        return unknown_key(f"{key}.{name}" if key else name, _names(owner), key or what)
    if error["type"].startswith("missing") and len(path) == len(loc):
        return f"{key} is not set: give {words(hint)}, for example {key}=VALUE."
    return unusable(key or what, _dig(values, path, error["input"]), words(hint), _choices(hint))


def _walk(kind: Any, loc: Sequence[int | str]) -> tuple[list[str], Any, Any]:
    """Follow pydantic's location as far as it names fields: (their names, type of the last, its owner).

    What follows them are list indices and members of unions, which no user has ever written.
    """
    path: list[str] = []
    hint = owner = kind
    for part in loc:
        inner = _dataclass(hint)
        if inner is not None:
            owner = inner
            if part not in _names(inner):
                break
            hint = get_type_hints(inner, include_extras=True)[str(part)]
        elif (item := _item(hint)) is not None:
            hint = item
        else:
            break
        path.append(str(part))
    return path, hint, _dataclass(hint) or owner


def _members(hint: Any) -> list[Any]:
    if get_origin(hint) is Annotated:
        return _members(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [member for item in get_args(hint) for member in _members(item)]
    return [hint]


def _dataclass(hint: Any) -> Any:
    return next((m for m in _members(hint) if isinstance(m, type) and is_dataclass(m)), None)


def _item(hint: Any) -> Any:
    """Return what a mapping maps to, None where the type is no mapping, or may be another thing too."""
    members = [member for member in _members(hint) if member is not type(None)]
    return get_args(members[0])[1] if len(members) == 1 and get_origin(members[0]) is dict else None


def _choices(hint: Any) -> list[str]:
    return [str(c) for m in _members(hint) if get_origin(m) is Literal for c in get_args(m)]


def _names(kind: Any) -> list[str]:
    return [item.name for item in fields(kind)]


def _dig(values: object, path: Sequence[str], otherwise: object) -> object:
    """Return the value as it was given; what stands for a group, such as `store=PATH`, is the value."""
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            return otherwise
        values = values[part]
    return values
