"""What the jobs of a run share: listing tracks, fetching checkpoints, working off what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from stemwise.core.errors import (
    CheckpointError,
    ConfigError,
    DatasetError,
    OutputError,
    StemwiseError,
)
from stemwise.core.nearest import did_you_mean
from stemwise.core.places import unwritable
from stemwise.core.precision import (
    AUTO,
    Choice,
    PrecisionSetting,
    check_precision,
    precision_for,
)
from stemwise.core.types import Track
from stemwise.evaluation import pipeline
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.hierarchy import HierarchySettings
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.settings import MetricSettings, Stage
from stemwise.evaluation.work import Work
from stemwise.importing.folder import refuse_imported
from stemwise.jobs import configuration, run_ensembles
from stemwise.jobs.holding import exclusive
from stemwise.jobs.run_ensembles import kinds_code
from stemwise.jobs.run_models import models_of
from stemwise.jobs.run_places import (
    CONFIG,
    RECIPES,
    REPORT,
    RunFolder,
    StoreSettings,
    mirrored,
    output_folder,
)
from stemwise.jobs.settings import EvaluateSettings
from stemwise.measurement.bsseval.museval_engine import load_metrics
from stemwise.measurement.extra_metrics import check_installed, own_code
from stemwise.models.overlap import REFERENCE, Overlap
from stemwise.models.registry import ReadyModel, prepare
from stemwise.models.spec import ModelSpec
from stemwise.report.download import download_display
from stemwise.report.terminal import RunDisplay, show_note
from stemwise.separation.device.precision import check_supported
from stemwise.separation.recipe import Recipe
from stemwise.separation.separator import pick_device
from stemwise.storage import parts
from stemwise.storage.estimates import EstimateStore


@dataclass(frozen=True)
class Job:
    """A run that is about to start."""

    folder: RunFolder
    specs: list[ModelSpec]
    work: Work
    cluster: ClusterSettings
    overlap: Overlap = REFERENCE

    @property
    def output(self) -> Path:
        """Where the run's end products are written on this machine."""
        return self.folder.local

    def finish(self, console: Console) -> list[str]:
        """Evaluate the tracks that are not finished yet; return the ids of all."""
        work_off(self.work, self.cluster, console)
        return [track.track_id for track in self.work.tracks]


@contextmanager
def job(settings: EvaluateSettings, console: Console, stage: Stage = "all") -> Iterator[Job]:
    """Check the configuration and yield the run that it describes, its output folder held.

    Raises:
        StemwiseError: something that would be true of every track, said before any work.
    """
    metric = settings.metric.deciding(settings.decision.cross_stem)
    cluster, device = settings.cluster, settings.device
    tell = partial(show_note, console)
    chosen = models_of(settings, tell)
    specs, files, recipes = chosen.specs, chosen.files, chosen.recipes
    hierarchy = configuration.hierarchy(settings.hierarchy, settings.models, specs, chosen.overlap)
    output = output_folder(settings.output)
    refuse_imported(output)
    for note in configuration.without_estimate(hierarchy, specs):
        tell(note)
    check_precision(settings.precision, [spec.name for spec in specs])
    if cluster.address is None and stage != "measure":  # which computes nothing
        _check_device(device, [precision_for(settings.precision, spec.name) for spec in specs])
    if metric.museval and metric.engine == "museval":
        load_metrics()
    for name in metric.extra:
        check_installed(name)
    _check_store(settings.store, stage)
    store = settings.store.place(output)
    with exclusive(output, tell), mirrored(output, (CONFIG, RECIPES, REPORT)) as folder:
        reason = unwritable(store)
        if reason is not None:
            raise OutputError(
                f"The estimate store {store} cannot be written ({reason}): choose another store=."
            )
        tracks = list_tracks(settings)
        if files is None and not specs and not any(track.estimates for track in tracks):
            raise DatasetError("models=files finds nothing: no track has estimates/<tool>/<stem>.*")
        ensembles = run_ensembles.measured(
            run_ensembles.chosen(settings.ensembles, settings.models), specs, files, tracks, tell
        )
        models = fetch(specs, console)
        work = Work(
            tracks=tracks,
            fingerprints=fingerprints(
                tracks, models, files, metric, hierarchy, recipes, settings.precision, ensembles
            ),
            models=models,
            files=files,
            metric=metric,
            store=store,
            # estimates alone are another result than a whole evaluation
            parts=output / ("parts-separated" if stage == "separate" else "parts"),
            device=device,
            precision=settings.precision,
            stage=stage,
            hierarchy=hierarchy,
            recipes=recipes,
            ensembles=ensembles,
            keep=settings.store.keep == "all",
            scratch=cluster.scratch_folder,
        )
        yield Job(folder, specs, work, cluster, chosen.overlap)


