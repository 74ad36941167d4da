"""Which two scores the numbers of a stem are made of, as the rows of `scores` tell themselves.

`metric=` may be applied again to a finished run, and may depend on the stem; `paper_snr` and `paper_sdr`
are copies of other columns, so those say which.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from stemwise.storage.tables import metrics_in

Pair = tuple[str, str]
USUAL: Pair = ("snr", "bss_sdr")
# The unprocessed mixture has no error by these, so they tell nothing about a floor.
BLIND = ("si_sar",)
_COPIES = ("paper_snr", "paper_sdr")
_TITLES = {
    "snr": "SNR",
    "bss_sdr": "SDR",
    "si_sdr": "SI-SDR",
    "si_sir": "SI-SIR",
    "si_sar": "SI-SAR",
    **{f"museval_{ratio.lower()}": f"museval-{ratio}" for ratio in ("SDR", "ISR", "SIR", "SAR")},
}


def pairs_of(scores: pl.DataFrame) -> dict[str, Pair]:
    """Return the pair of columns of each stem; the usual one where its rows do not tell."""
    known = metrics_in(scores)
    same = scores.group_by("stem").agg(
        pl.col(copy).eq_missing(pl.col(name)).all().alias(f"{copy} {name}")
        for copy in _COPIES
        for name in known
    )
    return {
        row["stem"]: (_first(row, "paper_snr", known, 0), _first(row, "paper_sdr", known, 1))
        for row in same.iter_rows(named=True)
    }


def _first(row: dict[str, bool], copy: str, known: list[str], place: int) -> str:
    equal = [name for name in (USUAL[place], *known) if row.get(f"{copy} {name}")]
    return equal[0] if equal else USUAL[place]


def titles(pair: Pair) -> tuple[str, ...]:
    """Return the names of a pair for people, once where both are one score."""
    return tuple(dict.fromkeys(_TITLES.get(name, name) for name in pair))


def shared_titles(pairs: Iterable[Pair]) -> tuple[str, str]:
    """Return the two headings of columns in which several stems stand."""
    found = {titles(pair) for pair in pairs}
    (first, *rest) = found.pop() if len(found) == 1 else ("paper_snr", "paper_sdr")
    return (first, rest[0]) if rest else ("paper_snr", "paper_sdr")


def in_their_place(pairs: dict[str, Pair]) -> str:
    """Say which scores stand in place of SNR and SDR, and of which stems; empty where none do."""
    other: dict[str, list[str]] = {}
    for stem, pair in pairs.items():
        if pair != USUAL:
            other.setdefault(" and ".join(titles(pair)), []).append(stem)
    if not other:
        return ""
    told = "; ".join(f"{names} of {', '.join(sorted(stems))}" for names, stems in other.items())
    return f"Instead of SNR and SDR: {told}."


def blind_stems(scores: pl.DataFrame) -> list[str]:
    """Return the stems whose score does not notice bleed: SNR judges whether they beat the mixture."""
    return sorted(stem for stem, pair in pairs_of(scores).items() if set(pair) & set(BLIND))
