"""`stemwise models` and `stemwise models pull`; neither imports torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stemwise.errors import StemwiseError
from stemwise.models.checkpoint import locate
from stemwise.models.registry import ModelSpec, get, is_cached, names, prepare, resolve
from stemwise.report.download import download_display


def list_models(as_json: bool, console: Console) -> int:
    """Print the zoo: what each model separates, where its checkpoint comes from, whether it is here."""
    specs = [get(name) for name in names()]
    if as_json:
        console.print_json(json.dumps([_finite(_describe(spec)) for spec in specs], default=str))
        return 0
    table = Table(show_lines=False)
    table.add_column("name", no_wrap=True)
    for column in ("stems", "architecture", "checkpoint", "licence", "trained on"):
        table.add_column(column, overflow="fold")
    for spec in specs:
        table.add_row(
            Text(spec.name, style="bold"),
            ", ".join(spec.stems) or "of the checkpoint or track",
            spec.architecture,
            _where(spec),
            spec.licence or "unknown",
            ", ".join(spec.trained_on) or "–",
        )
    console.print(table)
    console.print(
        "Own checkpoint: 'models=[{name: mine, base: NAME, checkpoint: ./file}]'", markup=False
    )
    return 0


def pull(wanted: Sequence[str], console: Console) -> int:
    """Fetch and verify the checkpoints of the models named; the first error is raised at the end."""
    failures: list[StemwiseError] = []
    for spec in [resolve(name) for name in wanted]:
        name = spec.name
        try:
            with download_display(console) as progress:
                ready = prepare(spec, progress(name))
        except StemwiseError as error:
            failures.append(error)
            continue
        places = ", ".join(str(path) for path in ready.paths) or "nothing to fetch"
        console.print(f"{name}: {places}", highlight=False, markup=False, soft_wrap=True)
    if failures:
        raise type(failures[0])("\n".join(str(error) for error in failures))
    return 0


def _where(spec: ModelSpec) -> str:
    if not spec.checkpoints:
        return "yours" if spec.name in ("demucs_package", "bsrnn") else "none needed"
    size = sum(item.size or 0 for item in spec.checkpoints) / 1e6
    return f"{'cached' if is_cached(spec) else 'not cached'}, {size:.0f} MB"


def _finite(value: Any) -> Any:
    """Replace infinities, which JSON does not have, by null."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _describe(spec: ModelSpec) -> dict[str, Any]:
    content = asdict(spec)
    content["checkpoints"] = [
        asdict(item) | {"cached": locate(item) is not None, "location": locate(item)}
        for item in spec.checkpoints
    ]
    content["cached"] = is_cached(spec)
    return content
