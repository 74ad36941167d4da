"""Every page of the documentation can be reached, and what it links to or names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
INDEX = ROOT / "docs" / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "k8s").glob("*.md")])
LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:tests|benchmarks|conf|docs|jobs|deployments|k8s)/[\w./-]+)")


def prose(text: str) -> str:
    """Return Markdown without its blocks and spans of code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`", lambda span: span[0].replace("[", "").replace("(", ""), text)


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and images."""
    return [a or b for a, b in LINK.findall(prose(page.read_text(encoding="utf-8")))]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head) for head in heads)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in plain}


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere inside the repository."""
    found = []
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert broken(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(page):
    if page.name == "CHANGELOG.md":
        pytest.skip("a changelog may name what is gone")
    named = {name.rstrip(".") for name in NAMED.findall(page.read_text(encoding="utf-8"))}
    roots = (ROOT, ROOT / "platform" / "stemwise")
    assert [name for name in sorted(named) if not any((r / name).exists() for r in roots)] == []


def test_the_index_has_every_page_once():
    listed = [target.partition("#")[0] for target in links(INDEX)]
    for page in (ROOT / "docs").glob("*.md"):
        if page != INDEX:
            assert listed.count(page.name) == 1, page.name


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n[gone](gone.md) [self](#a-page) [no](#b) `[code](x.md)` [web](https://a.b)\n"
    )
    assert broken(page) == ["gone.md", "#b"]
