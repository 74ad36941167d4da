"""Server-sent events: the same events however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stemwise.client.event_stream import Event, EventParser


def parse(pieces):
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


def test_the_examples_of_the_standard():
    stream = (
        b"data: YHOO\ndata: +2\ndata: 10\n\n: test stream\n\ndata: first event\nid: 1\n\n"
        b"data:second event\nid\n\ndata:  third event\n\ndata\n\ndata\ndata\n\nevent: e\ndata:x\n\n"
        b"event: forgotten\n\ndata: y\n\ndata: cut"
    )
    events = parse([stream])
    assert [event.data for event in events] == [
        "YHOO\n+2\n10",
        "first event",
        "second event",
        " third event",
        "",
        "\n",
        "x",
        "y",
    ]
    assert [event.name for event in events] == ["message"] * 6 + ["e", "message"]


def test_a_byte_order_mark_and_all_line_ends():
    assert parse([b"\xef\xbb\xbfdata: a\r\rdata: b\r\n\r\ndata: c\n\n"]) == [
        Event("message", "a"),
        Event("message", "b"),
        Event("message", "c"),
    ]


LINES = st.sampled_from(
    ["", "data: ä", "data:x:y", "data", "event: done", "event:", ": note", "id: 3", "retry: 9", "?"]
) | st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=6)


@given(
    st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=25),
    st.lists(st.integers(0, 200), max_size=12),
)
def test_any_cutting_gives_the_same_events(lines, cuts):
    data = "".join(line + end for line, end in lines).encode()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in pairwise(edges)]
    whole = parse([data])
    assert parse(pieces) == whole
    assert parse(bytes([byte]) for byte in data) == whole


@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1
            ),
            st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])),
        )
    )
)
def test_what_is_written_is_read(events):
    text = "".join(
        f"event: {name}\n" + "".join(f"data: {line}\n" for line in data.split("\n")) + "\n"
        for name, data in events
    )
    assert parse([text.encode()]) == [Event(name, data) for name, data in events]


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_no_bytes_break_the_parser(pieces):
    assert parse(pieces) == parse([b"".join(pieces)])
