"""Recipes: for every stem a set of models and how to blend them, and what is separated further."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stemwise.core import config_dirs
from stemwise.core.config import load_yaml
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import MIXTURE, check_name, in_order
from stemwise.models import entries
from stemwise.models.overlap import KEY, REFERENCE, Overlap, check, with_overlap
from stemwise.models.registry import names, resolve
from stemwise.models.spec import ModelSpec
from stemwise.separation import presets, tiers
from stemwise.separation.ensembles import spec as ensembles
from stemwise.separation.ensembles.spec import Value, Weights, models_of, sources_of
from stemwise.separation.promise import Promise
from stemwise.separation.quality import Quality, parse

_REMAINDER, _NAMED = "remainder", "named_recipes"
_LARGEST = 100  # a blend of such weights is a mistake, and larger ones overflow
_KEYS = (
    "name",
    "sample_rate",
    KEY,
    "stems",
    "children",
    "remainder",
    tiers.QUALITY,
    "models",
    "provenance",
)
_TIERED = ("name", "sample_rate", KEY, tiers.TIERS, tiers.WORTH, "models", "provenance")


@dataclass(frozen=True)
class Recipe:
    """Which models make which stem, with what weights (DESIGN: recipe YAML).

    `stems` and `children[parent]` map a stem to model weights, or to an ensemble of another kind;
    `remainder` names the stem that receives mixture − Σ level-1 stems, `rests[parent]` the one that
    receives parent − Σ children.
    `any_stem` is a model whose own stems are all wanted. `entries` are the models that are not in the
    zoo, their paths absolute. `overlap` is how models are cut whose entries do not say it themselves.

    `quality` predicts the SNR of stems without their references, where that was found possible.

    `tiers` are whole recipes, the cheapest first, and the rest is that of the last one; a tier is run if
    it promises to gain `worth_db` (`promise`, over the tier before).
    """

    name: str
    stems: Mapping[str, Value] = field(default_factory=dict)
    children: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    remainder: str | None = None
    any_stem: str | None = None
    rests: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)
    entries: Mapping[str, entries.Entry] = field(default_factory=dict)
    overlap: Overlap = REFERENCE
    quality: Mapping[str, Quality] = field(default_factory=dict)
    tiers: tuple[Recipe, ...] = ()
    worth_db: float = 0.0
    promise: Promise | None = None

    def spec(self, model: str) -> ModelSpec:
        """Return the spec of one of the recipe's models, cut as it says: its own entry, else the zoo's.

        Raises:
            ConfigError: it is neither, its entry cannot be used, or it separates another stem.
        """
        spec = self._spec(model)
        # one trained on mixtures may be chained on purpose; one trained on another stem is a slip
        groups = [item for tier in self.tiers or (self,) for item in tier.children.items()]
        for parent, group in groups:
            known = (parent, MIXTURE)
            if spec.parent not in known and model in _models(group):
                raise ConfigError(
                    f"The recipe {self.name!r}: {model!r} separates {spec.parent}, not {parent}: "
                    f"name a model of {parent}, or add parent: {parent} to its entry."
                )
        return with_overlap(spec, self.overlap)

    def _spec(self, model: str) -> ModelSpec:
        if model in self.entries:
            spec = resolve(self.entries[model])
            if spec.name != model:
                raise ConfigError(
                    f"The recipe {self.name!r}: the entry of {model!r} is called {spec.name!r}."
                )
            return spec
        if self.any_stem is None and model not in names() and Path(model).suffix == "":
            raise ConfigError(
                f"The recipe {self.name!r} needs a model {model!r}, which is neither in the zoo "
                f"(`stemwise models`) nor among its own: add models: {{{model}: {{base: NAME, "
                "checkpoint: FILE}} to it."
            )
        return resolve(model)

    def explicit(self, stems: Sequence[str]) -> Recipe:
        """Name the `stems` of the recipe's one model (`any_stem`), now that they are known.

        Raises:
            ConfigError: a parent that the model does not make.
        """
        if self.any_stem is None:
            return self
        refuse_unknown(tuple(self.children), set(stems), f"The model {self.any_stem!r}")
        named = {stem: {self.any_stem: 1.0} for stem in stems}
        return replace(self, stems=named, any_stem=None)

    def models(self) -> tuple[str, ...]:
        """Return all models, those of the first tier first, and of level 1 before those of level 2."""
        if self.tiers:
            return tuple(dict.fromkeys(m for tier in self.tiers for m in tier.models()))
        groups = [self.stems, *self.children.values()]
        names = [model for group in groups for model in _models(group)]
        return tuple(dict.fromkeys([*([self.any_stem] if self.any_stem else []), *names]))

    def only(self, wanted: tuple[str, ...]) -> Recipe:
        """Return the recipe cut down to `wanted` stems; those of `any_stem` are checked when run."""
        if not wanted:
            return self
        rests = {parent: stem for parent, stem in self.rests.items() if stem in wanted}
        children = {
            parent: {s: w for s, w in group.items() if parent in rests or s in wanted}
            for parent, group in self.children.items()
        }
        children = {parent: group for parent, group in children.items() if group}
        if self.any_stem is not None:
            return replace(self, children=children, rests=rests)
        refuse_unknown(wanted, {*self.stems, *self.below(), self.remainder or ""}, self.name)
        keep_all = self.remainder in wanted
        kept = {s: w for s, w in self.stems.items() if keep_all or s in wanted or s in children}
        remainder = self.remainder if keep_all else None
        cut = tuple(tier.only(wanted) for tier in self.tiers)
        return replace(
            self, stems=kept, children=children, remainder=remainder, rests=rests, tiers=cut
        )

    def all_stems(self) -> tuple[str, ...]:
        """Return the stems of both levels in tree order; those of `any_stem` are not known yet."""
        return in_order([*self.level1(), *self.below()])

    def level1(self) -> tuple[str, ...]:
        """Return the stems of level 1, the remainder last."""
        return (*self.stems, *([self.remainder] if self.remainder else []))

    def parts_of(self, parent: str) -> tuple[str, ...]:
        """Return the sub-stems of a parent in tree order, what they leave of it among them."""
        rest = [self.rests[parent]] if parent in self.rests else []
        return in_order([*self.children[parent], *rest])

    def below(self) -> set[str]:
        """Return all stems of level 2."""
        return {*self.rests.values(), *(s for group in self.children.values() for s in group)}

    def taking_apart(self, models: Sequence[str]) -> Recipe:
        """Add the sub-stems of level-2 models; what they leave of their parent is a stem too.

        Raises:
            ConfigError: no level-2 model, or a parent that has one already.
        """
        children, rests = dict(self.children), dict(self.rests)
        for name in models:
            spec = self.spec(name) if name in self.entries else resolve(name)
            if spec.parent == MIXTURE or not spec.stems:
                raise ConfigError(f"{name!r} is not a level-2 model: name one such as drumsep.")
            if self.any_stem is None:
                refuse_unknown((spec.parent,), set(self.stems), self.name)
            if spec.parent in children:
                raise ConfigError(f"{spec.parent} is separated twice: leave {name!r} out.")
            made = spec.with_residual(spec.stems)
            children[spec.parent] = {stem: {name: 1.0} for stem in made}
            if not spec.residual:
                rests[spec.parent] = f"{spec.parent}_remainder"
        further = tuple(tier.taking_apart(models) for tier in self.tiers)
        return replace(self, children=children, rests=rests, tiers=further)


def named_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that stemwise comes with (conf/named_recipes)."""
    return config_dirs.names(_NAMED)


