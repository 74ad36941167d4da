"""Every score of the run as a table that can be sorted and searched; tracks.js fills it."""

from __future__ import annotations

from stemwise.report.markup import Child, Html, el, join
from stemwise.report.page.spectrogram import SECONDS
from stemwise.report.page.tracks_data import PICTURED, listed, measures_of
from stemwise.report.run_tables import RunTables
from stemwise.storage.tables import NOT_KEPT, none_kept

COLUMNS = (
    ("track", "track", False),
    ("stem", "stem", False),
    ("model", "model", False),
    ("snr", "SNR", True),
    ("sdr", "SDR", True),
    ("score", "score", True),
    ("lag", "lag", True),
    ("gain", "gain", True),
    ("status", "status", False),
)

_PUBLISHED = "There is nothing to listen to: the scores were published without audio."

# What is left of the table on a phone; a row says the rest below the track's name.
_NARROW = ("track", "snr", "sdr", "score")


def explorer(run: RunTables) -> Html:
    """Return the empty table with its controls."""
    titles = dict(zip(("snr", "sdr", "score"), measures_of(run), strict=True))
    head = [
        el(
            "th",
            el("button", titles.get(key, title), type="button", data_key=key),
            scope="col",
            aria_sort="none",
            cls=" ".join([*(["n"] if number else []), *([] if key in _NARROW else ["wide"])])
            or None,
        )
        for key, title, number in COLUMNS
    ]
    controls: list[Child] = [
        el(
            "label",
            "Search",
            el("input", type="search", id="find", placeholder="title, artist, genre"),
        ),
        el("label", "Stem", el("select", id="stem")),
        el("label", "Model", el("select", id="model")),
    ]
    grid = el(
        "table",
        el("caption", "Every score of the run", cls="unseen"),
        el("thead", el("tr", head)),
        el("tbody"),
        id="scores",
    )
    pager = el(
        "div",
        el("button", "← previous", type="button", id="previous"),
        el("output", id="shown", aria_live="polite"),
        el("button", "next →", type="button", id="next"),
        cls="pager",
    )
    return join(
        [
            el("p", _hint(run)),
            el("div", controls, cls="controls"),
            el("div", grid, cls="scroll", tabindex=0, role="group", aria_label="Every score"),
            pager,
            el("noscript", "This table needs JavaScript; the same numbers are in report/*.csv."),
        ]
    )


def _hint(run: RunTables) -> str:
    """Say what the table has, and what can be heard."""
    few, every = len(listed(run)["tracks"]), len(run["tracks"])
    cut = f"The first {few} of {every} tracks; all are in tables/scores. " if few < every else ""
    if run.imported:
        return f"{cut}{_PUBLISHED}"
    if none_kept(run["estimates"]):
        return f"{cut}{NOT_KEPT}"
    return (
        f"{cut}Open a track to listen. The first {PICTURED} tracks have spectrograms and "
        f"{SECONDS:.0f}-second clips of the mixture and the true stems. Keep the report beside the "
        "run's store: it links the estimates there."
    )
