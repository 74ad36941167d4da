"""Score, select and report again from the tables of a finished run, without audio."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from rich.console import Console

from stemwise import results, tables
from stemwise.decision import DecisionSettings
from stemwise.errors import ConfigError, OutputError
from stemwise.evaluation.settings import MetricSettings
from stemwise.jobs import configuration
from stemwise.jobs.decide import write_decision
from stemwise.jobs.evaluate import candidates, report
from stemwise.jobs.launch import launch
from stemwise.jobs.work import output_folder
from stemwise.selection.oracle import SelectionSettings


def report_again(config: dict[str, Any], console: Console) -> int:
    """Apply another protocol or rule to a run and print its report; return the exit code."""
    output = output_folder(config)
    metric = configuration.settings(MetricSettings, config["metric"], "metric")
    selection = configuration.settings(SelectionSettings, config["selection"], "selection")
    decision = configuration.settings(DecisionSettings, config["decision"], "decision")
    try:
        earlier = json.loads((output / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{output} holds no finished run: run `stemwise evaluate` first."
        ) from error
    for key in ("block_s", "max_lag_s", "silence_dbfs", "museval"):
        if config["metric"][key] != earlier["metric"][key]:
            raise ConfigError(
                f"metric.{key} was {earlier['metric'][key]} when this run measured and cannot be "
                f"changed afterwards: run `stemwise evaluate` with it."
            )
    specs, _ = configuration.models(earlier["models"])
    names = (*results.TRACK_TABLES, "scores")
    content: dict[str, pa.Table] = {
        name: tables.read(output / "tables", name).to_arrow().cast(tables.SCHEMAS[name])
        for name in names
    }
    chosen = candidates(specs, content["scores"].column("model").to_pylist())
    selected = results.score_and_select(content, metric.pair, selection, chosen)
    notes = write_decision(output, selected, specs, chosen, metric.pair, selection.rule, decision)
    return report(output, [spec.name for spec in specs], console, notes)


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise report` with Hydra overrides."""
    return launch("report", report_again, arguments)
