"""The report as one HTML page that needs nothing but itself and the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from stemwise.errors import OutputError
from stemwise.report import explorer, ledgers, palette
from stemwise.report.definitions import definitions
from stemwise.report.drawing import Sheet
from stemwise.report.latex import write_latex
from stemwise.report.level2 import TITLES, by_bleed, sub_stems
from stemwise.report.markup import Child, Html, el, join
from stemwise.report.palette import Palette
from stemwise.report.previews import write_previews
from stemwise.report.run_tables import RunTables, read_run
from stemwise.report.section_best import fronts, leaderboards, ledger, verdicts
from stemwise.report.section_genre import distribution, genre_section
from stemwise.report.section_paper import beside_the_paper, paper_tables
from stemwise.report.section_troubles import troubles
from stemwise.report.spectrogram import Gallery
from stemwise.report.tables import TextTable, table_one, winners, winners_per_track, write_all
from stemwise.report.troubles import failures, problems
from stemwise.types import Track

_NOTHING = "This run has no such table, or nothing in it."


def write_report(output: Path, models: Sequence[str], songs: Sequence[Track] = ()) -> Path:
    """Write `<output>/report/index.html`, its figures, and all tables as CSV, Markdown and LaTeX.

    Args:
        output: folder of a finished run.
        models: names in the order of the run.
        songs: the run's tracks, of whose first ones short clips of mixture and references are made;
            without them, clips of an earlier report are used.

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
    write_previews(folder, list(songs)[: explorer.PICTURED], stems)
    sheet = Sheet(folder / "figures")
    page = folder / "index.html"
    try:
        sheet.folder.mkdir(parents=True, exist_ok=True)
        page.write_text(render(run, sheet), encoding="utf-8")
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
        *(sub_stems(scores, parent, run.models) for parent in TITLES),
        by_bleed(scores),
        *ledgers.all_ledgers(run),
        distribution(run),
        *paper_tables(run),
    ]
    shown = [table for table in made if table.rows]
    return [*shown, failures(scores), problems(run["tracks"])]


def render(run: RunTables, sheet: Sheet) -> str:
    """Return the page; figures and spectrograms are written on the way."""
    colours = Palette(run.models)
    gallery = Gallery(sheet.folder.parent / "spectrograms")
    data = explorer.explorer_data(run, colours, sheet.folder.parent, gallery)
    sections = [
        ("verdict", "Which model, and how sure", verdicts(run, colours),
         ("leaderboard", "comparisons", "regret")),
        ("leaderboard", "Leaderboard", leaderboards(run, colours), ("leaderboard", "comparisons")),
        ("ledger", "Regret ledger", ledger(run, sheet), ("regret",)),
        ("paper", "Beside the paper", beside_the_paper(run, sheet, colours), ("scores", "selections")),
        ("cost", "Quality against cost", fronts(run, sheet, colours), ("front",)),
        ("genre", "Genre", genre_section(run, sheet, colours),
         ("tracks", "genre_scores", "genre_effects", "scores")),
        ("troubles", "Bleed, oddities, failures", troubles(run), ("anomalies", "scores", "tracks")),
        ("explore", "Every track", explorer.explorer(), ("scores", "estimates", "tracks")),
        ("definitions", "What the numbers mean", definitions(), ()),
    ]  # fmt: skip
    body = [_section(number, *section) for number, section in enumerate(sections, start=1)]
    links = [el("a", title, href=f"#{name}") for name, title, _, _ in sections]
    return _document(run, body, links, explorer.as_script(data))


def _section(number: int, name: str, title: str, body: Html, sources: Sequence[str]) -> Html:
    heading = el("h2", el("span", number, cls="number"), " ", title, id=f"{name}-title")
    linked: list[Child] = []
    for source in sources:
        linked += [
            ", " if linked else "",
            el("a", source, href=f"../tables/{source}/{source}.parquet"),
        ]
    origin = el(
        "p", "From ", linked, ". ", el("a", "Definitions", href="#definitions"), cls="source"
    )
    content = body or el("p", _NOTHING, cls="none")
    return el(
        "section",
        heading,
        origin if sources else None,
        content,
        id=name,
        aria_labelledby=f"{name}-title",
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
    artists = tracks["artist"].n_unique()
    counts = f"{len(tracks)} tracks ({minutes:.0f} min) by {artists} artists"
    facts = [datasets, counts, f"{len(run.models)} models", f"{len(run.stems)} stems"]
    return join([el("span", fact) for fact in facts])
