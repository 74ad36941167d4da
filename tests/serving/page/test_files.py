"""The files of the web page: what is served, and that the build is that of the sources."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from stemwise.serving.page.files import INDEX, page_file, page_files

ROOT = Path(__file__).resolve().parents[3]
WEB = ROOT / "web"
PAGE = ROOT / "platform" / "stemwise" / "serving" / "page" / "built"
LOOSE = ("build.mjs", "icon.svg", "index.html", "package-lock.json", "package.json", "style.css")
ADVICE = "run `npm ci && npm run build` in web/ and commit the result"


def sources_digest() -> str:
    """Return what web/build.mjs writes as `sources`."""
    paths = sorted([*LOOSE, *(f"src/{path.name}" for path in (WEB / "src").iterdir())])
    digest = hashlib.sha256()
    for path in paths:
        content = (WEB / path).read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@pytest.fixture(scope="module")
def build() -> dict[str, object]:
    return dict(json.loads((PAGE / "build.json").read_text()))


def test_the_build_is_that_of_the_sources(build):
    assert build["sources"] == sources_digest(), f"web/ changed since its build: {ADVICE}"


def test_the_built_files_are_as_they_were_built(build):
    found = {
        path.relative_to(PAGE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in PAGE.rglob("*")
        if path.is_file() and path.name != "build.json"
    }
    assert found == build["files"], f"the built page was changed by hand: {ADVICE}"
    assert set(page_files()) == set(found), "page/files.py does not serve what was built"


def test_versions_are_exact():
    package = json.loads((WEB / "package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    for name, version in versions.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert locked[f"node_modules/{name}"]["version"] == version


def test_files_by_exact_name():
    index = page_file(INDEX)
    assert index is not None and index.media_type == "text/html; charset=utf-8"
    assert index.content.startswith(b"<!doctype html>")
    assert re.fullmatch(r'"[0-9a-f]{32}"', index.etag)
    assert len({file.etag for file in page_files().values()}) == len(page_files())
    script = page_file("assets/page.js")
    assert script is not None and script.media_type.startswith("text/javascript")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/index.html",
        "build.json",
        "assets",
        "assets/",
        "assets/../index.html",
        "../page_files.py",
        "assets/../../page_files.py",
        "INDEX.HTML",
        "index.html\0",
        "/etc/passwd",
    ],
)
def test_no_other_name_is_a_file(name: str):
    assert page_file(name) is None


def test_nothing_inline_and_nothing_from_elsewhere():
    html = (PAGE / INDEX).read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", html) and not re.search(r"\son\w+=", html)
    links = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert links and not [link for link in links if "//" in link]
    for name, file in page_files().items():
        text = file.content.decode()
        assert not re.search(r"\beval\(|new Function\(", text), name
        assert not re.search(r"""(?:import|url)\(\s*["']?https?:""", text), name


def test_the_licence_of_the_library_is_there():
    licences = (PAGE / "assets" / "licences.txt").read_text()
    version = json.loads((WEB / "package.json").read_text())["dependencies"]["wavesurfer.js"]
    assert f"wavesurfer.js {version} (BSD-3-Clause)" in licences
    assert "Redistribution and use" in licences and "katspaugh" in licences


def test_the_colours_are_the_reports():
    from stemwise.report.figures.palette import variables

    style = (WEB / "style.css").read_text()
    for dark, block in enumerate(re.findall(r":root \{(.*?)\n *\}", style, re.S)):
        ours = dict(re.findall(r"--(\w+): (#\w+);", block))
        theirs = dict(re.findall(r"--(\w+):(#\w+);", variables(dark=bool(dark))))
        shared = set(ours) & set(theirs)
        assert len(shared) == 11 and {k: ours[k] for k in shared} == {k: theirs[k] for k in shared}
