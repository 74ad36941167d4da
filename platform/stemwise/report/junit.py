"""A gate as JUnit XML, which reporters of CI systems read: a test per stem.

A stem that is worse is a `failure`. One with too few songs is an `error`, since it could not be tested:
as `skipped` it would look like a pass to reporters that only count failures. Attributes and their order
fit both schemas in use, Ant's (which wants timestamp, hostname, properties, system-out and system-err)
and Jenkins'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.etree import ElementTree as Tree

from stemwise.analysis.gate import StemCheck
from stemwise.analysis.noninferiority import FAILED, UNDECIDED

SUITE = "stemwise check"


def junit(
    checks: Sequence[StemCheck], facts: Mapping[str, object], now: datetime, seconds: float
) -> bytes:
    """Return the file's content in UTF-8.

    Args:
        checks: one per stem.
        facts: of the comparison, written as properties; what is None is left out.
        now: when it was made.
        seconds: how long it took.
    """
    outcomes = [check.outcome for check in checks]
    counts = {
        "tests": str(len(checks)),
        "failures": str(outcomes.count(FAILED)),
        "errors": str(outcomes.count(UNDECIDED)),
        "time": f"{seconds:.3f}",
    }
    suite = Tree.Element("testsuite", {"name": SUITE, **counts})
    suite.attrib.update({"id": "0", "package": "stemwise", "hostname": "localhost"})
    suite.set("timestamp", now.strftime("%Y-%m-%dT%H:%M:%S"))
    properties = Tree.SubElement(suite, "properties")
    for name, value in facts.items():
        if value is not None:
            Tree.SubElement(properties, "property", name=name, value=_legal(str(value)))
    for check in checks:
        suite.append(_case(check))
    told = [f"{check.label}: {check.reason}" for check in checks]
    Tree.SubElement(suite, "system-out").text = _legal("\n".join(told))
    Tree.SubElement(suite, "system-err").text = ""
    root = Tree.Element("testsuites")
    root.append(suite)
    Tree.indent(root)
    return bytes(Tree.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(check: StemCheck) -> Tree.Element:
    case = Tree.Element("testcase", name=check.label, classname=SUITE.replace(" ", "."), time="0")
    kind = {FAILED: "failure", UNDECIDED: "error"}.get(check.outcome)
    if kind is not None:
        what = "worse than the baseline" if check.outcome == FAILED else "too few songs"
        found = Tree.SubElement(case, kind, message=_legal(check.reason), type=what)
        found.text = _legal("\n".join([check.reason, *check.lost]))
    return case


def _legal(text: str) -> str:
    """Replace characters that XML 1.0 does not have."""
    return "".join(letter if letter in "\t\n\r" or _is_legal(letter) else "�" for letter in text)


def _is_legal(letter: str) -> bool:
    return " " <= letter < "\ud800" or "\ue000" <= letter < "\ufffe" or letter > "\uffff"
