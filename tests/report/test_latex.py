"""Tables as LaTeX: escaped, aligned, with grouped headings."""

from __future__ import annotations

import re

import pytest

from stemwise.core.errors import OutputError
from stemwise.report.latex import escape, to_latex, write_latex
from stemwise.report.tables import TextTable

TABLE = TextTable(
    "table_1",
    "50 % of R&B_songs",
    ("model", "vocals SNR", "vocals SDR", "what"),
    (("a_b {x}", "-1.50", "–", "x ~ $y$"), ("#2 \\n", "3.00", "-0.10 … 0.20", "song-01")),
    "A note: 100 %.",
    (2, 1),
)


def test_every_character_that_means_something_is_escaped():
    assert escape("50% & a_b #1 {x} $y$ ~ ^ \\") == (
        r"50\% \& a\_b \#1 \{x\} \$y\$ \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape("− – … ∞ ×") == r"$-$ -- \dots{} $\infty$ $\times$"


def test_the_table():
    text = to_latex(TABLE)
    assert r"\caption{50 \% of R\&B\_songs}" in text
    assert r"\label{tab:table-1}" in text
    assert r"\begin{tabular}{lrrl}" in text
    assert r" & \multicolumn{2}{c}{vocals} &  \\" in text
    assert r"\cmidrule(lr){2-3}" in text
    assert r"model & SNR & SDR & what \\" in text
    assert r"a\_b \{x\} & $-$1.50 & -- & x \textasciitilde{} \$y\$ \\" in text
    # a minus is one, a hyphen stays
    assert r"\#2 \textbackslash{}n & 3.00 & $-$0.10 \dots{} 0.20 & song-01 \\" in text
    assert r"A note: 100 \%." in text
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", line)) + line.count("multicolumn{2}") == 3
    assert text.count(r"\begin{") == text.count(r"\end{") == 2


def test_a_table_without_groups_or_rows():
    text = to_latex(TextTable("e", "Empty", ("a", "b"), ()))
    assert r"a & b \\" in text
    assert "cmidrule" not in text
    assert "footnotesize" not in text


def test_files(tmp_path):
    (path,) = write_latex(tmp_path / "new", [TABLE])
    assert path.name == "table_1.tex"
    assert path.read_text(encoding="utf-8") == to_latex(TABLE)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file cannot be written"):
        write_latex(tmp_path / "file", [TABLE])
