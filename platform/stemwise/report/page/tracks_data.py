"""Every score as compact data for the page's scripts, with links to the audio."""

from __future__ import annotations

import json
import math
import os
import posixpath
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import polars as pl

from stemwise.analysis.measures import pairs_of, shared_titles
from stemwise.core.places import Place, is_local, place
from stemwise.report.figures.palette import Palette
from stemwise.report.imported import imported_measures
from stemwise.report.markup import Html
from stemwise.report.page.previews import existing
from stemwise.report.page.spectrogram import Gallery
from stemwise.report.run_tables import Row, RunTables, label
from stemwise.report.tables import model_order

PICTURED = 20  # tracks that get spectrograms
_LEAST_SI_SDR = -100.0  # dB; below, the level is all error, and tells nothing
MOST_ROWS = 20_000  # about 1.2 MB of the page


def measures_of(run: RunTables) -> dict[str, str]:
    """Return title → column of the three measures that are shown."""
    if run.imported:
        return imported_measures(run["scores"])
    first, second = shared_titles(pairs_of(run["scores"]).values())
    return {first: "paper_snr", second: "paper_sdr", "score": "score"}


class _Names:
    """Values that are written once and then told by their number."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self.values: list[str] = list(first)
        self._index = {value: i for i, value in enumerate(self.values)}

    def of(self, value: str | None) -> int:
        if value is None:
            return -1
        if value not in self._index:
            self._index[value] = len(self.values)
            self.values.append(value)
        return self._index[value]


def listed(run: RunTables) -> RunTables:
    """Return the run with the first tracks only, as many as have `MOST_ROWS` rows together.

    The tables have all; a page of a million rows would take a browser a minute to open.
    """
    scores, keys = run["scores"], ["dataset", "track_id"]
    if len(scores) <= MOST_ROWS:
        return run
    counts = scores.group_by(keys).len().sort(keys)
    kept = counts.filter(pl.col("len").cum_sum() <= MOST_ROWS).select(keys)
    frames = {
        name: run[name].join(kept, on=keys, how="semi", maintain_order="left")
        for name in ("tracks", "scores", "estimates")
    }
    return replace(run, frames=run.frames | frames)


def tracks_data(
    run: RunTables, palette: Palette, page: Path, gallery: Gallery, seen_from: Place
) -> dict[str, Any]:
    """Return what the page's table needs; each row is a list, in the order that data.js knows.

    Of a large run it has the first tracks (see `listed`).

    Args:
        run: the tables.
        palette: colours of the models.
        page: folder of the page, which links to clips are relative to.
        gallery: where the first tracks' spectrograms go.
        seen_from: where that folder will lie, which links to estimates are relative to.
    """
    run = listed(run)
    tracks = {(row["dataset"], row["track_id"]): row for row in run.rows("tracks")}
    numbers = {key: index for index, key in enumerate(tracks)}
    models = _Names(model_order(run.models, run["scores"]["model"].unique().to_list()))
    stems = _Names(map(label, run.stems))
    statuses, folders, files, errors = _Names(["ok"]), _Names(), _Names(), _Names()
    measures = tuple(measures_of(run).values())
    audio = {_key(row): row["uri"] for row in run.rows("estimates") if row["uri"]}
    rows = []
    for row in run.rows("scores"):
        owner = (row["dataset"], row["track_id"])
        number = numbers.setdefault(owner, len(numbers))
        tracks.setdefault(owner, {"track_id": row["track_id"]})
        uri = audio.get(_key(row))
        link = estimate_link(uri, seen_from) if uri else None
        folder, _, file = link.rpartition("/") if link else ("", "", None)
        seen = gallery.add(place(uri)) if uri and link and number < PICTURED else None
        rows.append(
            [
                number,
                stems.of(label((row["parent"], row["parent_source"], row["stem"]))),
                models.of(row["model"]),
                *(_short(row[name]) for name in measures),
                row["lag_samples"],
                _short(row["gain_db"]),
                statuses.of(row["status"]),
                folders.of(folder) if file else -1,
                files.of(file),
                errors.of(row["error"]),
                seen[:-4] if seen else 0,
                _level(row),
            ]
        )
    clips = existing(page, [row["track_id"] for row in tracks.values()])
    heard = {
        track: {
            stem: [link_to(clip, page), (gallery.add(clip) or "")[:-4]]
            for stem, clip in own.items()
        }
        for track, own in clips.items()
    }
    gallery.sweep()
    facts = ("track_id", "title", "artist", "genre", "duration_s")
    return {
        "tracks": [[row.get(name) for name in facts] for row in tracks.values()],
        "stems": stems.values,
        "models": models.values,
        "colours": [palette.variable(model) for model in models.values],
        "statuses": statuses.values,
        "folders": folders.values,
        "files": files.values,
        "errors": errors.values,
        "heard": heard,
        "rows": rows,
    }


def _key(row: Row) -> tuple[str, ...]:
    names = ("dataset", "track_id", "model", "parent", "parent_source", "stem")
    return tuple(row[name] for name in names)


def _short(value: float | None) -> float | str | None:
    """Return a number with the digits that are shown; JSON has no infinity."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return round(value, 2)


def _level(row: Row) -> float | None:
    """Return the RMS level of an estimate re its reference in dB; None where that is not known.

    The estimate is αs + e, e orthogonal to the reference s: α is the gain, and SI-SDR gives e's energy.
    """
    gain, ratio = row["gain_db"], row["si_sdr"]
    if gain is None or ratio is None or not math.isfinite(gain) or not ratio > _LEAST_SI_SDR:
        return None
    return round(float(gain) + 10 * math.log10(1 + 10 ** (-float(ratio) / 10)), 1)


def heard_of(data: dict[str, Any]) -> list[str]:
    """Return the models of which some estimate can be played beside another one of the same stem."""
    links = [(row[1], row[2]) for row in data["rows"] if row[9] >= 0 and row[-1] is not None]
    makers: dict[int, set[int]] = {}
    for stem, model in links:
        makers.setdefault(stem, set()).add(model)
    found = {model for own in makers.values() if len(own) > 1 for model in own}
    return [data["models"][model] for model in sorted(found)]


def estimate_link(uri: str, folder: Place) -> str | None:
    """Return the link to an estimate from a page in `folder`; None where a browser cannot follow one.

    A remote estimate is taken to be there: to ask for each of a large run would take long.
    """
    if "://" in uri and not uri.startswith("file:"):
        beside = not is_local(folder) and urlsplit(uri)[:2] == urlsplit(str(folder))[:2]
        return quote(posixpath.relpath(uri, str(folder))) if beside else None
    file = place(uri)
    if is_local(folder) and is_local(file) and file.is_file():
        return link_to(file, folder)
    return None


def link_to(path: Path, folder: Path) -> str:
    """Return the link to a file from a page in `folder`, relative where that is possible."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.as_uri()
    return quote(relative.replace(os.sep, "/"))


def as_script(data: dict[str, Any]) -> Html:
    """Return data as an element that the page's script reads; nothing in it can end the element."""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Html(f'<script type="application/json" id="data">{safe}</script>')
