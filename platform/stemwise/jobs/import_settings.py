"""The settings of `stemwise import-scores`, checked before anything is read."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from stemwise.core.checks import in_range, one_of
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import check_name
from stemwise.importing.published import COLUMNS
from stemwise.jobs.fields import Name, Names, NamesOrEmpty, OrEmpty, Where
from stemwise.jobs.typed import STRICT

FORMATS = ("museval", "audio_separator")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImportSettings:
    """What is imported, and how it is compared (conf/import_scores.yaml says what each means)."""

    output: Where | None
    format: str = "museval"
    input: Where | None = None
    models: Names | None = None
    dataset_name: Name = "musdb18hq"
    split: str | None = None
    score: str = "museval_sdr"
    min_tracks: int | None = None
    trained_on: Names | None = None
    reference_lines: NamesOrEmpty = ()
    floor: NamesOrEmpty = ()
    genres: str | None = None
    stems: Annotated[dict[str, Name], OrEmpty, Field(description="'stems={theirs: ours}'")] = field(
        default_factory=dict
    )
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("format", self.format, FORMATS)
        if self.score not in COLUMNS.values():
            near, known = did_you_mean(self.score, COLUMNS.values()), ", ".join(COLUMNS.values())
            raise ConfigError(f"score={self.score} is not imported: {near}use one of {known}.")
        if not self.dataset_name.strip():
            raise ConfigError("dataset_name= is empty: name the songs, for example musdb18hq.")
        if self.min_tracks is not None and self.min_tracks < 1:
            raise ConfigError(
                f"min_tracks={self.min_tracks} is not usable: min_tracks starts at 1."
            )
        in_range("seed", self.seed, least=0)
        if self.models == ():
            raise ConfigError("models=[] is empty: leave it out for all.")
        for name in self.stems.values():
            check_name(name)
