"""Execute docs/notebook.ipynb anew (`pip install nbclient ipykernel` before)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("notebook.ipynb")


def main() -> None:
    """Run all cells in an empty folder and keep what they show."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("STEMWISE_HOME", f"{folder}/home")
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=900, resources=resources, record_timing=False).execute()
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
