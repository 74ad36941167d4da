"""`stemwise run-separate`: fill the estimate store, measure nothing."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from stemwise import results
from stemwise.jobs.evaluate import PARTLY_FAILED
from stemwise.jobs.launch import launch
from stemwise.jobs.work import job


def run_separate(config: dict[str, Any], console: Console) -> int:
    """Separate a dataset and write the tables `tracks` and `estimates`; return the exit code."""
    with job(config, console, "separate") as run:
        names = run.finish(console)
        collected = results.collect(run.work.parts, names)
        content = {name: collected[name] for name in ("tracks", "estimates")}
        results.write(run.output / "tables", content)
        failed = content["estimates"].filter(pc.field("status") == "failed")
        _say(content["estimates"], failed, console)
        console.print(f"Store: {run.work.store}", soft_wrap=True, highlight=False)
        return PARTLY_FAILED if len(failed) else 0


def _say(estimates: pa.Table, failed: pa.Table, console: Console) -> None:
    done = len(estimates) - len(failed)
    console.print(f"{done} estimates are in the store, {len(failed)} failed.", highlight=False)
    for row in failed.to_pylist()[:20]:
        line = f"  {row['track_id']}/{row['model']}/{row['stem']}: {row['error']}"
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise run-separate` with the overrides of `stemwise evaluate`."""
    return launch("evaluate", run_separate, arguments)