def _check_device(device: str, precisions: list[Choice]) -> None:
    """Refuse what this machine does not have (DeviceError)."""
    asked = [precision for precision in precisions if precision != AUTO]
    if asked or device not in ("auto", "cpu"):
        found = pick_device(device)
        for precision in asked:
            check_supported(precision, found)


def _check_store(store: StoreSettings, stage: Stage) -> None:
    """Refuse to keep no estimates where a stage needs them (ConfigError)."""
    if store.keep == "none" and stage != "all":
        raise ConfigError(
            "store.keep=none keeps no estimates between separating and measuring: use it with "
            "`stemwise evaluate`, which does both."
        )


def list_tracks(settings: EvaluateSettings) -> list[Track]:
    """List the dataset's tracks, cut to those asked for by `tracks=` (a number or ids)."""
    found, wanted = settings.dataset.make().tracks(), settings.tracks
    if wanted is None or isinstance(wanted, int):
        return found[:wanted]
    ids = {track.track_id: track for track in found}
    unknown = [name for name in wanted if name not in ids]
    if unknown:
        raise DatasetError(
            f"The dataset has no track {unknown[0]!r}: {did_you_mean(unknown[0], ids)}it has "
            f"{', '.join(ids)[:500]}."
        )
    return [ids[name] for name in wanted]


def fetch(specs: list[ModelSpec], console: Console) -> list[ReadyModel]:
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


def fingerprints(
    tracks: list[Track],
    models: list[ReadyModel],
    files: tuple[str, ...] | None,
    metric: MetricSettings,
    hierarchy: HierarchySettings,
    recipes: list[Recipe],
    precision: PrecisionSetting = AUTO,
    ensembles: Sequence[Measured] = (),
) -> dict[str, str]:
    """Return for each track a digest of all that decides what is measured on it."""
    run = {
        "models": [(m.spec.name, m.identity, m.spec.parent) for m in models],
        "files": files,
        "metric": metric.measured,
        "hierarchy": asdict(hierarchy),
        "recipes": [_facts(recipe) for recipe in recipes],
        "format": 5,
    }
    if metric.cross_stem is True:
        run["cross_stem"] = True
    if code := own_code(metric.extra):
        run["code"] = code
    if ensembles:
        run["ensembles"] = [asdict(ensemble) for ensemble in ensembles]
    if kinds := kinds_code(ensembles, recipes):
        run["kinds"] = kinds
    asked = {m.spec.name: precision_for(precision, m.spec.name) for m in models}
    if named := {name: word for name, word in asked.items() if word != AUTO}:
        run["precision"] = named  # `auto` takes what is finished as it is
    return {track.track_id: parts.fingerprint(track, run) for track in tracks}


def _facts(recipe: Recipe) -> dict[str, Any]:
    """Return what decides what is measured of a recipe; its overlap, where it is not the usual one.

    Of tiers the last is measured, which the other fields hold, and predictions measure nothing.
    """
    facts = asdict(recipe)
    for unmeasured in ("quality", "tiers", "worth_db", "promise"):
        del facts[unmeasured]
    if recipe.overlap == REFERENCE:
        del facts["overlap"]
    return facts


def work_off(work: Work, cluster: ClusterSettings, console: Console) -> None:
    """Evaluate the tracks that are not finished yet."""
    states = work.states(cluster.max_attempts)
    pending = [track for track in work.tracks if states[track.track_id] is None]
    done = len(work.tracks) - len(pending)
    if done:
        console.print(f"{done} of {len(work.tracks)} tracks are finished already.", highlight=False)
    if lost := [name for name, state in states.items() if state == "given up"]:
        were = "was" if len(lost) == 1 else "were"
        shown = ", ".join(lost[:3]) + (" …" if lost[3:] else "")
        console.print(
            f"{len(lost)} of them {were} given up ({shown}): a larger cluster.max_attempts, or "
            f"removing {work.attempts}, tries them again.",
            style="yellow",
            soft_wrap=True,
            highlight=False,
        )
    if not pending:
        return
    EstimateStore(work.store, work.scratch).sweep()
    display = RunDisplay(console, len(work.tracks), done)
    with display.showing():
        pipeline.run(
            replace(work, tracks=pending),
            cluster,
            display.update,
            partial(show_note, console),
        )
