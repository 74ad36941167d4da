"""`stemwise import-scores`: other people's numbers as tables, so that our statistics work on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from rich.console import Console

from stemwise.analysis.statistics import statistics
from stemwise.core.errors import PARTLY_FAILED, ConfigError
from stemwise.core.stems import MIXTURE
from stemwise.decision import results
from stemwise.importing import folder, models_scores, museval_json, rows, tidy_table
from stemwise.importing.coverage import comparable, limits
from stemwise.importing.floor import floor_of, scores_with_floor, with_floor
from stemwise.importing.folder import Imported
from stemwise.importing.genres import join_facts
from stemwise.importing.published import Frames, Published
from stemwise.jobs.holding import exclusive
from stemwise.jobs.import_settings import DEFAULT_SCORE, ImportSettings
from stemwise.jobs.launch import launch
from stemwise.jobs.run_places import local_output
from stemwise.report.abridged import abridged
from stemwise.report.decision import leaders
from stemwise.report.dependence import unknown_artists
from stemwise.report.imported import (
    imported_failures,
    imported_problems,
    imported_winners,
    published,
)
from stemwise.report.ledgers import comparisons
from stemwise.report.page import write_report
from stemwise.report.run_tables import read_run
from stemwise.report.terminal import show_list, show_note, show_table
from stemwise.report.terminal_verdict import show_verdict
from stemwise.selection.oracle import (
    SelectionSettings,
    add_scores,
    oracle_rows,
    rank,
    selections,
)
from stemwise.storage import tables

_MOST_ROWS = 30  # of a table in the terminal; the page and the CSV files have all
_NO_LEDGER = (
    "No regret ledger and no recipe: blends need measured audio, not medians of published frames."
)


def import_scores(settings: ImportSettings, console: Console) -> int:
    """Import, compare and report; return 0, or 3 where a file, stem or method could not be read."""
    output = local_output(settings.output, "the import")
    held = folder.open_folder(output)
    found = _read(settings)
    if found is None and held is None:
        raise ConfigError("input= is not set: name the folder or file with the published scores.")
    if found is None:
        _refuse_idle(settings)
    if found is not None and held is not None:
        folder.check_same(output, held, found.measure, found.frames)
    with exclusive(output):
        imported, tracks, scores = _merged(settings, output, held, found)
        tracks, scores, told = _with_facts(settings, tracks, scores)
        notes = [
            *(found.notes if found else ()),
            *told,
            *filter(None, [unknown_artists(tables.framed("tracks", tracks))]),
            *_write(settings, output, imported, tracks, scores),
        ]
        _report(output, console, [*notes, _NO_LEDGER])
    failed = bool((scores["status"] == "failed").any())
    return PARTLY_FAILED if failed or (found is not None and found.incomplete) else 0


def _read(settings: ImportSettings) -> Published | None:
    if settings.input is None:
        return None
    return _published(settings, Path(settings.input).expanduser())


def _published(settings: ImportSettings, path: Path) -> Published:
    if settings.format == "museval":
        return museval_json.read_folder(path, settings.models, settings.split, settings.stems)
    if settings.format == "table":
        mapped = settings.columns, settings.models, settings.split, settings.stems
        return tidy_table.read_file(path, *mapped)
    if settings.split not in (None, models_scores.SPLIT):
        raise ConfigError(
            f"split={settings.split} is not in models-scores.json, whose songs are of MUSDB's "
            "training split: leave split= out."
        )
    return models_scores.read_file(path, settings.models, settings.stems)


def _merged(
    settings: ImportSettings, output: Path, held: Imported | None, found: Published | None
) -> tuple[Imported, list[rows.Row], pl.DataFrame]:
    """Return what the folder will hold: its description, the rows of tracks, and the scores."""
    tracks = tables.read(output / "tables", "tracks").to_dicts() if held else []
    scores = tables.read(output / "tables", "scores") if held else None
    floor = held.floor if held else None
    if scores is not None and floor is None:  # perhaps it was imported as a competitor
        floor = floor_of(scores["model"].unique().to_list(), settings.floor, None)
        scores = scores_with_floor(scores, floor)
    if found:
        own = floor_of(found.models, settings.floor, floor)
        found, floor = with_floor(found, own), own or floor
    new_tracks = rows.track_rows(found, settings.dataset) if found else []
    new_scores = rows.score_frame(found, settings.dataset) if found else None
    tracks, scores = rows.merge(tracks, scores, new_tracks, new_scores)
    imported = held or Imported(found.frames if found else Frames(1.0))
    if found is None:
        score = _score(settings, imported.columns)
        return replace(imported, score=score, floor=floor), tracks, scores
    known = dict.fromkeys((*(imported.columns if held else ()), *found.columns))
    columns = tuple(name for name in tables.METRICS if name in known)
    return (
        Imported(
            # a folder of very short tracks does not know the distance of its frames
            imported.frames if imported.frames.hop_s is not None else found.frames,
            folder.add_sources(imported.sources, found.sources),
            dict(sorted((imported.trained_on | _trained_on(settings, found)).items())),
            _score(settings, columns),
            floor,
            found.measure,
            columns,
        ),
        tracks,
        scores,
    )


def _score(settings: ImportSettings, columns: Sequence[str]) -> str:
    """Return the score that models are compared by (ConfigError where it is not imported)."""
    if settings.score is None:
        return DEFAULT_SCORE if DEFAULT_SCORE in columns else columns[0]
    if settings.score not in columns:
        raise ConfigError(
            f"score={settings.score} is not imported: use one of {', '.join(columns)}."
        )
    return settings.score


def _refuse_idle(settings: ImportSettings) -> None:
    """Refuse settings of reading where nothing is read (ConfigError)."""
    idle = {"models": settings.models, "split": settings.split, "stems": settings.stems}
    idle |= {"trained_on": settings.trained_on, "columns": settings.columns}
    for name, value in idle.items():
        if value:
            raise ConfigError(f"{name}={value} has no effect without input=: leave it out.")


def _with_facts(
    settings: ImportSettings, tracks: list[rows.Row], scores: pl.DataFrame
) -> tuple[list[rows.Row], pl.DataFrame, list[str]]:
    """Return both tables with the genres of `genres=`, and what to say about genres."""
    notes: list[str] = []
    if settings.genres is not None:
        tracks, notes = join_facts(tracks, Path(settings.genres).expanduser())
    genres = tables.framed("tracks", tracks).select("dataset", "track_id", "genre")
    order = scores.columns
    scores = scores.drop("genre").join(genres, on=["dataset", "track_id"], how="left").select(order)
    if not any(genres["genre"]):
        notes.append(
            "The genres of these songs are unknown (genres=FILE takes them from a table with the "
            "columns track and genre)."
        )
    return tracks, scores, notes


def _trained_on(settings: ImportSettings, found: Published) -> dict[str, list[str]]:
    """Return what each model was trained on: as given, else the songs if they are training songs."""
    if settings.trained_on is not None:
        return {model: list(settings.trained_on) for model in found.models}
    known: dict[str, set[str]] = {model: set() for model in found.models}
    for track in found.tracks:
        if track.split == "train" and track.model != MIXTURE:
            known[track.model].add(track.dataset or settings.dataset)
    return {model: sorted(datasets) for model, datasets in known.items()}


def _write(
    settings: ImportSettings,
    output: Path,
    imported: Imported,
    tracks: Sequence[rows.Row],
    scores: pl.DataFrame,
) -> list[str]:
    """Write all tables and `config.json`; return sentences on what could not be compared."""
    models = sorted(scores["model"].unique())
    candidates = [m for m in models if m not in (MIXTURE, *settings.reference_lines)]
    rule = SelectionSettings().rule
    frame = add_scores(scores, lambda _: (imported.score, imported.score), rule)
    songs = tables.framed("tracks", tracks)
    compared, notes = comparable(frame, settings.min_tracks, candidates)
    ranked = rank(compared, candidates)
    frames = {"tracks": songs, "selections": selections(ranked, None, rule)}
    frames["scores"] = pl.concat([frame, oracle_rows(compared, ranked)])
    results.write(output / "tables", frames)
    found = statistics(compared, songs, candidates, imported.trained_on, settings.seed)
    results.write(output / "tables", found)
    folder.write_config(output, imported)
    return [*notes, *limits(compared, songs, candidates)]


def _report(output: Path, console: Console, notes: Sequence[str]) -> None:
    """Print the leaders and what went wrong; write all tables of text and the page."""
    run = read_run(output, (), imported=True)
    scores, pairs = run["scores"], comparisons(run)
    won, made = imported_winners(run["selections"], scores), published(scores)
    leading = leaders(run["leaderboard"])
    for table in (leading, pairs, abridged(won), made):
        if table.rows and (table is leading or len(table.rows) <= _MOST_ROWS):
            show_table(console, table, whole=table is leading)
        elif table.rows:
            line = f"{table.title} ({len(table.rows)} rows): {output / 'report' / table.name}.csv"
            console.print(f"{line}\n", soft_wrap=True, highlight=False, markup=False)
    for note in notes:
        show_note(console, note)
    show_list(console, imported_problems(run["tracks"]), "yellow")
    show_list(console, imported_failures(scores), "bold red")
    # the best come first, so that they have colours of their own
    order = run["leaderboard"].group_by("model").agg(pl.col("rank").mean()).sort("rank", "model")
    page = write_report(output, order["model"].to_list(), imported=True)
    show_verdict(console, run)
    console.print(f"Tables: {output / 'tables'}\nReport: {page}", soft_wrap=True, highlight=False)


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise import-scores` with Hydra overrides."""
    return launch("import_scores", ImportSettings, import_scores, arguments)