def load_recipe(name: str) -> Recipe:
    """Return the recipe in a YAML file, one of conf/named_recipes, a preset of audio-separator
    (`audio_separator_preset:NAME`), or the one that is a single model.

    Raises:
        ConfigError: none of these, or malformed.
    """
    if name in named_recipes():
        path = config_dirs.path(_NAMED, name)
        return _parse(load_yaml(path), path)
    path = Path(name)
    if name.startswith(presets.PREFIX):
        return _parse(presets.content(name), path)
    if path.suffix in {".yaml", ".yml"} and path.exists():
        content = load_yaml(path)
        # an entry of a user's own model may name its stems too
        if {"stems", tiers.TIERS} & set(content) and not {"base", "msst_config"} & set(content):
            return _parse(content, path)
    return Recipe(name=_model(name), any_stem=name)


def _model(name: str) -> str:
    """Return the name of the model that is a recipe by itself (ConfigError where it is unknown)."""
    if Path(name).suffix == "" and ":" not in name and name not in names():
        recipes = named_recipes()
        if near := did_you_mean(name, [*names(), *recipes]):
            raise ConfigError(f"There is no model {name!r}: {near}`stemwise models` lists them.")
        raise ConfigError(
            f"There is no model {name!r}: the zoo has {', '.join(names())}, and the recipes "
            f"{', '.join(recipes)}."
        )
    return str(resolve(name).name)


