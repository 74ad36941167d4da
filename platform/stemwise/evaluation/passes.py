"""Models that do not fit one GPU together run one group after another, over all tracks each.

The groups before the last only separate: what they made lies in the estimate store, and what the store
does not tell (stems, failures) in the parts of their pass. The last pass finds all of it and measures.
"""

from __future__ import annotations

from dataclasses import replace

from stemwise.core.errors import ConfigError
from stemwise.core.types import Track
from stemwise.datasets.base import short_hash
from stemwise.evaluation.groups import groups
from stemwise.evaluation.known import Known
from stemwise.evaluation.work import Work
from stemwise.storage import parts


def passes(work: Work, memory_gb: float | None, batch_size: int | None) -> list[Work]:
    """Return the runs over all tracks of which `work` consists; the last one is `work` itself.

    Args:
        work: the run.
        memory_gb: of a GPU, or of the share of it that a worker has; None makes one pass.
        batch_size: chunks of a forward pass.

    Raises:
        ConfigError: more than one pass, and a store that keeps nothing for the next.
    """
    found: list[Work] = []
    known: list[str] = []
    for group in groups(work.models, memory_gb, batch_size):
        names = tuple(model.spec.name for model in group)
        known += names
        digest = short_hash("\n".join(known), 12)
        step = replace(
            work,
            models=[model for model in work.models if model.spec.name in known],
            loaded=names,
            parts=work.parts.parent / "passes" / digest / "parts",
            before=found[-1].parts if found else None,
            recipes=(),
            last=False,
        )
        found.append(step)
    if len(found) < 2:
        return [work]
    if not work.keep:
        raise ConfigError(
            f"These models need {len(found)} groups on a GPU of {memory_gb:g} GB, which pass their "
            "estimates on through the store: use store.keep=all, or fewer models."
        )
    return [*found[:-1], replace(work, loaded=found[-1].loaded, before=found[-1].before)]


def known_before(work: Work, track: Track) -> Known | None:
    """Return what the pass before this one tells of a track, of all models up to then."""
    part = None if work.before is None else parts.read(work.before, track.track_id)
    if part is None:
        return None
    return Known.of({}, part.tables["estimates"].to_pylist(), made=part.made)
