"""What every number of the page is, and where it is written down."""

from __future__ import annotations

from stemwise.report.markup import Html, el, join

# (name, what it is, where it is from)
DEFINITIONS = (
    ("SNR",
     "10·log₁₀(‖x‖² / ‖x − x̂‖²) in dB over the whole track and both channels (the paper's "
     "equation 2), unless metric= sets another measure; column paper_snr.",
     "scores · docs/scores.md"),
    ("SDR",
     "BSS Eval's: the reference may pass a 512-tap filter before it is compared, unless "
     "metric= sets another measure; column paper_sdr.",
     "scores · docs/scores.md"),
    ("score",
     "SNR and SDR as one number, by selection=; by default the harmonic mean of the two "
     "power ratios, in dB.",
     "scores · docs/scores.md"),
    ("mean score",
     "mean of dB values over matched tracks: those with a finite score from every model of "
     "the stem.",
     "leaderboard · docs/scores.md"),
    ("95 % interval",
     "mean ± t · standard error, clustered by artist, with the degrees of freedom of Bell "
     "and McCaffrey (G − 1 for G equally represented artists). None with one artist.",
     "leaderboard, comparisons, regret, genre_scores · docs/report.md"),
    ("artist",
     "as the dataset names it; a track without an artist counts as its own. Artists that "
     "share a recording count as one.",
     "tracks, duplicates · docs/decisions.md"),
    ("unusable",
     "the best model or blend scores below silence (0 dB), or its SNR is no higher than that"
     " of the unprocessed input.",
     "deployment · docs/decisions.md"),
    ("what to deploy",
     "the blend if its held-out gain is established, else the best single model. Among sets "
     "within one standard error of the best, the cheapest (decision.parsimony).",
     "deployment · docs/decisions.md"),
    ("gain",
     "score above the best single model's on the same tracks; for blends on tracks of "
     "artists not used for fitting.",
     "regret · docs/report.md"),
    ("cost",
     "mean seconds of compute per minute of audio, on the device of this run.",
     "leaderboard, front, deployment · docs/report.md"),
    ("tie, tie group",
     "models whose difference is not significant (adjusted p ≥ 0.05). A group is a leader "
     "and those that tie with it; group A has the best mean.",
     "leaderboard, comparisons · docs/report.md"),
    ("bars of ties",
     "longest runs of models, in order of their means, in which every pair ties: a critical-"
     "difference diagram (Demšar 2006).",
     "leaderboard, comparisons · docs/report.md"),
    ("p and 95 % of pairs",
     "adjusted for all pairs of the stem: max-T over sign flips of artists from 8 artists "
     "on, else t with G − 1 degrees of freedom and Holm's method.",
     "comparisons (p_adjusted, low_adjusted, high_adjusted) · docs/report.md"),
    ("needed",
     "about how many such tracks would show a difference of this size with 80 % power.",
     "comparisons · docs/report.md"),
    ("† trained here",
     "the model's authors name this dataset among its training data. “Clean” is the rank "
     "without such models.",
     "leaderboard · docs/models.md"),
    ("oracle",
     "the best model of each track, picked by its true stems; the paper's Final Ensemble. It"
     " cannot be deployed.",
     "selections, scores · docs/scores.md"),
    ("predicted SNR",
     "a ridge regression on what is known without references (level, leakage, agreement), for "
     "artists that it has not seen.",
     "quality, predictions · docs/quality.md"),
    ("genre × model",
     "permutation test over artists: do models differ in the genres they are good at?",
     "genre_effects · docs/report.md"),
    ("routing gain",
     "score of each genre's best model above that of one model for all, both picked on other"
     " artists' tracks.",
     "genre_effects · docs/report.md"),
    ("lag, gain of an estimate",
     "how late (samples, above 0) and how loud (dB) it is against the reference.",
     "scores · docs/scores.md"),
    ("late, early, inverted, loud, quiet",
     "a lag of 8 samples or more that a filter undoes, a wrong sign, a level 6 dB off: each "
     "costs at least 3 dB and is a bug.",
     "anomalies · docs/report.md"),
)  # fmt: skip


# what takes the place of the first ones where scores are others' and no audio is at hand
_IMPORTED = (
    ("SDR, ISR, SIR, SAR",
     "as museval measured them (BSS Eval v4): the median over frames of a track, in dB; a "
     "track without a defined frame has none. Of a table, as its authors measured them.",
     "scores · docs/import-scores.md"),
    ("score",
     "the one of them that models are compared by (score=).",
     "scores · docs/import-scores.md"),
    ("unusable",
     "the best score is not above 0 dB, or not above that of the unprocessed mixture.",
     "leaderboard · docs/import-scores.md"),
)  # fmt: skip
_OF_AUDIO = {
    "predicted SNR",
    "SNR", "SDR", "score", "lag, gain of an estimate", "what to deploy", "gain", "cost", "unusable",
    "late, early, inverted, loud, quiet",
}  # fmt: skip


def definitions(imported: bool = False) -> Html:
    """Return the section; of imported scores without what needs audio."""
    known = [entry for entry in DEFINITIONS if entry[0] not in _OF_AUDIO]
    entries = [
        el("div", el("dt", name), el("dd", what, " ", el("small", source)))
        for name, what, source in ([*_IMPORTED, *known] if imported else DEFINITIONS)
    ]
    lead = "Every number is in a Parquet table of the run, or follows from one as defined here."
    return join([el("p", lead), el("dl", entries, cls="words")])
