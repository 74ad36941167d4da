"""What ends a command, and with which exit code."""

from __future__ import annotations

import importlib

import pytest

from stemwise.cli import main


def importing(monkeypatch: pytest.MonkeyPatch, cause: BaseException | None) -> None:
    def fail(name: str) -> None:
        raise ImportError("initialization failed") from cause

    monkeypatch.setattr(importlib, "import_module", fail)


def test_an_interrupt_in_the_import_of_an_extension_is_an_interrupt(monkeypatch, capsys):
    importing(monkeypatch, KeyboardInterrupt())
    assert main(["evaluate"]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_a_broken_package_is_no_interrupt(monkeypatch):
    importing(monkeypatch, None)
    with pytest.raises(ImportError, match="initialization"):
        main(["evaluate"])
