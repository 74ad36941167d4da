"""The page of a sweep or of compared runs: which settings are best, at what cost; what failed."""

from __future__ import annotations

from pathlib import Path

from stemwise.core.errors import OutputError
from stemwise.report.cautions import counted
from stemwise.report.figures.drawing import Sheet
from stemwise.report.markup import Child, Html, db, el, join, table
from stemwise.report.page.document import shell
from stemwise.report.page.sections import Section
from stemwise.report.runs.boards import group_html
from stemwise.report.runs.content import Comparison, Group, Line
from stemwise.report.songs_display import duration

__all__ = ["Comparison", "Group", "Line", "write_page"]
_SOURCES = ("sweep_scores", "sweep_pairs", "sweep")


def write_page(folder: Path, comparison: Comparison) -> Path:
    """Write `<folder>/index.html` and its figures; return the page.

    Raises:
        OutputError: the folder cannot be written.
    """
    sheet = Sheet(folder / "figures")
    page = folder / "index.html"
    try:
        sheet.folder.mkdir(parents=True, exist_ok=True)
        page.write_text(_html(comparison, sheet), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return page


def _html(comparison: Comparison, sheet: Sheet) -> str:
    sections = [
        Section(
            f"group-{number}",
            _short(group, number, comparison),
            _title(group, comparison),
            group_html(group, number, sheet),
            _SOURCES,
        )
        for number, group in enumerate(comparison.groups, start=1)
    ]
    sections.append(Section("runs", "Runs", "All runs", _runs(comparison), ("sweep",)))
    body = [_without_definitions(section) for section in sections]
    links = [el("a", section.short, href=f"#{section.name}") for section in sections]
    return shell(comparison.kind, comparison.title, _facts(comparison), body, links)


def _without_definitions(section: Section) -> Html:
    """Return a section; this page has no definitions of its own to link to."""
    html = section.html(set(section.sources))
    return Html(html.replace(' · <a href="#definitions">definitions</a>', ""))


def _short(group: Group, number: int, comparison: Comparison) -> str:
    if len(comparison.groups) == 1:
        return "Result"
    return _what(group, comparison) or f"Result {number}"


def _title(group: Group, comparison: Comparison) -> str:
    told = _what(group, comparison)
    return f"Settings, score and cost: {told}" if told else "Settings, score and cost"


def _what(group: Group, comparison: Comparison) -> str:
    """Say what the runs of a group share that those of others do not."""
    first = group.lines[0].settings
    every = {key: {line.settings.get(key) for line in comparison.lines} for key in first}
    shared = [
        value for key, value in first.items() if key not in group.keys and len(every[key]) > 1
    ]
    return ", ".join(shared)


def _facts(comparison: Comparison) -> Html:
    lines = comparison.lines
    bad = [line for line in lines if line.status != "finished"]
    facts = [counted(len(lines), "run")]
    facts.append(f"{len(bad)} not finished" if bad else "all finished")
    made, found, taken = (
        sum(getattr(line, name) or 0 for line in lines) for name in ("made", "found", "taken")
    )
    if made or found:
        facts.append(f"{counted(made, 'separation')} computed, {found} from the store")
    if taken:
        facts.append(f"{counted(taken, 'song')} measured for several runs at once")
    return join([el("span", fact) for fact in facts])


def _runs(comparison: Comparison) -> Html:
    keys = list(dict.fromkeys(key for line in comparison.lines for key in line.settings))
    counts = any(line.made is not None for line in comparison.lines)
    columns: list[Child] = ["run", *keys, "status", "reason"]
    columns += ["exit code", "time"] if counts else []
    columns += ["computed", "from the store", "songs taken over"] if counts else []
    rows = [_run(line, keys, counts) for line in comparison.lines]
    return table(columns, rows, "All runs", texts=len(keys) + 3, titled=False)


def _run(line: Line, keys: list[str], counts: bool) -> list[Child]:
    name = el("a", line.name, href=line.report) if line.report else line.name
    log = [" (", el("a", "log", href=line.log), ")"] if line.log else []
    good = line.status == "finished"
    cells: list[Child] = [
        join([name]),
        *(line.settings.get(key, "–") for key in keys),
        line.status if good else el("span", line.status, cls="bad"),
        join([line.error or "–", *log]),
    ]
    if counts:
        took = "–" if line.wall_s is None else duration(line.wall_s)
        cells += ["–" if line.exit_code is None else str(line.exit_code), took]
        cells += [db(value, 0) for value in (line.made, line.found, line.taken)]
    return cells
