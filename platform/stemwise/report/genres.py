"""How many tracks each genre has, as a table of text."""

from __future__ import annotations

from stemwise.report import paper_numbers as paper
from stemwise.report.paper_tables import ran_the_papers
from stemwise.report.run_tables import RunTables
from stemwise.report.tables import TextTable

UNKNOWN = "(unknown)"


def distribution(run: RunTables) -> TextTable:
    """Return how many tracks each genre has, beside the paper's Figure 1 where its models ran."""
    counts = counts_of(run)
    total = sum(counts.values())
    if not ran_the_papers(run):
        own = tuple((name, str(n), f"{100 * n / total:.1f}") for name, n in counts.items())
        return TextTable("genres", "Tracks by genre", ("genre", "tracks", "%"), own)
    rows = [
        (
            genre,
            str(counts.get(genre, "–")),
            f"{100 * counts[genre] / total:.1f}" if genre in counts else "–",
            f"{paper.FIGURE_1[genre]:.1f}" if genre in paper.FIGURE_1 else "–",
        )
        for genre in [*counts, *(name for name in paper.FIGURE_1 if name not in counts)]
    ]
    note = f"Paper: Figure 1 as its section 4.1 gives it, {paper.SONGS} songs."
    columns = ("genre", "tracks", "%", "paper %")
    return TextTable(
        "genres", "Genres, here and in the paper (Figure 1)", columns, tuple(rows), note
    )


def counts_of(run: RunTables) -> dict[str, int]:
    """Return genre → number of tracks, the most frequent first."""
    names = run["tracks"]["genre"].fill_null(UNKNOWN).to_list()
    return dict(
        sorted(((n, names.count(n)) for n in set(names)), key=lambda item: (-item[1], item[0]))
    )
