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
from stemwise.storage.tables import METRICS

FORMATS = ("museval", "audio_separator", "table")
DEFAULT_SCORE = "museval_sdr"
# what the songs' dataset is called where nobody says it
_DATASETS = {"table": "songs"}
_USUAL_DATASET = "musdb18hq"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImportSettings:
    """What is imported, and how it is compared (conf/import_scores.yaml says what each means)."""

    output: Where | None
    format: str = "museval"
    input: Where | None = None
    models: Names | None = None
    dataset_name: Name | None = None
    split: str | None = None
    score: str | None = None
    min_tracks: int | None = None
    trained_on: Names | None = None
    reference_lines: NamesOrEmpty = ()
    floor: NamesOrEmpty = ()
    genres: str | None = None
    stems: Annotated[dict[str, Name], OrEmpty, Field(description="'stems={theirs: ours}'")] = field(
        default_factory=dict
    )
    columns: Annotated[dict[str, Name], OrEmpty, Field(description="'columns={ours: theirs}'")] = (
        field(default_factory=dict)
    )
    seed: int = 0

    @property
    def dataset(self) -> str:
        """What the songs' dataset is called, where the source does not say it."""
        return self.dataset_name or _DATASETS.get(self.format, _USUAL_DATASET)

    def __post_init__(self) -> None:
        one_of("format", self.format, FORMATS)
        self._check_score()
        if self.columns and self.format != "table":
            raise ConfigError(f"columns= is of format=table, not of {self.format}: leave it out.")
        if self.dataset_name is not None and not self.dataset_name.strip():
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

    def _check_score(self) -> None:
        """Refuse what no source of this format has; without input= the folder decides."""
        museval = self.input is not None and self.format != "table"
        known = list(COLUMNS.values()) if museval else list(METRICS)
        if self.score is not None and self.score not in known:
            usual = METRICS if self.format == "table" else COLUMNS.values()
            near = did_you_mean(self.score, list(usual))
            raise ConfigError(
                f"score={self.score} is not imported: {near}use one of {', '.join(known)}."
            )
