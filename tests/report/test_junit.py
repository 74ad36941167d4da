"""JUnit XML of a gate: counts, elements and text as reporters read them."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as Tree

from stemwise.analysis.gate import StemCheck
from stemwise.analysis.noninferiority import FAILED, PASSED, UNDECIDED, Comparison
from stemwise.report.junit import junit

NOW = datetime(2026, 11, 28, 12, 30)


def one(stem, outcome, reason="", lost=(), parent="mixture"):
    source = "mixture" if parent == "mixture" else "estimate"
    numbers = Comparison(outcome, 3, 2)
    return StemCheck((parent, source, stem), "a", "b", 0.1, outcome, numbers, lost, 0, reason)


def suite(*checks, **facts):
    return Tree.fromstring(junit(checks, facts, NOW, 1.5)).find("testsuite")


def test_a_case_per_stem_with_its_kind_of_fault():
    found = suite(
        one("vocals", PASSED),
        one("bass", FAILED, "Worse <by> 1 & more.", ("demo/a", "demo/b")),
        one("kick", UNDECIDED, "Too few.", parent="drums"),
        alpha=0.05,
        model=None,
    )
    assert [found.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert (found.get("timestamp"), found.get("time")) == ("2026-11-28T12:30:00", "1.500")
    assert [case.get("name") for case in found.iter("testcase")] == ["vocals", "bass", "drums/kick"]
    assert [[child.tag for child in case] for case in found.iter("testcase")] == [
        [],
        ["failure"],
        ["error"],
    ]
    failure = found.find("testcase/failure")
    assert failure.get("message") == "Worse <by> 1 & more." and "demo/b" in failure.text
    assert [tuple(item.attrib.values()) for item in found.iter("property")] == [("alpha", "0.05")]
    assert [child.tag for child in found][0::4] == ["properties", "system-out"]


def test_characters_that_xml_lacks_are_replaced():
    found = suite(
        one("vocals", FAILED, "song \x00\x1b[31m �."), run="a\x08b\ufffe", name="\udce9.wav"
    )
    assert found.find("testcase/failure").get("message") == "song ��[31m �."
    assert found.find("properties/property").get("value") == "a�b�"
    assert found.find("properties/property[2]").get("value") == "�.wav"


def test_what_the_schema_of_ant_asks_for_is_there():
    """Of JUnit.xsd (Windy Road 2011): required attributes, and the order of elements."""
    found = suite(one("vocals", PASSED), one("bass", FAILED, "Worse."))
    assert [child.tag for child in found] == [
        "properties",
        "testcase",
        "testcase",
        "system-out",
        "system-err",
    ]
    asked = "name timestamp hostname tests failures errors time id package"
    assert set(found.attrib) == set(asked.split())
    assert all(set(case.attrib) == {"name", "classname", "time"} for case in found.iter("testcase"))
    assert set(found.find("testcase/failure").attrib) == {"message", "type"}
