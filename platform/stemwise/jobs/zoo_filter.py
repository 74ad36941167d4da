"""Which models of the zoo `stemwise models --stem drums --licence mit` lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import in_order
from stemwise.models.spec import ModelSpec

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Filter:
    """What a model must make, hear and be licensed under; None asks for nothing.

    `licence` is the first clause of a licence: `mit` is not met by "code MIT; weights for scientific
    purposes only", whose weights are not.
    """

    stem: str | None = None
    licence: str | None = None
    parent: str | None = None

    def select(self, specs: Sequence[ModelSpec]) -> list[ModelSpec]:
        """Return the models that fit, in their order.

        Raises:
            ConfigError: a stem, licence or parent that no model of the zoo has, with those there are.
        """
        stems = in_order(stem for spec in specs for stem in _stems(spec))
        licences = sorted({_clause(spec.licence) for spec in specs})
        parents = in_order(spec.parent for spec in specs)
        _known("--stem", self.stem, stems)
        _known("--licence", self.licence and _clause(self.licence), licences)
        _known("--parent", self.parent, parents)
        return [spec for spec in specs if self._fits(spec)]

    def _fits(self, spec: ModelSpec) -> bool:
        return (
            self.stem in (None, *_stems(spec))
            and self.parent in (None, spec.parent)
            and (self.licence is None or _clause(self.licence) == _clause(spec.licence))
        )


def _stems(spec: ModelSpec) -> tuple[str, ...]:
    return spec.with_residual(spec.stems)


def _clause(licence: str | None) -> str:
    """Return a licence up to its first semicolon, in lower case and without punctuation."""
    words = re.findall(r"[\w.+]+", (licence or UNKNOWN).split(";")[0].lower())
    return " ".join(words)


def _known(option: str, value: str | None, known: Iterable[str]) -> None:
    listed = tuple(known)
    if value is not None and value not in listed:
        raise ConfigError(
            f"{option} {value!r} fits no model of the zoo: {did_you_mean(value, listed)}use one of "
            f"{', '.join(listed)}."
        )
