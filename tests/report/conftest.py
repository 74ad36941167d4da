"""Finished runs made of thin air: tables as `evaluate` writes them, with whatever is hard in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from stemwise.analysis.statistics import statistics
from stemwise.storage import tables

HOSTILE = "</script><script>window.hacked=1</script> \"q\" & 's' $x_1$ \u2028 日本 ñ"
MODELS = ("alpha", "beta", "htdemucs_6s")
GENRES = ("rock", "rock", "pop", "pop", "pop", "<i>odd & rare</i>")
RATE = 44_100


@dataclass
class Run:
    """Where a made run lies, and its models in order."""

    output: Path
    models: tuple[str, ...]


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that writes the tables of a run.

    Options: `tracks`, `models`, `level2`, `silent` (all references are), `analysis` (its tables too),
    `infinite` (scores that are null or ±inf), `audio` (files in the store), `flagged` (trained here),
    `deployment` (rows of that table, over its defaults, by stem of level 1).
    """

    def make(**options: object) -> Run:
        return written(tmp_path, **options)

    return make


def written(folder: Path, **options: object) -> Run:
    """Write a run into a folder: see `make_run`."""
    return _Maker(folder / "run <b>&", options).write()


class _Maker:
    def __init__(self, output: Path, options: dict[str, object]) -> None:
        self.output, self.option = output, options
        self.count = int(str(options.get("tracks", 12)))
        self.models = tuple(options.get("models", MODELS))  # type: ignore[arg-type]
        self.random = np.random.default_rng(0)
        self.scores: list[dict[str, object]] = []
        self.estimates: list[dict[str, object]] = []
        self.selections: list[dict[str, object]] = []

    def write(self) -> Run:
        folder = self.output / "tables"
        tracks = [self._track(number) for number in range(self.count)]
        stems_of = self.option.get("stems_of", lambda number: ("vocals", "drums", "other"))
        for number, track in enumerate(tracks):
            for stem in stems_of(number):  # type: ignore[operator]
                self._stem(track, "mixture", "mixture", stem, self.models)
            if self.option.get("level2", True):
                for source in self.option.get("sources", ("estimate", "reference")):  # type: ignore[attr-defined]
                    for stem in ("kick", "cymbals"):
                        self._stem(track, "drums", source, stem, ("drumsep",))
                    self._stem(track, "vocals", source, "lead_vocals", ("karaoke",))
        rows = {
            "tracks": tracks,
            "scores": self.scores,
            "estimates": self.estimates,
            "selections": self.selections,
        }
        for name, found in rows.items():
            tables.write(folder, name, [tables.to_table(name, found)])
        if self.option.get("analysis", True):
            self._analyse(folder)
        return Run(self.output, (*self.models, "drumsep", "karaoke"))

    def _track(self, number: int) -> dict[str, object]:
        return {
            "dataset": "made",
            "track_id": f"song-{number:02}",
            "title": HOSTILE if number == 0 else f"Song {number:02}",
            "artist": f"Artist {number // 2}",
            "genre": GENRES[min(number // 2, 5) if number < 11 else 5] if number else None,
            "duration_s": 60.0,
            "has_bleed": number % 2 == 0,
            "stems": ["vocals", "drums", "other"],
            "problems": ["vocals.wav <is> mono"] if number == 1 else [],
        }

    def _stem(self, track, parent, source, stem, models) -> None:
        key = {"dataset": "made", "track_id": track["track_id"]}
        key |= {"parent": parent, "parent_source": source, "stem": stem}
        facts = {"genre": track["genre"], "has_bleed": track["has_bleed"]}
        facts["voice"] = "female" if stem == "lead_vocals" else None
        number, found = int(str(track["track_id"])[-2:]), {}
        for index, model in enumerate(("mixture", *models)):
            value = (0.0 if model == "mixture" else 6.0 + index) + self.random.normal()
            snr, status = (None, "silent_reference") if self.option.get("silent") else (value, "ok")
            error = None
            if self.option.get("infinite") and status == "ok" and model != "mixture":
                snr = {2: math.inf, 3: -math.inf, 4: None}.get(number, snr)
                if number == 4:
                    status, error = "failed", f"{stem} <img src=x> broke"
            found[model] = snr
            row = {"model": model, "snr": snr, "si_sdr": snr, "bss_sdr": snr, "paper_snr": snr}
            row |= {"paper_sdr": None if snr is None else snr + 0.5, "score": snr, "status": status}
            row |= {"lag_samples": 0, "gain_db": -0.5, "realtime_factor": 4.0 + index}
            self.scores.append(key | facts | row | {"error": error})
            if model != "mixture":
                uri = self._audio(f"{track['track_id']}-{parent}-{source}-{model}-{stem}")
                self.estimates.append(key | {"model": model, "uri": uri, "status": status})
        known = {m: s for m, s in found.items() if s is not None and m != "mixture"}
        if known:
            best = max(known, key=lambda m: known[m])
            rival = max((m for m in known if m != best), key=lambda m: known[m], default=None)
            choice = {"model": best, "score": known[best], "runner_up": rival}
            self.selections.append(key | choice | {"win_probability": 0.9, "rule": "linear"})
            self.scores.append(
                key
                | facts
                | {"model": "oracle", "paper_snr": known[best], "paper_sdr": known[best]}
                | {"score": known[best], "status": "ok"}
            )

    def _audio(self, name: str) -> str:
        path = self.output / "store" / "k#1 é" / f"{name}.flac"
        if self.option.get("audio") and name.startswith(("song-01", "song-02")):
            path.parent.mkdir(parents=True, exist_ok=True)
            time = np.arange(3 * RATE) / RATE
            tone = 0.2 * np.sin(2 * np.pi * 440 * time)
            soundfile.write(path, np.stack([tone, tone], 1), RATE, subtype="PCM_16")
        return str(path)

    def _analyse(self, folder: Path) -> None:
        scores, tracks = tables.read(folder, "scores"), tables.read(folder, "tracks")
        flagged = {model: ["made"] for model in self.option.get("flagged", ())}  # type: ignore[attr-defined]
        found = statistics(scores, tracks, (*self.models, "drumsep", "karaoke"), flagged)
        known = {name: frame.to_dicts() for name, frame in found.items()}
        late = {"dataset": "made", "track_id": "song-01", "model": "alpha", "parent": "mixture"}
        late |= {"parent_source": "mixture", "stem": "vocals", "kind": "late", "value": 40.0}
        known["anomalies"].append(late | {"text": "40 samples late"})
        board = pl.DataFrame(known["leaderboard"], tables_schema("leaderboard"))
        if "deployment" in self.option:
            known["deployment"] = [_deployed(*row) for row in self.option["deployment"].items()]  # type: ignore[attr-defined]
        for name, rows in (known | _ledger(board)).items():
            tables.write(folder, name, [tables.to_table(name, rows)])


def _deployed(stem: str, given: dict[str, object]) -> dict[str, object]:
    """Return a row of `deployment`: by default a blend of two models that is the best set found."""
    names, numbers = ["alpha", "beta"], {"mean_score": 7.0, "low": 6.2, "high": 8.04, "snr": 7.5}
    row = {"parent": "mixture", "parent_source": "mixture", "stem": stem, "kind": "blend"}
    row |= {"models": names, "weights": [0.62, 0.38], "seconds_per_minute": 12.3, "gain": 0.42}
    row |= {"best_models": names, "best_score": 7.0, "best_seconds_per_minute": 12.3}
    return row | numbers | {"tracks": 12, "artists": 6} | given


def tables_schema(name: str) -> dict[str, pl.DataType]:
    """Return a table's schema as Polars has it."""
    return dict(pl.from_arrow(tables.schema_of(name).empty_table()).schema)


def _ledger(board: pl.DataFrame) -> dict[str, list[dict[str, object]]]:
    """Return `regret` and `front` for each stem: vocals gain by blending, the others do not."""
    regret, front = [], []
    for (parent, source, stem), group in board.group_by(
        "parent", "parent_source", "stem", maintain_order=True
    ):
        key = {"parent": parent, "parent_source": source, "stem": stem}
        best = group.sort("rank").row(0, named=True)
        gains = {"best_single": (0.0, None, None), "track_oracle": (0.9, 0.6, 1.2)}
        gains |= {"segment_oracle": (1.4, 1.0, 1.8), "equal_models": (0.8, 0.5, 1.1)}
        if best["artists"] > 1:
            sure = stem == "vocals"
            gains["recipe"] = (0.4, 0.1, 0.7) if sure else (-0.1, -0.3, 0.2)
        for level, (gain, low, high) in gains.items():
            score = best["mean_score"] + gain
            row = {"level": level, "tracks": best["tracks"], "artists": best["artists"]}
            row |= {"mean_score": score, "low": score - 1, "high": score + 1, "gain": gain}
            row["dropped"] = best["dropped"]
            row["gain_shrunken"] = 0.3 if level == "recipe" and stem == "vocals" else None
            regret.append(key | row | {"gain_low": low, "gain_high": high})
        names = group.sort("rank")["model"].to_list()
        for step, model in enumerate(names, start=1):
            row = {"step": step, "model": model, "models": names[:step]}
            row |= {"weights": [1 / step] * step, "mean_score": best["mean_score"] + step / 10}
            row |= {"tracks": best["tracks"], "dropped": best["dropped"]}
            front.append(key | row | {"seconds_per_minute": 12.0 * step})
    return {"regret": regret, "front": front}
