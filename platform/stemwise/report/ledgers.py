"""The tables of statistics as tables of text: for CSV, Markdown, LaTeX and the page."""

from __future__ import annotations

from stemwise.analysis.multiplicity import FEW
from stemwise.report.deployment import deployment_table
from stemwise.report.kinds import LINEAR, kinds_table
from stemwise.report.less_overlap import less_overlap_table
from stemwise.report.markup import db, span_of
from stemwise.report.quality import quality_table
from stemwise.report.run_tables import Row, RunTables, StemKey, label
from stemwise.report.tables import TextTable, left_out
from stemwise.report.tiers import tiers_table

LEVELS = {
    "best_single": "best single model",
    "recipe": "fitted blend",
    "cross_stem": "weights over all stems",
    "track_oracle": "oracle per track",
    "segment_oracle": "oracle per segment",
    "equal_models": "equal models",
}


def probability(value: float | None) -> str:
    """Return a p-value for people."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def all_ledgers(run: RunTables) -> list[TextTable]:
    """Return the tables that have rows."""
    made = [
        deployment(run),
        leaderboard(run),
        comparisons(run),
        regret(run),
        front(run),
        kinds(run),
    ]
    made += [
        less_overlap_table(run["less_overlap"]),
        quality(run),
        tiers_table(run["tiers"]),
        genres(run),
        effects(run),
        anomalies(run),
    ]
    return [table for table in made if table.rows]


def deployment(run: RunTables) -> TextTable:
    """Return what to deploy per stem."""
    return deployment_table(_per_stem(run, "deployment"))


def quality(run: RunTables) -> TextTable:
    """Return how well the SNR of what is deployed is predicted."""
    return quality_table(_per_stem(run, "quality"))


def kinds(run: RunTables) -> TextTable:
    """Return what each kind of ensemble gains, the best of a stem first; none without other kinds."""
    rows = [
        (label(key), row)
        for key in run.stems
        if len(own := run.rows("kinds", key)) > 1
        for row in sorted(own, key=lambda row: -row["gain"])
    ]
    other = any(row["kind"] not in LINEAR for _, row in rows)
    return kinds_table(rows if other else ())


def _per_stem(run: RunTables, name: str) -> list[tuple[str, Row]]:
    return [(label(key), row) for key in run.stems for row in run.rows(name, key)]


def leaderboard(run: RunTables) -> TextTable:
    """Return every model's rank, tie group, score and cost."""
    order = [label(key) for key in run.stems]
    rows = [
        (
            stem,
            row["model"],
            str(row["rank"]),
            "–" if row["rank_clean"] is None else str(row["rank_clean"]),
            str(row["tie_group"]),
            db(row["mean_score"]),
            span_of(row["low"], row["high"]),
            db(row["seconds_per_minute"], 1),
            "yes" if row["trained_here"] else "no",
            str(row["tracks"]),
        )
        for stem, row in sorted(
            _per_stem(run, "leaderboard"),
            key=lambda found: (order.index(found[0]), found[1]["rank"]),
        )
    ]
    numbers = ("rank", "rank clean", "tie group", "score dB", "95 %", "s per minute")
    columns = ("stem", "model", *numbers, "trained here", "tracks")
    note = (
        "Mean score over matched tracks; models of one tie group tie with its best. rank clean: without "
        "models that were trained on this dataset."
    )
    note += _left_out(run, "leaderboard")
    return TextTable("leaderboard", "Leaderboard", columns, tuple(rows), note)


def comparisons(run: RunTables) -> TextTable:
    """Return every pair of models."""
    rows = [
        (
            stem,
            row["model_a"],
            row["model_b"],
            db(row["difference"], sign=True),
            span_of(row["low_adjusted"], row["high_adjusted"]),
            "–" if row["win_rate"] is None else f"{100 * row['win_rate']:.0f} %",
            probability(row["p_adjusted"]),
            {True: "yes", False: "no", None: "–"}[row["told_apart"]],
            "–" if row["tracks_needed"] is None else str(row["tracks_needed"]),
        )
        for key in run.stems
        for stem, row in _ranked_pairs(run, key)
    ]
    columns = ("stem", "A", "B", "A − B dB", "95 %", "A wins", "p", "significant", "needed")
    note = (
        "Paired differences over the same tracks; 95 % intervals and p are adjusted for all pairs of "
        f"the stem ({_method(run)}). needed: tracks that would show such a difference with 80 % power."
    )
    note += _left_out(run, "leaderboard")
    return TextTable("comparisons", "Every pair of models", columns, tuple(rows), note)


def _method(run: RunTables) -> str:
    """Return how the pairs were adjusted for each other: it depends on the number of artists."""
    artists = run["comparisons"]["artists"]
    many, few = bool((artists >= FEW).any()), bool((artists < FEW).any())
    told = ["max-T over artists' sign flips"] if many else []
    told += ["t with G − 1 degrees of freedom for G artists, by Holm's method"] if few else []
    limit = f" ({FEW} artists or more), " if many and few else ""
    return limit.join(told)


