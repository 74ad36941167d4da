"""Sets of models by a name: those of conf/sets, and `all_STEM`, which follows from the zoo.

`all_drums` is every model of the zoo that makes drums and needs no file of the user's. Reference lines
are left out, as are demo models, which were trained on the demo's songs.
"""

from __future__ import annotations

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import in_order
from stemwise.models import facts, registry
from stemwise.models.spec import ModelSpec

PREFIX = "all_"


def members(name: str) -> tuple[str, ...] | None:
    """Return the models of a set, None where there is no such set.

    Raises:
        ConfigError: `all_STEM` of a stem that no model makes.
    """
    if not name.startswith(PREFIX) or name in registry.names():
        return registry.named_sets().get(name)
    sets = all_sets()
    if name not in sets:
        known = [other for other in sets if other.startswith(PREFIX)]
        near = did_you_mean(name, known)
        raise ConfigError(f"There is no set {name!r}: {near}use one of {', '.join(known)}.")
    return sets[name]


def all_sets() -> dict[str, tuple[str, ...]]:
    """Return all sets, those by stem in the tree's order first; a file of the same name wins."""
    specs = [spec for spec in map(registry.get, registry.names()) if _ready(spec)]
    stems = in_order(stem for spec in specs for stem in spec.with_residual(spec.stems))
    made = {
        f"{PREFIX}{stem}": tuple(s.name for s in specs if stem in s.with_residual(s.stems))
        for stem in stems
    }
    return made | registry.named_sets()


def _ready(spec: ModelSpec) -> bool:
    return spec.selectable and not facts.is_base(spec) and not facts.is_demo(spec)
