"""`stemwise.open_run` and `stemwise.Run`: a finished run as frames, figures and blends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl
import pyarrow.parquet as pq
from rich.console import Console

from stemwise.analysis.aggregate import REFERENCE_LINES
from stemwise.api.figure import Figure
from stemwise.api.run_files import RunFiles
from stemwise.api.run_table import as_html, as_text
from stemwise.api.settings import settings_of
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.nearest import did_you_mean
from stemwise.core.places import Place, is_local
from stemwise.core.types import HELD_OUT, RECIPE_PREFIX
from stemwise.decision.blending import blend_scores
from stemwise.jobs import report as job
from stemwise.jobs import saved_run
from stemwise.jobs.run_places import CONFIG, RECIPES, REPORT, TABLES, output_folder
from stemwise.jobs.settings import ReportSettings
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.storage import tables
from stemwise.storage.definitions import definition

if TYPE_CHECKING:
    from stemwise.report.tables import TextTable

Group: TypeAlias = str | Mapping[str, Any]
_FIGURES = f"{REPORT}/figures"


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a finished run: the output of `stemwise evaluate` or `stemwise import-scores`.

    Args:
        path: a folder, or a URI that fsspec knows, of which files are fetched when they are needed.

    Raises:
        OutputError: there is no finished run.
        ConfigError: a URI of an unknown kind.

    Example:
        >>> run = stemwise.open_run("runs/demo")
        >>> run.leaderboard.filter(pl.col("stem") == "vocals")
        >>> run.blend({"vocals": {"scnet": 0.5, "htdemucs_6s": 0.5}})["score"].mean()
    """
    return Run(RunFiles(output_folder(os.fspath(path))))


