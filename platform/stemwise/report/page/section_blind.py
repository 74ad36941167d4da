"""The blind listening test (A/B/X) as an empty form, which listen.js fills and runs."""

from __future__ import annotations

from stemwise.report.markup import Html, el, join

_HOW = (
    "A and B are two models in random order, X is one of them. Say which. Levels are matched (RMS over "
    "the track); names stay hidden until you finish."
)
_KEYS = "Keys: A, B, X play, 1 answers “X is A”, 2 answers “X is B”, space pauses."


def blind_section() -> Html:
    """Return the form; without a script it says where the audio is."""
    choices = el(
        "div",
        *(
            el("label", title, el("select", id=f"blind-{name}"))
            for name, title in (("stem", "Stem"), ("one", "Model"), ("other", "Against"))
        ),
        el("label", "Seed", el("input", id="blind-seed", type="number", value="1", min="0")),
        el("button", "Start", type="button", id="blind-start", cls="primary"),
        cls="controls",
    )
    play = el(
        "div",
        *(
            el("button", name, type="button", data_play=name, aria_pressed="false", cls="big")
            for name in ("A", "B", "X")
        ),
        cls="buttons",
    )
    answer = el(
        "div",
        el("button", "X is A", type="button", data_answer="A"),
        el("button", "X is B", type="button", data_answer="B"),
        el("button", "Finish and reveal", type="button", id="blind-finish"),
        cls="buttons",
    )
    trial = el(
        "div",
        el("p", id="blind-state", aria_live="polite"),
        play,
        answer,
        el("p", _KEYS, cls="note"),
        id="blind-trial",
        cls="panel",
        hidden=True,
    )
    result = el(
        "div",
        el("p", id="blind-verdict", aria_live="polite"),
        el(
            "div",
            el("button", "Copy as JSON", type="button", data_copy="json"),
            el("button", "Copy as CSV", type="button", data_copy="csv"),
            el("output", id="blind-copied", aria_live="polite"),
            cls="buttons",
        ),
        el("textarea", id="blind-text", readonly=True, rows="6", aria_label="The trials"),
        id="blind-result",
        cls="panel",
        hidden=True,
    )
    script = el("noscript", "This test needs JavaScript; the estimates lie in the run's store.")
    return join([el("p", _HOW), choices, trial, result, script])