def _ranked_pairs(run: RunTables, key: StemKey) -> list[tuple[str, Row]]:
    """Return the pairs of a stem: those with its best model first."""
    place = {row["model"]: row["rank"] for row in run.rows("leaderboard", key)}
    last = len(place) + 1
    rows = run.rows("comparisons", key)
    rows.sort(key=lambda row: [place.get(row[side], last) for side in ("model_a", "model_b")])
    return [(label(key), row) for row in rows]


def regret(run: RunTables) -> TextTable:
    """Return the regret ledger."""
    order = list(LEVELS)
    rows = [
        (
            stem,
            str(LEVELS.get(row["level"], row["level"])),
            db(row["mean_score"]),
            span_of(row["low"], row["high"]),
            db(row["gain"], sign=True),
            span_of(row["gain_low"], row["gain_high"]),
            db(row["gain_shrunken"], sign=True),
            str(row["tracks"]),
            str(row["artists"]),
        )
        for key in run.stems
        for stem, row in sorted(
            ((label(key), row) for row in run.rows("regret", key)),
            key=lambda found: order.index(found[1]["level"]) if found[1]["level"] in order else 9,
        )
    ]
    numbers = ("score dB", "95 %", "gain dB", "95 % of the gain", "shrunk dB")
    columns = ("stem", "level", *numbers, "tracks", "artists")
    note = (
        "gain: over the best single model (equal models: over the mean of all). shrunk: the blend's "
        "gain, corrected for having been picked."
    )
    note += _left_out(run, "regret")
    return TextTable("regret", "Regret ledger", columns, tuple(rows), note)


def front(run: RunTables) -> TextTable:
    """Return the quality–cost front."""
    order = [label(key) for key in run.stems]
    rows = [
        (
            stem,
            str(row["step"]),
            row["model"],
            " + ".join(
                f"{weight:.2f} {model}"
                for model, weight in zip(row["models"] or (), row["weights"] or (), strict=False)
            ),
            db(row["mean_score"]),
            db(row["seconds_per_minute"], 1),
        )
        for stem, row in sorted(
            _per_stem(run, "front"), key=lambda found: (order.index(found[0]), found[1]["step"])
        )
    ]
    columns = ("stem", "step", "adds", "blend", "score dB", "s per minute")
    note = "Each step adds the model that helps most. Fitted and scored on the same tracks."
    note += _left_out(run, "front")
    return TextTable("front", "What each further model adds", columns, tuple(rows), note)


def genres(run: RunTables) -> TextTable:
    """Return mean scores per genre."""
    rows = [
        (
            stem,
            row["genre"],
            row["model"] + (" (winner)" if row["winner"] else ""),
            db(row["mean_score"]),
            span_of(row["low"], row["high"]),
            str(row["tracks"]),
            str(row["artists"]),
        )
        for stem, row in _per_stem(run, "genre_scores")
    ]
    columns = ("stem", "genre", "model", "score dB", "95 %", "tracks", "artists")
    note = "No winner with one track, no interval with one artist."
    note += _left_out(run, "leaderboard")
    return TextTable("genre_scores", "Scores by genre", columns, tuple(rows), note)


def effects(run: RunTables) -> TextTable:
    """Return the tests of genre × model."""
    rows = [
        (
            stem,
            str(row["genres"]),
            str(row["tracks"]),
            probability(row["p_value"]),
            db(row["routing_gain"], sign=True),
            span_of(row["low"], row["high"]),
        )
        for stem, row in _per_stem(run, "genre_effects")
    ]
    columns = ("stem", "genres", "tracks", "p of genre × model", "routing gain dB", "95 %")
    note = (
        "p: permutation test of genre × model, over artists. routing: the best model of each genre "
        "instead of one for all, both chosen on other artists' tracks."
    )
    note += _left_out(run, "leaderboard")
    return TextTable("genre_effects", "Does genre matter?", columns, tuple(rows), note)


def anomalies(run: RunTables) -> TextTable:
    """Return the estimates that look like bugs."""
    rows = [
        (row["track_id"], row["model"], label(_key(row)), row["kind"], row["text"])
        for row in run["anomalies"].iter_rows(named=True)
    ]
    columns = ("track", "model", "stem", "kind", "what")
    note = "Late, inverted or rescaled estimates are bugs, not bad separation."
    return TextTable("anomalies", "Suspicious estimates", columns, tuple(rows), note)


def _left_out(run: RunTables, name: str) -> str:
    """Say how many tracks of each stem a table leaves out."""
    return left_out({stem: row["dropped"] or 0 for stem, row in _per_stem(run, name)})


def _key(row: Row) -> tuple[str, str, str]:
    return row["parent"], row["parent_source"], row["stem"]