class Run:
    """A finished run. It shows itself as a table of what to deploy per stem.

    Tables are polars frames, read once; `describe` says what their columns mean. Made by
    `stemwise.open_run` and `stemwise.evaluate`.
    """

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self._frames: dict[str, pl.DataFrame] = {}
        if "scores" not in self.tables:
            raise OutputError(
                f"{files.place} holds no finished run: run `stemwise evaluate` first."
            )

    @property
    def path(self) -> Place:
        """Where it lies: a `Path`, or a `UPath` of a remote one."""
        return self._files.place

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of its tables, which `table` and `describe` take."""
        return tuple(self._files.names(TABLES))

    @property
    def scores(self) -> pl.DataFrame:
        """One row per track, model and stem: scores in dB, status."""
        return self.table("scores")

    @property
    def leaderboard(self) -> pl.DataFrame:
        """Models of each stem by mean score (dB) on matched tracks, with intervals and ties."""
        return self.table("leaderboard")

    @property
    def ledger(self) -> pl.DataFrame:
        """The regret ledger: what single model, recipe and oracles score (dB), on held-out tracks."""
        return self.table("regret")

    @property
    def tracks(self) -> pl.DataFrame:
        """One row per track: title, artist, genre, duration in s, problems of its files."""
        return self.table("tracks")

    @property
    def estimates(self) -> pl.DataFrame:
        """One row per track, model and stem: where the audio is, what it took to make."""
        return self.table("estimates")

    @property
    def deployment(self) -> pl.DataFrame:
        """What to deploy per stem: models, weights, held-out score (dB), cost in s per minute."""
        return self.table("deployment")

    @property
    def failures(self) -> pl.DataFrame:
        """The rows of `scores` of what failed, with the error; empty where nothing did."""
        return self.scores.filter(pl.col("status") == "failed")

    def table(self, name: str) -> pl.DataFrame:
        """Return one of the run's tables.

        Raises:
            ConfigError: it has no such table.
            OutputError: it is damaged, or cannot be fetched.
        """
        if name not in self._frames:
            self._check("table", name, self.tables)
            self._files.need(f"{TABLES}/{name}")
            self._frames[name] = tables.read(self._files.local / TABLES, name)
        return self._frames[name]

    def describe(self, name: str) -> pl.DataFrame:
        """Return what the columns of a table mean: `column`, `type`, `unit` and `description`.

        The files say the same of themselves: `pyarrow.parquet.read_schema(file)`.

        Raises:
            ConfigError: the run has no such table.
        """
        frame, schema = self.table(name), self._schema(name)
        told = [_told(name, schema.field(column)) for column in frame.columns]
        return pl.DataFrame(
            {
                "column": frame.columns,
                "type": [str(kind) for kind in frame.dtypes],
                "unit": [unit for unit, _ in told],
                "description": [text for _, text in told],
            }
        )

    def metadata(self, name: str) -> dict[str, str]:
        """Return the metadata of a table's file, such as `stemwise.version` and `stemwise.protocol`.

        It is empty for tables of versions that wrote none.

        Raises:
            ConfigError: the run has no such table.
        """
        found = self._schema(name).metadata or {}
        return {key.decode(): value.decode() for key, value in found.items()}

    @property
    def recipe(self) -> Recipe:
        """What the run says to deploy, for `stemwise.separate` and `stemwise.Separator`.

        Raises:
            OutputError: the run fitted none.
        """
        file = self._files.need(RECIPES) / f"{HELD_OUT}.yaml"
        if not file.is_file():
            raise OutputError(f"{self.path} has no recipes/{HELD_OUT}.yaml: nothing was fitted.")
        return load_recipe(str(file))

    def blend(self, weights: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
        """Return what a blend would have scored on each track, computed from the table `forms`.

        Only tracks on which all its models were measured are in it. These weights were chosen by you,
        perhaps on these very tracks; what a fitted blend scores on unseen artists is in `ledger`.

        Args:
            weights: stem → model → weight; weights need not add up to 1, and may be negative.

        Returns:
            `dataset`, `track_id`, `parent`, `parent_source`, `stem`, the scores in dB (`snr`, `si_sdr`,
            `bss_sdr`, `si_sir`, `si_sar`) and `score` by the run's protocol.

        Raises:
            ConfigError: a stem or model that the run lacks, or a protocol that needs the audio.

        Example:
            >>> run.blend({"vocals": {"a": 0.7, "b": 0.3}}).group_by("stem").agg(pl.mean("snr"))
        """
        settings, _ = saved_run.load(self._config())
        rule = self.table("selections")["rule"].unique().to_list() or [settings.selection.rule]
        metric = settings.metric
        return blend_scores(self.table("forms"), self.scores, weights, metric.pair_of, rule[0])

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the report's figures, which `figure` takes."""
        names = self._files.names(_FIGURES)
        return tuple(name.removesuffix(".svg") for name in names if name.endswith(".svg"))

    def figure(self, name: str) -> Figure:
        """Return a figure of the report; it shows itself in a notebook.

        Raises:
            ConfigError: the report has no such figure.
        """
        self._check("figure", name, self.figures)
        svg, png = (self._files.need(f"{_FIGURES}/{name}.{kind}") for kind in ("svg", "png"))
        return Figure(name, svg.read_text(encoding="utf-8"), png.read_bytes())

    def report(
        self,
        *,
        metric: Group | None = None,
        selection: Group | None = None,
        decision: Group | None = None,
    ) -> Place:
        """Return the report's page; with arguments, decide and report again first, without audio.

        The tables change with it, as `stemwise report` changes them.

        Args:
            metric: which scores make up the score, such as `"plain"` (conf/metric).
            selection: the rule, such as `"paper_guarded"` (conf/selection).
            decision: how recipes are fitted, such as `{"folds": 10}` (conf/decision).

        Raises:
            ConfigError: an unknown choice, or one that would need the audio again.
            OutputError: the run cannot be written, or holds imported scores only.
        """
        groups = {"metric": metric, "selection": selection, "decision": decision}
        given = {name: value for name, value in groups.items() if value is not None}
        if given or "index.html" not in self._files.names(REPORT):
            settings = settings_of(ReportSettings, "report", {**given, "output": str(self.path)})
            job.report_again(settings, Console(quiet=True, force_jupyter=False))
            self._frames.clear()
            self._files.forget()
        return self.path / REPORT / "index.html"

    def _schema(self, name: str) -> Any:
        self.table(name)  # fetched, and there
        return pq.read_schema(next((self._files.local / TABLES / name).glob("**/*.parquet")))

    def _config(self) -> Path:
        return self._files.need(CONFIG).parent

    def _check(self, what: str, name: str, known: tuple[str, ...]) -> None:
        if name not in known:
            near = did_you_mean(name, known)
            have = ", ".join(known) or f"no {what}s; report() writes the report"
            raise ConfigError(f"This run has no {what} {name!r}: {near}it has {have}.")

    def _shown(self) -> tuple[TextTable, str]:
        from stemwise.report.decision import deployments, leaders

        if "deployment" in self.tables and len(self.deployment):
            shown = deployments(self.deployment)
        else:
            shown = leaders(self.leaderboard)
        failed = len(self.failures)
        names = self.scores["model"].unique().to_list()
        models = [n for n in names if n not in REFERENCE_LINES and not n.startswith(RECIPE_PREFIX)]
        facts = f"{len(self.tracks)} tracks, {len(models)} models"
        return shown, facts + (f", {failed} rows failed (see .failures)" if failed else "")

    def __repr__(self) -> str:
        table, facts = self._shown()
        return as_text(f"Run({self._name()!r}): {facts}", table)

    def _repr_html_(self) -> str:
        table, facts = self._shown()
        return as_html(f"{self._name()}: {facts}", table)

    def _name(self) -> str:
        """Return the path, from the current folder where it is below that."""
        path, here = self.path, Path.cwd()
        if is_local(path) and path.is_relative_to(here):
            return str(path.relative_to(here))
        return str(path)


def _told(table: str, field: Any) -> tuple[str, str]:
    """Return unit and description of a column, from its file, which may be older, or as we know them."""
    own = field.metadata or {}
    if b"description" in own:
        return own.get(b"unit", b"").decode(), own[b"description"].decode()
    try:
        return definition(table, field.name)
    except KeyError:  # a column of another version
        return "", ""
