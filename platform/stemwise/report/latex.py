"""Tables of text as LaTeX, for `booktabs`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from stemwise.core.errors import OutputError
from stemwise.report.tables import TextTable

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "…": r"\dots{}",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "↓": r"$\downarrow$",
    "\n": " ",
}
_SIGN = re.compile(r"(?<![^\s(])-(?=\d)")  # a hyphen that is a minus
_NUMBER = re.compile(r"[-−+]?\d+(\.\d+)?")


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def to_latex(table: TextTable) -> str:
    """Return the table as a `table` environment; groups of columns get a common heading."""
    columns = "l" + "".join(_alignment(table, i) for i in range(1, len(table.columns)))
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape(table.title)}}}",
        rf"  \label{{tab:{table.name.replace('_', '-')}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        *_heading(table),
        r"    \midrule",
        *(f"    {' & '.join(_cell(cell) for cell in row)} \\\\" for row in table.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]
    if table.note:
        lines.append(rf"  \par\smallskip\footnotesize {escape(table.note)}")
    return "\n".join([*lines, r"\end{table}", ""])


def _alignment(table: TextTable, index: int) -> str:
    cells = [row[index] for row in table.rows if row[index] not in ("", "–")]
    numbers = all(_NUMBER.fullmatch(cell.split(" ")[0]) for cell in cells)
    return "r" if numbers else "l"


def _heading(table: TextTable) -> list[str]:
    names = table.columns
    if not table.groups or max(table.groups) == 1:
        return [f"    {' & '.join(map(escape, names))} \\\\"]
    first, second, rules, start = [""], [escape(names[0])], [], 1
    for size in table.groups:
        own = names[start : start + size]
        if size == 1:
            first.append("")
            second.append(escape(own[0]))
        else:
            common = own[0].rpartition(" ")[0]
            first.append(rf"\multicolumn{{{size}}}{{c}}{{{escape(common)}}}")
            second += [escape(name.rpartition(" ")[2]) for name in own]
            rules.append(rf"\cmidrule(lr){{{start + 1}-{start + size}}}")
        start += size
    return [
        f"    {' & '.join(first)} \\\\",
        f"    {' '.join(rules)}",
        f"    {' & '.join(second)} \\\\",
    ]


def _cell(cell: str) -> str:
    return escape(_SIGN.sub("−", cell))


def write_latex(folder: Path, tables: Sequence[TextTable]) -> list[Path]:
    """Write each table as `<name>.tex` and return the paths.

    Raises:
        OutputError: the folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            path = folder / f"{table.name}.tex"
            path.write_text(to_latex(table), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return written
