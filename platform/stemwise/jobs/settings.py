"""The settings of the jobs on runs: what conf/evaluate.yaml, report.yaml and fit.yaml compose, typed.

A field that is added here or to the dataclass of a stage needs nothing but its line, and one in conf/.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue
from pydantic.dataclasses import dataclass

from stemwise.core.precision import AUTO, CHOICES, Choice
from stemwise.core.types import ESTIMATE, REFERENCE
from stemwise.decision import DecisionSettings
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.settings import MetricSettings
from stemwise.jobs.dataset_settings import DatasetField
from stemwise.jobs.fields import Ids, Name, Names, NamesOrEmpty, OrEmpty, Where, listed
from stemwise.jobs.run_places import StoreSettings
from stemwise.jobs.typed import STRICT
from stemwise.selection.oracle import SelectionSettings

# a name, or a user's own model as an entry, which the zoo checks (models/registry.py)
Model = Name | dict[str, JsonValue]
Chosen = Model | tuple[Model, ...] | None
BOTH = "both"


def _ways(value: object) -> object:
    """Let a list of the two ways stand for `both`, and a list of one for that one."""
    if not isinstance(value, list | tuple) or not value:
        return value
    if len(value) == 1:
        return value[0]
    return BOTH if sorted(map(str, value)) == ["fast", "reference"] else value


Ways = Annotated[Literal["reference", "fast", "both"], BeforeValidator(_ways)]


def _ensembles(value: object) -> object:
    """Let one mapping stand for a list of it, as one name does."""
    return (value,) if isinstance(value, dict) else listed(value)


PrecisionField = Annotated[
    Choice | dict[str, Choice],
    Field(
        description=f"{', '.join(CHOICES[:-1])} or {CHOICES[-1]}, or a mapping of models to these"
    ),
]


@dataclass(frozen=True, config=STRICT)
class HierarchyChoice:
    """The parents of level-2 models, as they are written (conf/evaluate.yaml).

    Args:
        parents: the model or recipe YAML that estimates a stem; None leaves the choice to others.
        sources: `estimate` and `reference`.
    """

    parents: Annotated[dict[str, Name | None], OrEmpty] = field(default_factory=dict)
    sources: Annotated[NamesOrEmpty, Field(description=f"a list of {ESTIMATE} and {REFERENCE}")] = (
        ESTIMATE,
        REFERENCE,
    )


@dataclass(frozen=True, config=STRICT)
class SweepSettings:
    """How the jobs of a sweep (`-m`) run.

    Args:
        at_once: how many side by side; None is as many as workers fit on the machine or cluster.
    """

    at_once: Annotated[int, Field(gt=0)] | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ReportSettings:
    """What decides on a finished run (conf/report.yaml)."""

    output: Where | None
    metric: MetricSettings = MetricSettings()
    selection: SelectionSettings = SelectionSettings()
    decision: DecisionSettings = DecisionSettings()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FitSettings(ReportSettings):
    """A recipe of some models of a finished run (conf/fit.yaml)."""

    models: Names | None = None
    recipe: Name | None = None
    tiers: Annotated[
        tuple[Names, ...] | dict[str, Names] | None,
        Field(description="lists of models, the cheapest first, or a mapping of names to these"),
    ] = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluateSettings(ReportSettings):
    """A whole evaluation, or one of its stages (conf/evaluate.yaml)."""

    dataset: DatasetField
    models: Annotated[
        Chosen,
        Field(description="a name, a set such as demo, files, or a list of names and mappings"),
    ]
    recipes: Annotated[NamesOrEmpty, Field(description="a list of recipe files")] = ()
    ensembles: Annotated[
        tuple[Model, ...] | None,
        BeforeValidator(_ensembles),
        Field(description="all, none, or a list of kinds and mappings such as {name: …, kind: …}"),
    ] = None
    cluster: ClusterSettings = ClusterSettings()
    store: Annotated[StoreSettings, BeforeValidator(StoreSettings.of)] = StoreSettings()
    device: Name = "auto"
    overlap: Ways = "reference"
    precision: PrecisionField = AUTO
    hierarchy: HierarchyChoice = HierarchyChoice()
    tracks: Annotated[
        Annotated[int, Field(gt=0)] | Ids | None,
        Field(description="null for all, a number above 0, or a list of ids"),
    ] = None
    sweep: SweepSettings = SweepSettings()
