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
    ("95 % interval", "mean ± t · standard error, whose unit is the artist, since songs of one artist "
     "are not independent; t has the degrees of freedom that the artists' numbers of songs leave (G − 1 "
     "of G artists with equally many). None with one artist.",
     "leaderboard, comparisons, regret, genre_scores · docs/report.md"),
    ("artists", "those that the dataset names; a track of an unknown artist counts as its own. Artists "
     "that share a recording (duplicates) count as one.", "tracks, duplicates · docs/decisions.md"),
    ("tie group", "a leader and the models that cannot be told apart from it (adjusted p ≥ 0.05); "
     "group A has the best mean.", "leaderboard, comparisons · docs/report.md"),
    ("p and 95 % of pairs", "a pair's difference, with a test and an interval that hold for all pairs "
     "of the stem together: by max-T over artists' sign flips from 8 artists on, else by t with G − 1 "
     "degrees of freedom and Holm's method. The interval leaves 0 out just where p is below 0.05.",
     "comparisons (p_adjusted, low_adjusted, high_adjusted) · docs/report.md"),
    ("tracks needed", "about how many such tracks would show a difference of this size in 4 of 5 "
     "studies, by the test that is used.", "comparisons · docs/report.md"),
    ("bar of ties", "a longest run of models, in order of their means, no two of which can be told "
     "apart; as in a critical-difference diagram (Demšar 2006).",
     "leaderboard, comparisons · docs/report.md"),
    ("s / min", "mean seconds of work per minute of audio, on the device of this run.",
     "leaderboard, front · docs/report.md"),
    ("† trained here", "the model's makers name this dataset among its training data, so its scores "
     "flatter it. “Clean” is the rank without such models.", "leaderboard · docs/models.md"),
    ("what to deploy", "the blend where its held-out gain is established, else the single model; "
     "nothing where the best is below silence or the unprocessed input. Of sets within one standard "
     "error of the best found, the cheapest (decision.parsimony).", "deployment · docs/decisions.md"),
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


# what takes the place of the first ones where scores are others' and no audio is at hand
_IMPORTED = (
    ("SDR, ISR, SIR, SAR", "as museval measured them (BSS Eval v4): the median over frames of a track, "
     "in dB; a track without a defined frame has none.", "scores · docs/import-scores.md"),
    ("score", "the one of them that models are compared by (score=).",
     "scores · docs/import-scores.md"),
)  # fmt: skip
_OF_AUDIO = {
    "SNR", "SDR", "score", "lag, gain", "what to deploy", "gain", "front",
    "late, early, inverted, loud, quiet",
}  # fmt: skip


def definitions(imported: bool = False) -> Html:
    """Return the section; of imported scores without what needs audio."""
    known = [entry for entry in DEFINITIONS if entry[0] not in _OF_AUDIO]
    entries = [
        el("div", el("dt", name), el("dd", what, " ", el("small", source)))
        for name, what, source in ([*_IMPORTED, *known] if imported else DEFINITIONS)
    ]
    lead = (
        "Each number of this page stands in a Parquet table of the run or follows from one by the "
        "definition here. Tables are in ../tables/<name>/; docs are the project's."
    )
    return join([el("p", lead), el("dl", entries, cls="words")])
