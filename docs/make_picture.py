"""Draw README's picture, a run's verdict in the terminal: python docs/make_picture.py [runs/demo]."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from stemwise.report.run_tables import read_run
from stemwise.report.terminal_verdict import show_verdict

TARGET = Path(__file__).parent / "images" / "demo.svg"


def main(run: str = "runs/demo", command: str = "make demo") -> None:
    """Write the SVG; it names system fonts only, so that it shows without a network."""
    console = Console(record=True, width=118, force_terminal=True, file=io.StringIO())
    console.print(f"[bold green]$[/] {command}\n")
    show_verdict(console, read_run(Path(run), ()))
    plain = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    plain = plain.replace("Fira Code", "DejaVu Sans Mono")
    TARGET.write_text(console.export_svg(title="stemwise", code_format=plain), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