def _parse(content: Mapping[str, Any], path: Path) -> Recipe:
    if tiers.TIERS in content:
        return _tiered(content, path)
    unknown = [str(key) for key in content if key not in _KEYS]
    if unknown:
        raise ConfigError(
            f"{path}: {unknown[0]!r} is not a key of a recipe: use {', '.join(_KEYS)}."
        )
    try:
        stems = {check_name(s): _value(v, s, path) for s, v in content["stems"].items()}
        groups = {check_name(p): dict(g) for p, g in (content.get("children") or {}).items()}
        found = {parent: _pop_rest(group) for parent, group in groups.items()}
        children = {
            parent: {check_name(stem): _value(value, stem, path) for stem, value in group.items()}
            for parent, group in groups.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} is not a recipe ({error}): stems must map a stem to "
            "{model: weight}, or to {kind: NAME, models: [a, b]}."
        ) from error
    if not stems:
        raise ConfigError(f"{path} is not a recipe: it has no stems.")
    remainder = content.get("remainder")
    rests = {parent: check_name(rest) for parent, rest in found.items() if rest is not None}
    names = [*stems, *(stem for group in children.values() for stem in group), *rests.values()]
    remainder = None if remainder is None else check_name(str(remainder))
    names += [remainder] if remainder else []
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"{path}: the stem {twice[0]!r} is made twice.")
    orphans = [parent for parent in children if parent not in stems]
    if orphans:
        raise ConfigError(f"{path}: children of {orphans[0]!r}, which is not among its stems.")
    rate = content.get("sample_rate", 44_100)
    if rate != 44_100:
        raise ConfigError(f"{path}: sample_rate {rate} is not supported, only 44100.")
    name = content.get("name", path.stem)
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or "/" in name:
        raise ConfigError(f"{path}: the name {name!r} is not usable: give a word.")
    provenance = content.get("provenance") or {}
    if not isinstance(provenance, Mapping):
        raise ConfigError(f"{path}: provenance must map names to values.")
    overlap = check(content[KEY], str(path)) if KEY in content else REFERENCE
    return Recipe(
        name,
        stems,
        children,
        remainder,
        rests=rests,
        provenance=dict(provenance),
        entries=_entries(content.get("models") or {}, path),
        overlap=overlap,
        quality=_quality(content.get(tiers.QUALITY), [stems, *children.values()], path),
    )


def _quality(
    value: object, groups: Sequence[Mapping[str, Value]], path: Path
) -> dict[str, Quality]:
    """Return what predicts the SNR of stems, if anything does."""
    models = {stem: len(models_of(own)) for group in groups for stem, own in group.items()}
    return {} if value is None else parse(value, models, str(path))


def _tiered(content: Mapping[str, Any], path: Path) -> Recipe:
    """Return the best tier under the recipe's name, with all tiers."""
    bodies = tiers.bodies(content, path)
    if unknown := [str(key) for key in content if key not in _TIERED]:
        raise ConfigError(
            f"{path}: {unknown[0]!r} is not a key of a recipe of tiers: use {', '.join(_TIERED)}."
        )
    made = [_parse(body, path) for body in bodies]
    tiers.refuse_unequal([(tier.name, tier.all_stems()) for tier in made], path)
    promises, worth = tiers.promises(content, path), tiers.worth_of(content, path)
    for tier, promise in zip(made, promises, strict=True):
        tiers.refuse_gains_of_others(tier.name, tuple(tier.stems), promise, path)
    told = [replace(tier, promise=own) for tier, own in zip(made, promises, strict=True)]
    own = {key: content[key] for key in ("name", "provenance") if key in content}
    best = _parse({**bodies[-1], "name": path.stem, **own}, path)
    return replace(best, tiers=tuple(told), worth_db=worth)


