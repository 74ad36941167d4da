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

from stemwise.core.errors import StemwiseError
from stemwise.jobs.zoo_filter import Filter
from stemwise.models import facts
from stemwise.models.checkpoints.checkpoint import locate
from stemwise.models.registry import get, is_cached, names, prepare, resolve
from stemwise.models.spec import ModelSpec
from stemwise.report.download import download_display

EVERY = Filter()
# The longest words of these columns: names are copied from here, so they must stay whole.
_NAME_WIDTH, _STEM_WIDTH = max(map(len, names())), len("backing_vocals")


def list_models(as_json: bool, console: Console, wanted: Filter = EVERY) -> int:
    """Print the zoo, or the models `wanted`: what they separate, whether they run here, their licence.

    Raises:
        ConfigError: a filter that no model of the zoo could meet.
    """
    specs = wanted.select([get(name) for name in names()])
    if as_json:
        console.print_json(json.dumps([_finite(_describe(spec)) for spec in specs], default=str))
        return 0
    if not specs:
        console.print("No model of the zoo is all of that.")
        return 0
    table = Table(show_lines=False)
    table.add_column("name, architecture", overflow="fold", width=_NAME_WIDTH)
    table.add_column("level", no_wrap=True)
    table.add_column("stems", overflow="fold", width=_STEM_WIDTH)
    table.add_column("installed", no_wrap=True)
    for column in ("checkpoint", "licence", "trained on"):
        table.add_column(column, overflow="fold")
    for spec in specs:
        cells = (
            _level(spec),
            ", ".join(_stems(spec)) or "of the checkpoint or track",
            _installed(spec),
            _where(spec),
            spec.licence or "unknown",
            ", ".join(spec.trained_on) or "–",
        )
        # not markup, which would take the extra's [brackets] away
        name = Text.assemble((spec.name, "bold"), "\n", (spec.architecture, "dim"))
        table.add_row(name, *map(Text, cells))
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
        licence = spec.licence or "unknown"
        text = f"{name}: {places} (licence: {licence})"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if failures:
        raise type(failures[0])("\n".join(str(error) for error in failures))
    return 0


def _level(spec: ModelSpec) -> str:
    level = facts.level(spec)
    return str(level) if level == 1 else f"{level} ({spec.parent})"


def _stems(spec: ModelSpec) -> list[str]:
    return list(spec.with_residual(spec.stems))


def _installed(spec: ModelSpec) -> str:
    extra = facts.missing_extra(spec)
    return "yes" if extra is None else f"needs\nstemwise[{extra}]"


def _where(spec: ModelSpec) -> str:
    if not spec.checkpoints:
        return "yours" if facts.is_base(spec) else "none needed"
    size = facts.size(spec)
    place = "cached" if is_cached(spec) else "not cached"
    text = place if size is None else f"{place}, {size / 1e6:.0f} MB"
    memory = spec.gpu_memory
    return text if memory is None else f"{text}\nGPU {memory.gb:.1f} GB ({memory.source})"


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
    content |= {
        "level": facts.level(spec),
        "installed": facts.missing_extra(spec) is None,
        "missing_extra": facts.missing_extra(spec),
        "cached": is_cached(spec),
        "parameters": facts.parameters(spec),
        "size": facts.size(spec),
    }
    return content
