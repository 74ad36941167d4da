"""Write docs/models.md from the zoo's YAMLs: python docs/make_models.py."""

from __future__ import annotations

from pathlib import Path

from stemwise.report.zoo_page import zoo_page

TARGET = Path(__file__).parent / "models.md"


def main() -> None:
    """Write the page."""
    TARGET.write_text(zoo_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
