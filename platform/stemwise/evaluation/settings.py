"""The settings of measuring, as conf/metric gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from stemwise.core.checks import in_range, one_of
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import ORDER, parts_of
from stemwise.measurement.bsseval.engines import ENGINES
from stemwise.measurement.extra_metrics import check_names
from stemwise.storage.tables import METRICS

# all: separate and measure; separate: fill the store only; measure: load and run no model
Stage = Literal["all", "separate", "measure"]
# told after each stage: track id, stage or model, seconds of audio, seconds of work
Notify = Callable[[str, str, float, float], None]

# names of score columns, which are applied to what was measured
_AFTERWARDS = {"protocol", "paper_snr", "paper_sdr", "by_stem", "cross_stem"}


@dataclass(frozen=True)
class MetricSettings:
    """What is measured, and which pair of scores the selection uses.

    `paper_snr` and `paper_sdr` name columns of the table `scores`, of `extra` too, `by_stem` others for
    single stems. Times are in seconds; a reference whose RMS level is below `silence_dbfs` is silent.
    `engine` computes the scores that `museval` asks for (`measurement/bsseval/engines.py`). `extra`
    names further columns of `scores`. `cross_stem` measures the estimates of all stems together (table
    `cross`), which changes none of the other numbers; `auto`: where the decision needs it.
    """

    protocol: str = "paper"
    paper_snr: str = "snr"
    paper_sdr: str = "bss_sdr"
    by_stem: dict[str, tuple[str, str]] = field(default_factory=dict)
    block_s: float = 1.0
    max_lag_s: float = 0.1
    silence_dbfs: float = -60.0
    museval: bool = False
    engine: str = "torch"
    extra: tuple[str, ...] = ()
    cross_stem: bool | Literal["auto"] = "auto"

    def deciding(self, cross_stem: bool) -> MetricSettings:
        """Return the settings with `auto` replaced by what the decision needs.

        Raises:
            ConfigError: it needs what is not to be measured.
        """
        if cross_stem and self.cross_stem is False:
            raise ConfigError(
                "decision.cross_stem needs what metric.cross_stem=false does not measure: leave that "
                "out, or choose another decision=."
            )
        return replace(self, cross_stem=cross_stem) if self.cross_stem == "auto" else self

    @property
    def measured(self) -> dict[str, object]:
        """What decides which numbers are measured, by name: another value would need the audio again."""
        return {name: value for name, value in asdict(self).items() if name not in _AFTERWARDS}

    @property
    def written(self) -> dict[str, object]:
        """All settings by name, as the metadata of tables tell them."""
        return asdict(self)

    @property
    def pair(self) -> tuple[str, str]:
        """Columns of `scores` that the score is made of, where `by_stem` says nothing else."""
        return self.paper_snr, self.paper_sdr

    def pair_of(self, stem: str) -> tuple[str, str]:
        """Return the columns of `scores` that a stem's score is made of."""
        return self.by_stem.get(stem, self.pair)

    def __post_init__(self) -> None:
        for stem in self.by_stem:
            if not set(parts_of(stem)) <= set(ORDER):
                near = did_you_mean(stem, ORDER)
                raise ConfigError(
                    f"metric.by_stem.{stem} is no stem: {near}use {', '.join(ORDER)}."
                )
        check_names(self.extra)
        known = (*METRICS, *self.extra)
        pairs: dict[str, tuple[str, ...]] = {
            "paper_snr": (self.paper_snr,),
            "paper_sdr": (self.paper_sdr,),
        }
        pairs |= {f"by_stem.{stem}": pair for stem, pair in self.by_stem.items()}
        for key, name in ((key, name) for key, pair in pairs.items() for name in pair):
            if name not in known:
                near = did_you_mean(name, known)
                raise ConfigError(
                    f"metric.{key}: {name!r} is not a score: {near}use one of {', '.join(known)}."
                )
            if name.startswith("museval") and not self.museval:
                raise ConfigError(f"metric.{key} uses {name}, so set metric.museval=true.")
        one_of("metric.engine", self.engine, ENGINES)
        in_range("metric.block_s", self.block_s, above=0)
        in_range("metric.max_lag_s", self.max_lag_s, least=0)
