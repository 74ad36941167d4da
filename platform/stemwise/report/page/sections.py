"""Which sections a page has: those of a run, and those in which published scores say something."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.imported import published
from stemwise.report.kinds import TITLE as KINDS
from stemwise.report.less_overlap import less_overlap_table
from stemwise.report.markup import Child, Html, el, of_text
from stemwise.report.page import explorer
from stemwise.report.page.definitions import definitions
from stemwise.report.page.section_blind import blind_section
from stemwise.report.page.section_board import leaderboards
from stemwise.report.page.section_genre import genre_section
from stemwise.report.page.section_kinds import kinds_section
from stemwise.report.page.section_ledger import ledger
from stemwise.report.page.section_paper import beside_the_paper
from stemwise.report.page.section_quality import quality_section
from stemwise.report.page.section_tiers import tiers_section
from stemwise.report.page.section_troubles import imported_troubles, troubles
from stemwise.report.page.section_verdict import verdict_section
from stemwise.report.paper_tables import ran_the_papers
from stemwise.report.quality import TITLE
from stemwise.report.run_tables import RunTables

_NOTHING = "This run has no data for this section."
_SCORED = ("leaderboard", "comparisons")
_GENRE = ("tracks", "genre_scores", "genre_effects", "scores")


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, name in the navigation, title, content, and source tables."""

    name: str
    short: str
    title: str
    body: Html
    sources: tuple[str, ...] = ()

    def html(self, held: Collection[str]) -> Html:
        """Return the element, with links to those of its tables that the run holds."""
        heading = el("h2", self.title, id=f"{self.name}-title")
        linked: list[Child] = []
        for source in filter(held.__contains__, self.sources):
            file = f"../tables/{source}/{source}.parquet"
            linked += [", " if linked else "", el("a", source, href=file)]
        definition = el("a", "definitions", href="#definitions")
        origin = el("p", "Tables: ", linked, " · ", definition, cls="source") if linked else None
        content = self.body or el("p", _NOTHING, cls="none")
        return el(
            "section", heading, content, origin, id=self.name, aria_labelledby=f"{self.name}-title"
        )


def sections_of(
    run: RunTables, sheet: Sheet, colours: Palette, heard: Collection[str] = ()
) -> list[Section]:
    """Return the sections in their order; figures are written on the way.

    `heard` are the models whose estimates the page can play.
    """
    kind = _of_imports if run.imported else _of_a_run
    oddities = (
        ("scores", "tracks") if run.imported else ("anomalies", "scores", "tracks", "duplicates")
    )
    trouble = imported_troubles(run) if run.imported else troubles(run)
    made = [
        *kind(run, sheet, colours),
        Section("genre", "Genres", "Genres", genre_section(run, sheet, colours), _GENRE),
        Section("troubles", "Problems", "Problems", trouble, oddities),
        Section(
            "explore", "Tracks", "Every track", explorer.explorer(run), ("scores", "estimates")
        ),
        Section("definitions", "Definitions", "What the numbers mean", definitions(run.imported)),
    ]
    if len(heard) > 1:
        made.insert(-2, Section("blind", "Blind test", "Listen blind", blind_section()))
    return made


def _of_a_run(run: RunTables, sheet: Sheet, colours: Palette) -> list[Section]:
    decided = ("deployment", *_SCORED, "regret")
    return [
        Section(
            "verdict", "Verdict", "What to deploy", verdict_section(run, sheet, colours), decided
        ),
        _board(run, sheet, colours),
        Section(
            "ledger",
            "Blending",
            "What blending is worth",
            ledger(run, sheet),
            ("deployment", "regret", "front"),
        ),
        *_kinds(run, sheet),
        *_paper(run, sheet, colours),
        *_less_overlap(run),
        *_quality(run, sheet),
        *_tiers(run, sheet),
    ]


def _kinds(run: RunTables, sheet: Sheet) -> list[Section]:
    """Return what kinds of ensembles gain, where the run measured others than weighted sums."""
    body = kinds_section(run, sheet)
    return [Section("kinds", "Kinds", KINDS, body, ("kinds",))] if body else []


def _quality(run: RunTables, sheet: Sheet) -> list[Section]:
    """Return how well the SNR is predicted without references, where that was tried."""
    body = quality_section(run, sheet)
    sources = ("quality", "predictions")
    return [Section("quality", "Prediction", TITLE, body, sources)] if body else []


def _paper(run: RunTables, sheet: Sheet, colours: Palette) -> list[Section]:
    """Return this run beside the paper, where it ran one of the paper's models."""
    if not ran_the_papers(run):
        return []
    body = beside_the_paper(run, sheet, colours)
    return [Section("paper", "Paper", "Beside the paper", body, ("scores", "selections"))]


def _less_overlap(run: RunTables) -> list[Section]:
    """Return what the fast tiling costs, of a run that has a model cut in both ways."""
    made = less_overlap_table(run["less_overlap"])
    if not made.rows:
        return []
    body = of_text(made, 2, titled=False)
    return [Section("overlap", "Overlap", made.title, body, ("less_overlap",))]


def _tiers(run: RunTables, sheet: Sheet) -> list[Section]:
    """Return what cascades are worth, of a run whose tiers were replayed."""
    body = tiers_section(run, sheet)
    return [] if body is None else [Section("tiers", "Cascades", "Cascades", body, ("tiers",))]


def _of_imports(run: RunTables, sheet: Sheet, colours: Palette) -> list[Section]:
    """Return what published scores can say: who leads, and the numbers as published."""
    made = published(run["scores"])
    shown = of_text(made, 2, titled=False) if made.rows else Html("")
    verdict = verdict_section(run, sheet, colours)
    return [
        Section("verdict", "Verdict", "Which method leads", verdict, _SCORED),
        _board(run, sheet, colours),
        Section("published", "Published", "The numbers as published", shown, ("scores",)),
    ]


def _board(run: RunTables, sheet: Sheet, colours: Palette) -> Section:
    body = leaderboards(run, sheet, colours)
    return Section("leaderboard", "Leaderboard", "Leaderboard", body, _SCORED)
