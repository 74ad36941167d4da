"""The recipes that a run wrote, as a table: which models each stem is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stemwise.core.stems import in_order
from stemwise.report.deployment import UNUSABLE
from stemwise.report.markup import Child, Html, el, join, of_text
from stemwise.report.tables import TextTable


def recipes_table(output: Path) -> TextTable:
    """Return the weights of every recipe in `<output>/recipes/`, a row per stem."""
    recipes = {path.stem: found for path in _files(output) if (found := _stems(path))}
    stems = in_order(stem for found in recipes.values() for stem in found)
    rows = [(stem, *(found.get(stem, "–") for found in recipes.values())) for stem in stems]
    note = "Weights of the models per stem; sub-stems are taken from the recipe's own parent."
    return TextTable("recipes", "Recipes of this run", ("stem", *recipes), tuple(rows), note)


def recipes_section(output: Path) -> Html | None:
    """Return the table with links to the files; None where there are none."""
    made = recipes_table(output)
    if not made.rows:
        return None
    links: list[Child] = []
    for name in made.columns[1:]:
        links += [", " if links else "", el("a", f"{name}.yaml", href=f"../recipes/{name}.yaml")]
    command = el("code", "stemwise separate --recipe")
    lead = el("p", "For ", command, ": ", links, ".")
    return join([el("h3", made.title), lead, of_text(made, len(made.columns), titled=False)])


def _files(output: Path) -> list[Path]:
    return sorted((output / "recipes").glob("*.yaml"))


def _stems(path: Path) -> dict[str, str]:
    """Return stem → weights in words; empty for a file that is no recipe."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    if not isinstance(content, dict):
        return {}
    groups = [content.get("stems"), *_values(content.get("children"))]
    provenance = content.get("provenance")
    useless = provenance.get("unusable") if isinstance(provenance, dict) else None
    return {
        str(stem): _weights(weights) + (f" ({UNUSABLE})" if stem in (useless or ()) else "")
        for group in groups
        if isinstance(group, dict)
        for stem, weights in group.items()
    }


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, dict) else []


def _weights(weights: Any) -> str:
    if not isinstance(weights, dict):
        return str(weights)
    if isinstance(kind := weights.get("kind"), str):
        named = weights.get("models") or weights.get("weights") or ()
        return f"{kind}({', '.join(map(str, named))})"
    parts = [
        f"{value:.2f} {model}" if isinstance(value, int | float) else f"{value} {model}"
        for model, value in weights.items()
    ]
    return " + ".join(parts).removeprefix("1.00 ") if len(parts) == 1 else " + ".join(parts)
