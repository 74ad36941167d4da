"""`dataset=…`: a class and the arguments of its constructor, typed by its signature."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, make_dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator
from pydantic.dataclasses import dataclass as typed_dataclass

from stemwise.core import plugins
from stemwise.core.errors import ConfigError
from stemwise.core.places import place
from stemwise.datasets.base import Dataset
from stemwise.jobs.fields import Where
from stemwise.jobs.typed import STRICT, read

_GROUP, _TARGET = "dataset", plugins.TARGET


@dataclass(frozen=True)
class DatasetSettings:
    """A dataset that can be made.

    Attributes:
        target: full name of its class.
        arguments: a dataclass with the constructor's parameters (`arguments_of`).
    """

    target: str
    arguments: Any

    @classmethod
    def of(cls, values: object) -> DatasetSettings:
        """Return the settings that a configuration gives; its class is ours, or named by a YAML.

        Raises:
            ConfigError: another target, or an argument that the dataset does not have.
        """
        if isinstance(values, cls):
            return values
        given = dict(values) if isinstance(values, Mapping) else {}
        target = str(given.pop(_TARGET, ""))
        return cls(target, read(arguments_of(_class(target)), given, "dataset"))

    def written(self) -> dict[str, Any]:
        """Return them as they stand in a configuration."""
        return {_TARGET: self.target, **asdict(self.arguments)}

    def make(self) -> Dataset:
        """Return the dataset (ConfigError where its constructor refuses a value)."""
        arguments = dict(vars(self.arguments))
        if arguments.get("root") is not None:
            arguments["root"] = place(arguments["root"], "dataset.root=")
        made: Dataset = _class(self.target)(**arguments)
        return made


# as a field of a job's settings
DatasetField = Annotated[
    DatasetSettings,
    PlainValidator(DatasetSettings.of),
    PlainSerializer(DatasetSettings.written),
]


@cache
def arguments_of(kind: type[Any]) -> type[Any]:
    """Return a dataclass with the parameters of a dataset's constructor; `root` is as users write it."""
    made = []
    for name, known in inspect.signature(kind).parameters.items():
        needed = known.default is inspect.Parameter.empty
        hint = (Where if needed else Where | None) if name == "root" else known.annotation
        made.append((name, hint, field(default=MISSING if needed else known.default)))
    # the annotations are names in the module of the dataset
    where = {"__module__": kind.__module__}
    bare = make_dataclass(kind.__name__, made, frozen=True, kw_only=True, namespace=where)
    return typed_dataclass(frozen=True, kw_only=True, config=STRICT)(bare)


def _class(target: str) -> Any:
    found = plugins.load(_GROUP, target, f"dataset._target_={target!r}")
    if not inspect.isclass(found) or not hasattr(found, "tracks"):
        raise ConfigError(
            f"dataset._target_={target!r} is not the class of a dataset, which has name and tracks()."
        )
    return found