def _entries(values: object, path: Path) -> dict[str, entries.Entry]:
    """Return a recipe's own models, their paths taken from the recipe's folder."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: models must map names to entries such as {{base: NAME}}.")
    found: dict[str, entries.Entry] = {}
    for name, entry in values.items():
        if isinstance(entry, Mapping):
            found[str(name)] = {"name": str(name), **entries.absolute(entry, path.resolve().parent)}
        else:
            raise ConfigError(
                f"{path}: the model {name!r} must be an entry such as {{base: NAME}}, not {entry!r}."
            )
    return found


def _pop_rest(group: dict[str, Any]) -> str | None:
    """Take out the one stem whose weights are the word `remainder`: parent − Σ the others."""
    found = [stem for stem, value in group.items() if value == _REMAINDER]
    if len(found) > 1 or len(found) == len(group):
        raise ValueError(f"{group!r}: one stem is the {_REMAINDER} of others")
    for stem in found:
        del group[stem]
    return found[0] if found else None


def _models(group: Mapping[str, Value]) -> tuple[str, ...]:
    """Return all models that the stems of a group are made of."""
    return tuple(dict.fromkeys(model for value in group.values() for model in models_of(value)))


def _value(value: Any, stem: object, path: Path) -> Value:
    if ensembles.is_ensemble(value):
        return ensembles.parse(value, f"{path}: {stem}")
    return _weights(value)


def _weights(value: Mapping[str, Any]) -> Weights:
    weights = {str(model): float(weight) for model, weight in value.items()}
    if not weights or not all(abs(weight) <= _LARGEST for weight in weights.values()):
        raise ValueError(f"weights {value!r} must be numbers of at most ±{_LARGEST}")
    # a model that counts nothing must not be run
    used = {model: weight for model, weight in weights.items() if weight != 0}
    if not used:
        raise ValueError(f"the weights {value!r} are all 0")
    return used


def refuse_other_stems(value: Value, stem: str, makes: Mapping[str, Collection[str]]) -> None:
    """Raise ConfigError where a model does not make what `value` takes from it for `stem`.

    Args:
        value: weights or an ensemble.
        stem: what it makes.
        makes: the stems of its models; one that is not in it, or maps to nothing, is not known yet.
    """
    for model, source in sources_of(value, stem):
        known = makes.get(model)
        if not known or source in known:
            continue
        others = [other for other, _ in sources_of(value, stem) if other != model]
        if isinstance(value, ensembles.Ensemble) and others and source == stem:
            raise ConfigError(
                f"{stem} is to be the {value.kind} of {others[0]!r} and {model!r}, but {model!r} makes "
                f"only {', '.join(in_order(known))}: name models that all make {stem}."
            )
        refuse_unknown((source,), set(known), f"The model {model!r}")


def refuse_unmade(recipe: Recipe, makes: Mapping[str, Collection[str]]) -> None:
    """Refuse a recipe that would fail with the first song (`refuse_other_stems` of all it makes)."""
    for tier in recipe.tiers or (recipe,):
        for group in (tier.stems, *tier.children.values()):
            for stem, value in group.items():
                refuse_other_stems(value, stem, makes)


def refuse_unknown(wanted: tuple[str, ...], known: set[str], name: str) -> None:
    """Raise ConfigError for a wanted stem that is not known."""
    unknown = [stem for stem in wanted if stem not in known]
    if unknown:
        stems = sorted(known - {""})
        near = did_you_mean(unknown[0], stems)
        raise ConfigError(f"{name} has no stem {unknown[0]!r}: {near}it has {', '.join(stems)}.")
