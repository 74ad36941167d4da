"""The source layout and the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_source_root_never_shadows_the_standard_library():
    assert not (ROOT / "platform" / "__init__.py").exists()
    code = "import platform; print(platform.system())"
    for folder in (ROOT, ROOT / "platform"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip()
    assert not (ROOT / "jobs" / "select.py").exists()


def test_no_test_folder_is_a_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), "."]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_the_configuration_and_nothing_of_the_tests(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {f"stemwise/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert shipped <= names
    assert not [name for name in names if name.startswith(("tests", "platform/", "jobs"))]


def test_the_command_works_outside_the_checkout(wheel: Path, tmp_path: Path):
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r});"
        "import stemwise; from stemwise.cli import main;"
        f"assert stemwise.__file__.startswith({str(installed)!r}), stemwise.__file__;"
        "sys.exit(main(['models', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "htdemucs_6s" in done.stdout


def test_the_wheel_carries_what_the_report_is_made_of(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    assets = ("page.css", "data.js", "tracks.js", "listen.js")
    assert {f"stemwise/report/page/assets/{name}" for name in assets} <= names


def test_the_wheel_carries_what_the_service_needs(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    page = ROOT / "platform" / "stemwise" / "serving" / "page" / "built"
    files = {
        f"stemwise/serving/page/built/{p.relative_to(page)}" for p in page.rglob("*") if p.is_file()
    }
    assert {f"stemwise/serving/page/built/{name}" for name in ("index.html", "build.json")} <= files
    assert files <= names
    assert {f"stemwise/conf/serve/{profile}.yaml" for profile in ("cpu", "gpu")} <= names
    assert {f"stemwise/conf/named_recipes/{recipe}.yaml" for recipe in ("demo", "paper")} <= names


def test_the_wheel_builds_the_served_application(wheel: Path, tmp_path: Path):
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r});"
        "import stemwise.serving.app as app; from stemwise.serving.page.files import page_files;"
        f"assert app.__file__.startswith({str(installed)!r}), app.__file__;"
        "from stemwise.serving.settings import AppArgs;"
        "app.build(AppArgs(recipes=['demo', 'paper'], profile='gpu'));"
        "print(sorted(page_files()))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "index.html" in done.stdout
