"""The report as one HTML page that needs nothing but itself and the run's folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from stemwise.core.errors import OutputError
from stemwise.core.places import Place
from stemwise.core.types import Track
from stemwise.report.cautions import counted
from stemwise.report.dependence import by_whom, how_often
from stemwise.report.figures import palette
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.latex import write_latex
from stemwise.report.markup import Html, el, join
from stemwise.report.page.previews import write_previews
from stemwise.report.page.sections import sections_of
from stemwise.report.page.spectrogram import Gallery
from stemwise.report.page.tracks_data import PICTURED, as_script, heard_of, tracks_data
from stemwise.report.run_tables import RunTables, read_run
from stemwise.report.tables import write_all
from stemwise.report.text_tables import text_tables

_SCRIPTS = ("data", "tracks", "listen")


def write_report(
    output: Path,
    models: Sequence[str],
    songs: Sequence[Track] = (),
    place: Place | None = None,
    imported: bool = False,
) -> Path:
    """Write `<output>/report/index.html`, its figures, and all tables as CSV, Markdown and LaTeX.

    Args:
        output: folder of a finished run.
        models: names in the order of the run.
        songs: the run's tracks, of whose first ones short clips of mixture and references are made;
            without them, clips of an earlier report are used.
        place: where the folder will lie, if not where it is now: links to estimates begin there.
        imported: these are scores that others published: what needs audio is left out.

    Returns:
        The page.

    Raises:
        OutputError: a table is missing, or the folder cannot be written.
    """
    run = read_run(output, models, imported)
    folder = output / "report"
    made = text_tables(run)
    write_all(folder, made, f"stemwise: {output.name}")
    write_latex(folder, made)
    stems = run["scores"]["stem"].unique().to_list()
    first = sorted(songs, key=lambda song: (song.dataset, song.track_id))[:PICTURED]
    write_previews(folder, first, stems)
    sheet = Sheet(folder / "figures")
    page = folder / "index.html"
    try:
        sheet.folder.mkdir(parents=True, exist_ok=True)
        page.write_text(render(run, sheet, place), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return page


def render(run: RunTables, sheet: Sheet, place: Place | None = None) -> str:
    """Return the page; figures and spectrograms are written on the way."""
    colours = Palette(run.models)
    gallery = Gallery(sheet.folder.parent / "spectrograms")
    page = sheet.folder.parent
    seen_from = page if place is None else place / page.name
    data = tracks_data(run, colours, page, gallery, seen_from)
    sections = sections_of(run, sheet, colours, heard_of(data))
    held = {name for name in run.frames if (run.output / "tables" / name).is_dir()}
    body = [section.html(held) for section in sections]
    links = [el("a", section.short, href=f"#{section.name}") for section in sections]
    return _document(run, body, links, as_script(data))


def _document(run: RunTables, body: Sequence[Html], links: Sequence[Html], data: Html) -> str:
    assets = files("stemwise.report.page") / "assets"
    script = '"use strict";\n' + "".join(
        (assets / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS
    )
    return shell(
        "stemwise report",
        run.output.name,
        _facts(run),
        body,
        links,
        [data, el("script", Html(script))],
    )


def shell(
    kind: str,
    name: str,
    facts: Html,
    body: Sequence[Html],
    links: Sequence[Html],
    tail: Sequence[Html] = (),
) -> str:
    """Return a whole page.

    Args:
        kind: what sort of page it is.
        name: its heading.
        facts: a line below the heading.
        body: sections.
        links: to them.
        tail: data and scripts.
    """
    style = (files("stemwise.report.page") / "assets" / "page.css").read_text(encoding="utf-8")
    light, dark = (palette.variables(is_dark) for is_dark in (False, True))
    theme = f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{name}: {kind}"),
        el("link", rel="icon", href="data:,"),
        el("style", Html(theme + style)),
    )
    top = el(
        "header",
        el("p", kind, cls="kind"),
        el("h1", name),
        el("p", facts, cls="facts"),
    )
    first = re.search(r'id="([^"]+)-title"', body[0]) if body else None
    skip = el("a", "Skip to the verdict", href=f"#{first[1]}", cls="skip") if first else None
    page = [skip, top, el("nav", links, aria_label="Sections"), el("main", body), *tail]
    return f"<!doctype html>\n{el('html', head, el('body', page), lang='en')}\n"


def _facts(run: RunTables) -> Html:
    tracks = run["tracks"]
    minutes = (tracks["duration_s"].sum() or 0) / 60
    datasets = ", ".join(tracks["dataset"].unique().sort().to_list()) or "no dataset"
    # published scores do not say how long the songs are
    long = f" ({minutes:.0f} min)" if minutes else ""
    counts = f"{counted(len(tracks), 'track')}{long}{by_whom(tracks)}"
    models, stems = counted(len(run.separators), "model"), counted(len(run.stems), "stem")
    facts = [datasets, counts, models, stems]
    if twice := how_often(run["duplicates"]):
        facts.append(twice)
    return join([el("span", fact) for fact in facts])
