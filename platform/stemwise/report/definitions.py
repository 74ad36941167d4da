"""Section 9: what every number of the page is, and where it is written down."""

from __future__ import annotations

from stemwise.report.markup import Html, el, join

# (name, what it is, where it is from)
DEFINITIONS = (
    ("SNR", "paper_snr of the run's protocol; by default 10·log₁₀(‖x‖² / ‖x − x̂‖²), in dB, over the "
     "whole track and both channels (the paper's equation 2).", "scores · docs/scores.md"),
    ("SDR", "paper_sdr of the protocol; by default BSS Eval's: the true stem may pass a filter of 512 "
     "taps before it is compared.", "scores · docs/scores.md"),
    ("score", "one number of SNR and SDR by the rule of selection=, by default the harmonic mean of the "
     "two power ratios, in dB.", "scores · docs/scores.md"),
    ("lag, gain", "how late (samples, above 0) and how loud (dB) the estimate is against the truth.",
     "scores · docs/scores.md"),
    ("mean score", "mean of dB values over matched tracks: those on which every model of the stem has "
     "a finite score. The others are left out for all, and counted.", "leaderboard · docs/scores.md"),
    ("95 % interval", "from a bootstrap that draws artists with replacement, 4000 times with a fixed "
     "seed; songs of one artist are not independent. None with one artist.",
     "leaderboard, comparisons, regret, genre_scores · docs/report.md"),
    ("tie group", "a leader and the models that cannot be told apart from it (adjusted p ≥ 0.05); "
     "group A has the best mean.", "leaderboard, comparisons · docs/report.md"),
    ("p (Holm)", "paired test of the difference by artist (sign flips; a t-test up to 12 artists), "
     "adjusted for all pairs.", "comparisons · docs/report.md"),
    ("tracks needed", "about how many such tracks would show a difference of this size in 4 of 5 "
     "studies: ((1.96 + 0.84)·σ/δ)².", "comparisons · docs/report.md"),
    ("s / min", "mean seconds of work per minute of audio, on the device of this run.",
     "leaderboard, front · docs/report.md"),
    ("† trained here", "the model's makers name this dataset among its training data, so its scores "
     "flatter it. “Clean” is the rank without such models.", "leaderboard · docs/models.md"),
    ("gain", "score above the best single model's on the same tracks; of the recipe on tracks of "
     "artists that its weights were not fitted on.", "regret · docs/report.md"),
    ("front", "greedy choice: each step adds the model that helps the mean score most, with the cost of "
     "all models so far. On the run's own tracks, so a little too good.", "front · docs/report.md"),
    ("p of genre × model", "permutation test: do models differ in where they are good? Genres are "
     "permuted over artists.", "genre_effects · docs/report.md"),
    ("routing gain", "score of the model that is best in the track's genre above that of one model for "
     "all, both chosen on other artists' tracks.", "genre_effects · docs/report.md"),
    ("late, early, inverted, loud, quiet", "a lag of 8 samples or more that a filter undoes, a wrong "
     "sign, a level 6 dB off: each costs at least 3 dB and is a bug, not bad separation.",
     "anomalies · docs/report.md"),
    ("oracle", "the best model of each track, chosen by the true stems; the paper's Final Ensemble. "
     "No one without the truth can make this choice.", "selections, scores · docs/scores.md"),
)  # fmt: skip


def definitions() -> Html:
    """Return the section."""
    entries = [
        el("div", el("dt", name), el("dd", what, " ", el("small", source)))
        for name, what, source in DEFINITIONS
    ]
    lead = (
        "Each number of this page stands in a Parquet table of the run or follows from one by the "
        "definition here. Tables are in ../tables/<name>/; docs are the project's."
    )
    return join([el("p", lead), el("dl", entries, cls="words")])
