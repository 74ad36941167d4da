"""The main job: separate → measure → score → select → report, resumable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from stemwise import parts, pipeline, results, tables
from stemwise.errors import CheckpointError, ConfigError, DatasetError, OutputError, StemwiseError
from stemwise.evaluation.settings import MetricSettings
from stemwise.jobs import configuration
from stemwise.jobs.launch import launch
from stemwise.measurement.museval_engine import load_metrics
from stemwise.models.registry import ModelSpec, ReadyModel, prepare
from stemwise.pipeline import ClusterSettings, Work
from stemwise.report.download import download_display
from stemwise.report.tables import table_one, winners, winners_per_track, write_all
from stemwise.report.terminal import RunDisplay, show_list, show_table
from stemwise.report.troubles import failures, problems
from stemwise.selection.oracle import SelectionSettings
from stemwise.separation.separator import pick_device
from stemwise.store import EstimateStore, writable
from stemwise.types import Track

PARTLY_FAILED = 3


def evaluate(config: dict[str, Any], console: Console) -> int:
    """Run the job and return the exit code: 0, or 3 where a track, model or stem failed."""
    metric = configuration.settings(MetricSettings, config["metric"], "metric")
    selection = configuration.settings(SelectionSettings, config["selection"], "selection")
    cluster = configuration.settings(ClusterSettings, config["cluster"], "cluster")
    specs, files = configuration.models(config["models"])
    output = output_folder(config)
    if config["device"] not in ("auto", "cpu") and cluster.address is None:
        pick_device(config["device"])  # says so now rather than once per track
    if metric.museval:
        load_metrics()  # says so now where it is not installed
    store = Path(config["store"] or output / "store").expanduser().resolve()
    with _exclusive(output):
        if not writable(store):
            raise OutputError(
                f"The estimate store {store} cannot be written: choose another store=."
            )
        tracks = _tracks(config)
        if files is None and not specs and not any(track.estimates for track in tracks):
            raise DatasetError("models=files finds nothing: no track has estimates/<tool>/<stem>.*")
        models = _prepare(specs, console)
        work = Work(
            tracks=tracks,
            fingerprints=_fingerprints(tracks, models, files, metric),
            models=models,
            files=files,
            metric=metric,
            store=store,
            parts=output / "parts",
            device=config["device"],
        )
        _work_off(work, cluster, console)
        _save_config(output, config)
        pair = (metric.paper_snr, metric.paper_sdr)
        names = [track.track_id for track in tracks]
        collected = results.collect(work.parts, names)
        chosen = candidates(specs, collected["scores"].column("model").to_pylist())
        results.write(
            output / "tables", results.score_and_select(collected, pair, selection, chosen)
        )
        return report(output, [spec.name for spec in specs], console)


def report(output: Path, models: list[str], console: Console) -> int:
    """Print and write the tables of text of a finished run; return its exit code."""
    folder = output / "tables"
    scores, selections = tables.read(folder, "scores"), tables.read(folder, "selections")
    shown = [
        table_one(scores, models),
        winners(selections, scores),
        winners_per_track(selections, scores),
    ]
    for table in shown:
        show_table(console, table)
    failed, odd = failures(scores), problems(tables.read(folder, "tracks"))
    show_list(console, odd, "yellow")
    show_list(console, failed, "bold red")
    written = write_all(output / "report", [*shown, failed, odd], f"stemwise: {output.name}")
    console.print(f"Tables: {folder}\nReport: {written[-1]}", soft_wrap=True, highlight=False)
    return PARTLY_FAILED if failed.rows else 0


def output_folder(config: dict[str, Any]) -> Path:
    """Return the run's folder (ConfigError where none is named)."""
    if not config["output"]:
        raise ConfigError("output= is empty: name a folder for the results.")
    return Path(str(config["output"])).expanduser().resolve()


def _tracks(config: dict[str, Any]) -> list[Track]:
    """List the dataset's tracks, cut to those asked for by `tracks=` (a number or ids)."""
    found = configuration.dataset(config["dataset"]).tracks()
    wanted = config["tracks"]
    if wanted is None:
        return found
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 0:
        return found[:wanted]
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(wanted, list) or not wanted:
        raise ConfigError(
            f"tracks={wanted} is not usable: give null for all, a number above 0, or a list of ids."
        )
    ids = {track.track_id: track for track in found}
    unknown = [name for name in wanted if name not in ids]
    if unknown:
        raise DatasetError(
            f"The dataset has no track {unknown[0]!r}: it has {', '.join(ids)[:500]}."
        )
    return [ids[name] for name in wanted]


def _prepare(specs: list[ModelSpec], console: Console) -> list[ReadyModel]:
    """Fetch and verify all checkpoints; name every one that is missing, not only the first."""
    ready, problems = [], []
    with download_display(console) as progress:
        for spec in specs:
            try:
                ready.append(prepare(spec, progress(spec.name)))
            except StemwiseError as error:
                problems.append(type(error)(f"Model {spec.name!r}: {error}"))
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise CheckpointError("\n".join(str(problem) for problem in problems))
    return ready


def _fingerprints(
    tracks: list[Track],
    models: list[ReadyModel],
    files: tuple[str, ...] | None,
    metric: MetricSettings,
) -> dict[str, str]:
    # the names of score columns are applied afterwards and change nothing that was measured
    measured = {
        k: v for k, v in asdict(metric).items() if k not in ("protocol", "paper_snr", "paper_sdr")
    }
    run = {
        "models": [(model.spec.name, model.identity) for model in models],
        "files": files,
        "metric": measured,
        "format": 1,
    }
    return {track.track_id: parts.fingerprint(track, run) for track in tracks}


def _work_off(work: Work, cluster: ClusterSettings, console: Console) -> None:
    """Evaluate the tracks that are not finished yet."""
    pending = [track for track in work.tracks if not _finished(work, track)]
    done = len(work.tracks) - len(pending)
    if done:
        console.print(f"{done} of {len(work.tracks)} tracks are finished already.", highlight=False)
    if not pending:
        return
    EstimateStore(work.store).sweep()
    display = RunDisplay(console, len(work.tracks), done)
    with display.showing():
        pipeline.run(Work(**{**vars(work), "tracks": pending}), cluster, display.update)


def _finished(work: Work, track: Track) -> bool:
    """Tell whether a track was finished by an equal run, without failures."""
    part = parts.read(work.parts, track.track_id)
    return (
        part is not None
        and part.failures == 0
        and part.fingerprint == work.fingerprints[track.track_id]
    )


def candidates(specs: list[ModelSpec], present: list[str]) -> list[str]:
    """Return the models that may be chosen: no reference lines, and finished estimates too."""
    finished = sorted({name for name in present if name.startswith(configuration.FILE_PREFIX)})
    return [spec.name for spec in specs if spec.selectable] + finished


def _save_config(output: Path, config: dict[str, Any]) -> None:
    (output / "config.json").write_text(json.dumps(config, indent=2, default=str), encoding="utf-8")


@contextmanager
def _exclusive(output: Path) -> Iterator[None]:
    """Hold the output folder; a second run on it must not mix its files with ours."""
    if not writable(output):
        raise OutputError(f"The output folder {output} cannot be written: choose another output=.")
    lock = FileLock(output / ".lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise OutputError(
            f"Another run is writing {output}: wait for it or choose another output=."
        ) from error


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise evaluate` with Hydra overrides."""
    return launch("evaluate", evaluate, arguments)
