"""The run's answer as one sentence, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Sequence

from stemwise.core.types import ESTIMATE, REFERENCE
from stemwise.report.cautions import counted
from stemwise.report.leading import listed
from stemwise.report.run_tables import RunTables
from stemwise.report.tables import stem_label
from stemwise.report.verdict import TIED, UNKNOWN, Verdict

_MANY = 12  # names of a sentence
_PARENTS = {ESTIMATE: "the estimated", REFERENCE: "the true"}


def headline(made: Sequence[Verdict], imported: bool = False) -> str:
    """Return how many stems have an answer, and which do not."""
    good = [found for found in made if found.usable]
    rest = [stem_label(found.key[2]) for found in made if not found.usable]
    if not imported and all(found.kind == UNKNOWN for found in made):
        return "No stem could be scored and compared: the table says why."
    if imported or any(found.kind == TIED for found in made):
        return _leading(good, rest)
    if not good:
        return (
            "No model of this run is worth deploying: none beats silence and the unprocessed input."
        )
    if not rest:
        every = "The stem has" if len(made) == 1 else f"All {len(made)} stems have"
        return f"{every} a model worth deploying."
    verb = "has" if len(good) == 1 else "have"
    return (
        f"{len(good)} of {len(made)} stems {verb} a model worth deploying; "
        f"{listed(rest, _MANY)} {'does' if len(rest) == 1 else 'do'} not yet."
    )


def _leading(good: Sequence[Verdict], rest: Sequence[str]) -> str:
    clear = [stem_label(found.key[2]) for found in good if found.kind != TIED]
    tied = [stem_label(found.key[2]) for found in good if found.kind == TIED]
    told = [f"{listed(clear, _MANY)}: a clear choice"] if clear else []
    told += [f"{listed(tied, _MANY)}: no clear winner"] if tied else []
    told += [f"{listed(rest, _MANY)}: no usable model"] if rest else []
    said = "; ".join(told)
    return f"{said[:1].upper()}{said[1:]}."


def scale_note(run: RunTables, made: Sequence[Verdict]) -> str:
    """Return what score and cost are, in a line."""
    count = max((row["tracks"] for row in run.rows("leaderboard")), default=0)
    tracks = f"up to {counted(count, 'track')}" if count else "the tracks"
    held = "" if run["deployment"].is_empty() else " held out from fitting"
    told = [f"Score: mean in dB over {tracks}{held}, with its 95 % interval; higher is better"]
    if not run.imported:
        told[0] += ", 0 dB equals silence"
    if any(found.cost is not None for found in made):
        told.append(f"Cost: seconds of compute per minute of audio{_device(run)}")
    parents = {key[2] for key in run.level1}
    sources = {found.key[1] for found in made if found.key[0] in parents}
    if sources:
        which = listed([_PARENTS[source] for source in (ESTIMATE, REFERENCE) if source in sources])
        told.append(f"Indented stems come from {which} parent above them")
    return "".join(f"{text}. " for text in told).rstrip()


def _device(run: RunTables) -> str:
    found = run["scores"]["device"].drop_nulls().unique().sort().to_list()
    names = [name.upper() if name == "cpu" else name for name in found if name]
    return f" ({listed(names)})" if names else ""
