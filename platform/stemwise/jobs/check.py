"""`stemwise check`: is what a run would deploy not worse than what its baseline would?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass
from rich.console import Console

from stemwise.analysis.gate import MARGIN_DB, Gate, Side, StemCheck, check, worst
from stemwise.analysis.noninferiority import FAILED, PASSED, UNDECIDED, Outcome
from stemwise.core.errors import ConfigError, OutputError
from stemwise.jobs.fields import Name, Names, Where
from stemwise.jobs.run_places import CONFIG, TABLES, RunFolder, mirrored, output_folder
from stemwise.jobs.same_protocol import SCORE, same_protocol, same_songs
from stemwise.jobs.typed import STRICT, read
from stemwise.report.gate import WORDS, gate_json, gate_table
from stemwise.report.junit import junit
from stemwise.report.terminal import show_note, show_table
from stemwise.storage import tables
from stemwise.storage.disk import write_whole

EXIT_CODES: dict[Outcome, int] = {PASSED: 0, FAILED: 4, UNDECIDED: 5}
_STYLES: dict[Outcome, str] = {PASSED: "green", FAILED: "bold red", UNDECIDED: "yellow"}
_READ = ("scores", "tracks", "leaderboard")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CheckSettings:
    """What is compared with what (`analysis/gate.py` says what each means).

    Args:
        run: folder or URI of the run to check.
        against: of its baseline.
        score: column of `scores`; `score` itself is each run's own protocol.
        json: a file for the result as JSON.
        junit: a file for it as JUnit XML.
    """

    run: Where
    against: Where
    margin: float | dict[str, float] = MARGIN_DB
    alpha: float = 0.05
    score: Name = SCORE
    model: Name | None = None
    baseline_model: Name | None = None
    stems: Names | None = None
    max_lost: int = 0
    json: Name | None = None
    junit: Name | None = None

    @property
    def gate(self) -> Gate:
        """What is asked of the run (ConfigError where a number is out of range)."""
        own = (self.model, self.baseline_model, self.stems, self.max_lost)
        return Gate(self.score, self.margin, self.alpha, *own)


def settings_of(values: dict[str, Any]) -> CheckSettings:
    """Return the settings that a command line gives (ConfigError where one is not usable)."""
    if "metric" in values:  # what evaluations call the choice of scores
        if "score" in values:
            raise ConfigError("metric= and score= are the same here: leave one out.")
        values = {"score" if key == "metric" else key: value for key, value in values.items()}
    return read(CheckSettings, values, what="stemwise check")


def check_run(settings: CheckSettings, console: Console) -> tuple[int, dict[str, Any]]:
    """Compare, tell, and write the files asked for; return the exit code, and the result for JSON.

    Raises:
        ConfigError: runs that cannot be compared, or a score, model or stem that one does not have.
        OutputError: a folder without a finished run, or a file that cannot be written.
    """
    gate, began = settings.gate, time.monotonic()
    new, old = _sides(settings)
    same_songs(new.tracks, old.tracks, (new.name, old.name))
    checks = check(new, old, gate)
    outcome = worst(checks)
    facts = {
        "outcome": outcome,
        "exit_code": EXIT_CODES[outcome],
        "run": new.name,
        "baseline": old.name,
        "score": settings.score,
        "alpha": settings.alpha,
    }
    content = gate_json(checks, facts)
    _tell(console, checks, settings.alpha, outcome)
    if settings.json is not None:
        _write(settings.json, "json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    if settings.junit is not None:
        made = junit(checks, facts, datetime.now(UTC), time.monotonic() - began)
        _write(settings.junit, "junit", made.decode())
    return EXIT_CODES[outcome], content


def _sides(settings: CheckSettings) -> tuple[Side, Side]:
    """Read both runs, if they may be compared."""
    names = (CONFIG, *(f"{TABLES}/{name}" for name in _READ))
    with ExitStack() as stack:
        new, old = (
            stack.enter_context(mirrored(output_folder(where), names))
            for where in (settings.run, settings.against)
        )
        if str(new.place) == str(old.place) and settings.model == settings.baseline_model:
            raise ConfigError(
                f"{new.place} is its own baseline, so it would always pass: name another run."
            )
        same_protocol({str(old.place): old.local, str(new.place): new.local}, settings.score)
        return _side(new), _side(old)


def _side(folder: RunFolder) -> Side:
    found = (tables.read(folder.local / TABLES, name) for name in _READ)
    return Side(str(folder.place), *found)


def _tell(console: Console, checks: Iterable[StemCheck], alpha: float, outcome: Outcome) -> None:
    checks = list(checks)
    show_table(console, gate_table(checks, alpha), whole=True)
    for one in checks:
        if one.outcome != PASSED:
            show_note(console, f"{one.label}: {one.reason}", _STYLES[one.outcome])
    show_note(console, f"Result: {WORDS[outcome]}.", _STYLES[outcome])


def _write(target: str, key: str, text: str) -> None:
    path = Path(target).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise OutputError(
            f"{key}={target} cannot be written ({error.strerror or error})."
        ) from error
