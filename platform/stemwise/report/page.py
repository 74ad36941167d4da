"""The report as one HTML page that needs nothing but itself and the run's folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from stemwise.core.errors import OutputError
from stemwise.core.places import Place
from stemwise.core.types import Track
from stemwise.report import explorer, ledgers, palette
from stemwise.report.definitions import definitions
from stemwise.report.drawing import Sheet
from stemwise.report.latex import write_latex
from stemwise.report.level2 import TITLES, by_bleed, sub_stems
from stemwise.report.markup import MINUS, Child, Html, el, join
from stemwise.report.palette import Palette
from stemwise.report.previews import write_previews
from stemwise.report.recipes import recipes_table
from stemwise.report.run_tables import RunTables, read_run
from stemwise.report.section_board import leaderboards
from stemwise.report.section_genre import distribution, genre_section
from stemwise.report.section_ledger import fronts, ledger
from stemwise.report.section_paper import beside_the_paper, paper_tables
from stemwise.report.section_troubles import troubles
from stemwise.report.section_verdict import verdicts
from stemwise.report.spectrogram import Gallery
from stemwise.report.tables import TextTable, table_one, winners, winners_per_track, write_all
from stemwise.report.troubles import failures, problems
from stemwise.report.verdict import counted

_NOTHING = "This run has no such table, or nothing in it."


def write_report(
    output: Path,
    models: Sequence[str],
    songs: Sequence[Track] = (),
    place: Place | None = None,
) -> Path:
    """Write `<output>/report/index.html`, its figures, and all tables as CSV, Markdown and LaTeX.

    Args:
        output: folder of a finished run.
        models: names in the order of the run.
        songs: the run's tracks, of whose first ones short clips of mixture and references are made;
            without them, clips of an earlier report are used.
        place: where the folder will lie, if not where it is now: links to estimates begin there.

    Returns:
        The page.

    Raises:
        OutputError: a table is missing, or the folder cannot be written.
    """
    run = read_run(output, models)
    folder = output / "report"
    made = text_tables(run)
    write_all(folder, made, f"stemwise: {output.name}")
    write_latex(folder, made)
    stems = run["scores"]["stem"].unique().to_list()
    first = sorted(songs, key=lambda song: (song.dataset, song.track_id))[: explorer.PICTURED]
    write_previews(folder, first, stems)
    sheet = Sheet(folder / "figures")
    page = folder / "index.html"
    try:
        sheet.folder.mkdir(parents=True, exist_ok=True)
        page.write_text(render(run, sheet, place), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return page


def text_tables(run: RunTables) -> list[TextTable]:
    """Return all tables of text of a run, in the order of the Markdown report."""
    scores, selections = run["scores"], run["selections"]
    made = [
        table_one(scores, run.models),
        winners(selections, scores),
        winners_per_track(selections, scores),
        *(sub_stems(scores, parent, run.models, run["tracks"]) for parent in TITLES),
        by_bleed(scores),
        *ledgers.all_ledgers(run),
        recipes_table(run.output),
        distribution(run),
        *paper_tables(run),
    ]
    shown = [_for_files(table) for table in made if table.rows]
    return [*shown, failures(scores), problems(run["tracks"])]


def _for_files(table: TextTable) -> TextTable:
    """Return a table whose numbers programs can read: with the minus of a keyboard, and inf."""
    rows = tuple(
        tuple(cell.replace(MINUS, "-").replace("∞", "inf") for cell in row) for row in table.rows
    )
    return replace(table, rows=rows)


def render(run: RunTables, sheet: Sheet, place: Place | None = None) -> str:
    """Return the page; figures and spectrograms are written on the way."""
    colours = Palette(run.models)
    gallery = Gallery(sheet.folder.parent / "spectrograms")
    page = sheet.folder.parent
    seen_from = page if place is None else place / page.name
    data = explorer.explorer_data(run, colours, page, gallery, seen_from)
    decided = ("deployment", "leaderboard", "comparisons", "regret")
    scored = ("leaderboard", "comparisons")
    oddities = ("anomalies", "scores", "tracks")
    genre = ("tracks", "genre_scores", "genre_effects", "scores")
    sections = [
        Section("verdict", "Verdict", "What to use, and how sure", verdicts(run, colours), decided),
        Section(
            "leaderboard", "Leaderboard", "Leaderboard", leaderboards(run, sheet, colours), scored
        ),
        Section("ledger", "Regret", "Regret ledger", ledger(run, sheet), ("regret",)),
        Section(
            "paper",
            "Paper",
            "Beside the paper",
            beside_the_paper(run, sheet, colours),
            ("scores", "selections"),
        ),
        Section("cost", "Cost", "Quality against cost", fronts(run, sheet, colours), ("front",)),
        Section("genre", "Genre", "Genre", genre_section(run, sheet, colours), genre),
        Section("troubles", "Oddities", "Bleed, oddities, failures", troubles(run), oddities),
        Section(
            "explore", "Every track", "Every track", explorer.explorer(run), ("scores", "estimates")
        ),
        Section("definitions", "Definitions", "What the numbers mean", definitions()),
    ]
    held = {name for name in run.frames if (run.output / "tables" / name).is_dir()}
    body = [section.html(number, held) for number, section in enumerate(sections, start=1)]
    links = [el("a", section.short, href=f"#{section.name}") for section in sections]
    return _document(run, body, links, explorer.as_script(data))


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


def _document(run: RunTables, body: Sequence[Html], links: Sequence[Html], data: Html) -> str:
    assets = files("stemwise.report") / "assets"
    style = (assets / "page.css").read_text(encoding="utf-8")
    script = (assets / "page.js").read_text(encoding="utf-8")
    light, dark = (palette.variables(is_dark) for is_dark in (False, True))
    theme = f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
    name = run.output.name
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{name}: stemwise report"),
        el("link", rel="icon", href="data:,"),
        el("style", Html(theme + style)),
    )
    top = el(
        "header",
        el("p", "stemwise report", cls="kind"),
        el("h1", name),
        el("p", _facts(run), cls="facts"),
    )
    page = [
        el("a", "Skip to the verdict", href="#verdict", cls="skip"),
        top,
        el("nav", links, aria_label="Sections"),
        el("main", body),
        data,
        el("script", Html(script)),
    ]
    return f"<!doctype html>\n{el('html', head, el('body', page), lang='en')}\n"


def _facts(run: RunTables) -> Html:
    tracks = run["tracks"]
    minutes = (tracks["duration_s"].sum() or 0) / 60
    datasets = ", ".join(tracks["dataset"].unique().sort().to_list()) or "no dataset"
    artists = counted(tracks["artist"].n_unique(), "artist")
    counts = f"{counted(len(tracks), 'track')} ({minutes:.0f} min) by {artists}"
    models, stems = counted(len(run.separators), "model"), counted(len(run.stems), "stem")
    facts = [datasets, counts, models, stems]
    return join([el("span", fact) for fact in facts])
