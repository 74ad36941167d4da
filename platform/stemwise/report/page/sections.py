"""Which sections a page has: those of a run, and those in which published scores say something."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.imported import published
from stemwise.report.less_overlap import less_overlap_table
from stemwise.report.markup import Child, Html, el, of_text
from stemwise.report.page import explorer
from stemwise.report.page.definitions import definitions
from stemwise.report.page.section_board import leaderboards
from stemwise.report.page.section_genre import genre_section
from stemwise.report.page.section_ledger import fronts, ledger
from stemwise.report.page.section_paper import beside_the_paper
from stemwise.report.page.section_troubles import imported_troubles, troubles
from stemwise.report.page.section_verdict import verdicts
from stemwise.report.run_tables import RunTables

_NOTHING = "This run has no such table, or nothing in it."
_MOST_ROWS = 24  # of a table that is not folded
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

    def html(self, number: int, held: Collection[str]) -> Html:
        """Return the element, with links to those of its tables that the run holds."""
        heading = el(
            "h2", el("span", number, cls="number"), " ", self.title, id=f"{self.name}-title"
        )
        linked: list[Child] = []
        for source in filter(held.__contains__, self.sources):
            file = f"../tables/{source}/{source}.parquet"
            linked += [", " if linked else "", el("a", source, href=file)]
        definition = el("a", "Definitions", href="#definitions")
        origin = el("p", "From ", linked, ". ", definition, cls="source") if linked else None
        content = self.body or el("p", _NOTHING, cls="none")
        return el(
            "section", heading, origin, content, id=self.name, aria_labelledby=f"{self.name}-title"
        )


def sections_of(run: RunTables, sheet: Sheet, colours: Palette) -> list[Section]:
    """Return the sections in their order; figures are written on the way."""
    kind = _of_imports if run.imported else _of_a_run
    oddities = (
        ("scores", "tracks") if run.imported else ("anomalies", "scores", "tracks", "duplicates")
    )
    title = "Failures and oddities" if run.imported else "Bleed, oddities, failures"
    trouble = imported_troubles(run) if run.imported else troubles(run)
    return [
        *kind(run, sheet, colours),
        Section("genre", "Genre", "Genre", genre_section(run, sheet, colours), _GENRE),
        Section("troubles", "Oddities", title, trouble, oddities),
        Section(
            "explore", "Every track", "Every track", explorer.explorer(run), ("scores", "estimates")
        ),
        Section("definitions", "Definitions", "What the numbers mean", definitions(run.imported)),
    ]


def _of_a_run(run: RunTables, sheet: Sheet, colours: Palette) -> list[Section]:
    decided = ("deployment", *_SCORED, "regret")
    return [
        Section("verdict", "Verdict", "What to use, and how sure", verdicts(run, colours), decided),
        _board(run, sheet, colours),
        Section("ledger", "Regret", "Regret ledger", ledger(run, sheet), ("deployment", "regret")),
        Section(
            "paper",
            "Paper",
            "Beside the paper",
            beside_the_paper(run, sheet, colours),
            ("scores", "selections"),
        ),
        Section("cost", "Cost", "Quality against cost", fronts(run, sheet, colours), ("front",)),
        *_less_overlap(run),
    ]


def _less_overlap(run: RunTables) -> list[Section]:
    """Return what the fast tiling costs, of a run that has a model cut in both ways."""
    made = less_overlap_table(run["less_overlap"])
    if not made.rows:
        return []
    body = of_text(made, 2, titled=False)
    return [Section("overlap", "Overlap", made.title, body, ("less_overlap",))]


def _of_imports(run: RunTables, sheet: Sheet, colours: Palette) -> list[Section]:
    """Return what published scores can say: who leads, and the numbers as published."""
    made = published(run["scores"])
    shown = of_text(made, 2, titled=False) if made.rows else Html("")
    if len(made.rows) > _MOST_ROWS:
        shown = el("details", el("summary", f"{made.title} ({len(made.rows)} rows)"), shown)
    return [
        Section("verdict", "Verdict", "Who leads, and how surely", verdicts(run, colours), _SCORED),
        _board(run, sheet, colours),
        Section("published", "Published", "The numbers as published", shown, ("scores",)),
    ]


def _board(run: RunTables, sheet: Sheet, colours: Palette) -> Section:
    body = leaderboards(run, sheet, colours)
    return Section("leaderboard", "Leaderboard", "Leaderboard", body, _SCORED)
