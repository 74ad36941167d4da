"""Draw README's picture from the tables of `make demo`: python docs/make_picture.py [runs/demo]."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from stemwise.models.registry import named_sets
from stemwise.report.tables import table_one, winners
from stemwise.report.terminal import show_table
from stemwise.storage import tables

TARGET = Path(__file__).parent / "images" / "demo.svg"


def main(run: str = "runs/demo") -> None:
    """Write the SVG; it names system fonts only, so that it shows without a network."""
    folder = Path(run) / "tables"
    console = Console(record=True, width=118, force_terminal=True, file=io.StringIO())
    console.print("[bold green]$[/] make demo\n")
    models = named_sets()["demo"]
    show_table(console, table_one(tables.read(folder, "scores"), models))
    show_table(console, winners(tables.read(folder, "selections"), tables.read(folder, "scores")))
    plain = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    plain = plain.replace("Fira Code", "DejaVu Sans Mono")
    TARGET.write_text(console.export_svg(title="stemwise", code_format=plain), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
