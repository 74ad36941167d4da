"""Ensembles that a run measures beside its models: `ensembles=[median,{name: …, kind: …}]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.types import FILE_PREFIX, Track
from stemwise.evaluation.measured import Measured
from stemwise.jobs.settings import Chosen, Model
from stemwise.models.overlap import cut, is_fast
from stemwise.models.registry import same_model, set_ensembles
from stemwise.models.spec import ModelSpec
from stemwise.separation.ensembles.kinds import REQUIRED, get_kind, kinds, own_code
from stemwise.separation.ensembles.spec import KIND, MODELS, Ensemble, parse
from stemwise.separation.recipe import Recipe

ALL, NONE = "all", "none"
_NAME, _STEMS = "name", "stems"
_USABLE = re.compile(r"[\w.+-]{1,60}")


def chosen(value: tuple[Model, ...] | None, models: Chosen) -> tuple[Model, ...]:
    """Return what `ensembles=` lists; where it is null, what the named set `models` does.

    Raises:
        ConfigError: `all` or `none` beside others.
    """
    if value is None:
        value = set_ensembles(models) if isinstance(models, str) else ()
    for word in (ALL, NONE):
        if word in value and len(value) > 1:
            raise ConfigError(f"ensembles= lists {word!r} beside others: give it alone.")
    return () if value == (NONE,) else value


def measured(
    listed: Sequence[Model],
    specs: Sequence[ModelSpec],
    files: tuple[str, ...] | None,
    tracks: Sequence[Track],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """Return the ensembles of a run.

    A name is a kind over all models that make a stem. A mapping has `kind`, and perhaps `name`,
    `models`, `stems` and settings of the kind.

    Args:
        listed: names and mappings, or the one word `all`: every kind whose settings have defaults.
        specs: models of the run.
        files: estimates of other tools that it measures; None for all that tracks have.
        tracks: of the run.
        tell: is told of kinds that `all` leaves out.

    Raises:
        ConfigError: an unknown kind, model or setting, a name twice, models without a common stem, or
            too few of them.
    """
    makes = _makers(specs, files, tracks)
    every = list(listed) == [ALL]
    found: dict[str, Measured] = {}
    for item in _without_required() if every else listed:
        one = _named(item, makes) if isinstance(item, str) else _mapped(item, makes)
        if one.name in found:
            raise ConfigError(f"ensembles= has two called {one.name!r}: give one another name.")
        if reason := _why_not(one, makes):
            if not every:
                raise ConfigError(f"ensembles={one.name}: {reason}")
            continue
        found[one.name] = one
    if every and not found:
        tell("ensembles=all measures none: no stem is made by two models.")
    return list(found.values())


def kinds_of(listed: Sequence[Model]) -> list[str]:
    """Return the kinds that `ensembles=` names."""
    every = list(listed) == [ALL]
    named = [item if isinstance(item, str) else str(item.get(KIND)) for item in listed]
    return _without_required() if every else named


def kinds_code(ensembles: Sequence[Measured], recipes: Sequence[Recipe]) -> dict[str, str]:
    """Return the digests of users' kinds that a run applies, by name."""
    values = [
        v for r in recipes for group in (r.stems, *r.children.values()) for v in group.values()
    ]
    used = [value.kind for value in values if isinstance(value, Ensemble)]
    return own_code(sorted({*used, *(ensemble.kind for ensemble in ensembles)}))


def _without_required() -> list[str]:
    return [name for name in kinds() if REQUIRED not in get_kind(name).defaults.values()]


# model → (its parent, its stems; none where only its checkpoint or the tracks tell them)
Makers = Mapping[str, tuple[str, tuple[str, ...]]]


def _makers(
    specs: Sequence[ModelSpec], files: tuple[str, ...] | None, tracks: Sequence[Track]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the models that ensembles are made of: no reference lines, and no model twice."""
    own = [spec for spec in specs if spec.selectable]
    twins = {
        spec.name
        for spec in own
        if is_fast(spec) and any(same_model(one, cut(spec, "reference")) for one in own)
    }
    made = {
        spec.name: (spec.parent, spec.with_residual(spec.stems) if spec.stems else ())
        for spec in own
        if spec.name not in twins
    }
    present = {name for track in tracks for name in track.estimates} if files is None else files
    return made | {FILE_PREFIX + name: (stems.MIXTURE, ()) for name in sorted(present)}


def _named(kind: str, makes: Makers) -> Measured:
    origin = "ensembles="
    found = get_kind(kind)
    return Measured(kind, kind, tuple(makes), found.settings({}, origin + kind))


def _mapped(item: Mapping[str, Any], makes: Makers) -> Measured:
    name = str(item.get(_NAME, item.get(KIND)))
    origin = f"ensembles={name}"
    if not isinstance(item.get(KIND), str):
        raise ConfigError(f"{origin}: a mapping needs kind: NAME, one of {', '.join(kinds())}.")
    if not _USABLE.fullmatch(name):
        raise ConfigError(f"{origin}: give it a short name of letters, digits, _, - and dots.")
    wanted = item.get(_STEMS, ())
    if isinstance(wanted, str) or not all(isinstance(stem, str) for stem in wanted):
        raise ConfigError(f"{origin}: stems must be a list of stems, not {wanted!r}.")
    if get_kind(item[KIND]).stems:
        raise ConfigError(
            f"{origin}: {item[KIND]} has weights of one stem: list a recipe that holds them in "
            "recipes=, or let decision=cross_stem fit them."
        )
    given = {key: value for key, value in item.items() if key not in (_NAME, _STEMS)}
    if MODELS in given or "weights" in given:
        one = parse(given, origin)
        strange = [model for model in one.models if model not in makes]
        if strange:
            raise ConfigError(
                f"{origin}: {strange[0]!r} is no model of this run that may be chosen: use "
                f"{', '.join(makes)}."
            )
        return Measured(name, one.kind, one.models, one.settings, True, tuple(wanted))
    kind = get_kind(given.pop(KIND))
    settings = kind.settings(given, origin)
    kind.check([str(number) for number in range(kind.least)], settings, origin)
    return Measured(name, kind.name, tuple(makes), settings, stems=tuple(wanted))


def _why_not(one: Measured, makes: Makers) -> str | None:
    """Say why an ensemble has no stem at all, as far as is known before models are loaded."""
    known = {model: makes[model] for model in one.models}
    parents = {parent for parent, _ in known.values()}
    for parent in parents:
        below = {model: own for model, (at, own) in known.items() if at == parent}
        possible = {stem for own in below.values() for stem in own} or {""}
        for stem in possible:
            if one.of(stem, [m for m, own in below.items() if not own or stem in own]):
                return None
    pairs = combinations(known.items(), 2) if one.every else ()
    for (a, (above, first)), (b, (beside, second)) in pairs:
        if above != beside or not set(first) & set(second):
            return (
                f"{a!r} makes {', '.join(first)} of the {above} and {b!r} {', '.join(second)} of the "
                f"{beside}: name models that make the same stem."
            )
    least = get_kind(one.kind).least
    return f"{one.kind} needs {least} models of one stem, which this run does not have: add some."
