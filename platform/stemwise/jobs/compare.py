"""`stemwise compare`: finished runs on one page, what each would deploy and models that several ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from pydantic.dataclasses import dataclass
from rich.console import Console

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.places import Place, name_of
from stemwise.importing.folder import refuse_imported
from stemwise.jobs import saved_run
from stemwise.jobs.fields import Where
from stemwise.jobs.holding import exclusive
from stemwise.jobs.run_comparison import READ, ComparedRun, compared, refuse_unlike
from stemwise.jobs.run_places import CONFIG, REPORT, TABLES, RunFolder, mirrored, output_folder
from stemwise.jobs.sweep import record
from stemwise.jobs.typed import STRICT, written
from stemwise.report.runs.content import Line
from stemwise.report.runs.terminal import best_runs
from stemwise.report.terminal import show_note, show_table
from stemwise.storage import tables

_KIND = "stemwise comparison"
# where a run lies, and how it was run, tell no result apart
_ELSEWHERE = ("output", "store", "cluster", "sweep", "device")
_LONGEST = 60  # characters of a setting


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CompareSettings:
    """What is compared.

    Args:
        runs: folders or URIs of finished runs, or of sweeps, whose finished jobs are meant.
        output: where tables and page go.
    """

    runs: tuple[Where, ...]
    output: Where


def compare(settings: CompareSettings, console: Console) -> int:
    """Write tables and page of finished runs.

    Raises:
        ConfigError: fewer than two runs, one twice, or runs that cannot be compared.
        OutputError: a folder without a finished run, or an output that cannot be written.
    """
    output = output_folder(settings.output)
    places = _places(settings.runs)
    _refuse_too_few(places, output)
    names = (CONFIG, *(f"{TABLES}/{name}" for name in READ))
    with ExitStack() as stack:
        folders = []
        for place in places:
            refuse_imported(place)
            folders.append(stack.enter_context(mirrored(place, names)))
        runs = _opened(folders)
        refuse_unlike(runs)
        stack.enter_context(exclusive(output, lambda text: show_note(console, text)))
        # a run's own tables and page are not overwritten
        if (output / CONFIG).exists() or (output / record.NAME).exists():
            raise ConfigError(f"output={output} is a run or sweep itself: choose another folder.")
        target = stack.enter_context(mirrored(output, (REPORT, TABLES)))
        made = compared(target, name_of(output), _KIND, [runs])
        for table in best_runs(made):
            show_table(console, table)
        page = target.local / REPORT / "index.html"
        for name, path in {"Tables": target.local / TABLES, "Page": page}.items():
            show_note(console, f"{name}: {target.shown(path)}", "")
    return 0


def settings_of(runs: Sequence[str], values: Mapping[str, object]) -> CompareSettings:
    """Return the settings that a command line gives (ConfigError where one is not usable)."""
    unknown = [key for key in values if key != "output"]
    if unknown:
        near = did_you_mean(unknown[0], ["output"])
        raise ConfigError(f"{unknown[0]}= is unknown: {near}stemwise compare has output=.")
    output = values.get("output")
    if output is None or output == "":
        raise ConfigError("output= is not set: name a folder for the page, output=DIR.")
    if not isinstance(output, str):
        raise ConfigError(f"output={output} is no text: write output=./{output}.")
    return CompareSettings(runs=tuple(runs), output=output)


def _places(runs: Sequence[str]) -> list[Place]:
    """Return the folders of runs; a sweep's is that of its finished jobs."""
    found: list[Place] = []
    for run in runs:
        folder = output_folder(run)
        jobs = record.load(folder)
        finished = [folder / name for name, outcome in jobs.items() if outcome.has_tables]
        if jobs and not finished:
            raise ConfigError(f"{folder} is a sweep without a finished job: run it first.")
        found += finished or [folder]
    return found


def _refuse_too_few(places: Sequence[Place], output: Place) -> None:
    twice = [place for place, count in Counter(map(str, places)).items() if count > 1]
    if twice:
        raise ConfigError(f"{twice[0]} is named twice: a run differs from itself in nothing.")
    if len(places) < 2:
        raise ConfigError("One run has nothing to be compared with: name two or more.")
    if str(output) in map(str, places):
        raise ConfigError(f"output={output} is one of the runs: choose another folder.")


def _opened(folders: Sequence[RunFolder]) -> list[ComparedRun]:
    """Return the runs, each with what tells it apart.

    Raises:
        OutputError: a folder holds no finished run.
    """
    configs = []
    for folder in folders:
        settings, _ = saved_run.load(folder.local)
        for name in READ:
            tables.read(folder.local / TABLES, name)  # says what is missing
        configs.append(_flat({k: v for k, v in written(settings).items() if k not in _ELSEWHERE}))
    keys = dict.fromkeys(key for config in configs for key in config)
    varied = [key for key in keys if len({config.get(key) for config in configs}) > 1]
    names = _names([folder.place for folder in folders])
    return [
        ComparedRun(
            Line(
                name,
                str(folder.place),
                {key: config[key] for key in varied if key in config},
                report=None
                if folder.is_remote
                else (folder.local / REPORT / "index.html").as_uri(),
            ),
            folder.local,
        )
        for folder, config, name in zip(folders, configs, names, strict=True)
    ]


def _names(places: Sequence[Place]) -> list[str]:
    """Return what runs are called: their folders, with those above where two are called alike."""
    parts = [[part for part in str(place).split("/") if part] for place in places]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-depth:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]


def _flat(values: Mapping[str, object], above: str = "") -> dict[str, str]:
    """Return settings as key → text, groups written with dots."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            found |= _flat(value, f"{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            found[name] = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return found
