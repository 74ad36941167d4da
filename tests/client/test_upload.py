"""The multipart body: exact length, and another library reads it back."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart import parse_form

from stemwise.client.upload import MultipartBody, opened
from stemwise.core.errors import AudioError

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def read_back(body):
    data = b"".join(body)
    fields, files = [], []
    headers = {"Content-Type": body.content_type.encode(), "Content-Length": b"%d" % len(data)}

    def on_file(file):
        file.file_object.seek(0)
        files.append((file.field_name, file.file_name, file.file_object.read()))
        file.close()

    def on_field(field):
        fields.append((field.field_name.decode(), (field.value or b"").decode()))

    parse_form(headers, io.BytesIO(data), on_field, on_file)
    return data, fields, files


@given(st.lists(st.tuples(NAMES, st.text(st.characters(exclude_categories=["Cs"])))), st.binary())
def test_another_library_reads_it_back(fields, content):
    fields = [(name.replace('"', "").replace("\\", "") or "x", value) for name, value in fields]
    body = MultipartBody(fields, "song.flac", io.BytesIO(content), len(content))
    data, found, files = read_back(body)
    assert len(data) == len(body)
    assert found == fields
    assert files == [(b"file", b"song.flac", content)]


@given(st.text(min_size=1, max_size=30))
def test_no_name_of_a_file_breaks_the_form(name):
    body = MultipartBody([("format", "flac")], name, io.BytesIO(b"abc"), 3)
    data, fields, files = read_back(body)
    assert len(data) == len(body)
    assert fields == [("format", "flac")] and files[0][0] == b"file" and files[0][2] == b"abc"


def test_progress_ends_at_the_length():
    told = []
    body = MultipartBody([], "a", io.BytesIO(bytes(10**6)), 10**6, lambda *now: told.append(now))
    assert sum(map(len, body)) == len(body) == told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told) and len(told) > 4


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "big.wav"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    tracemalloc.start()
    with opened(path) as (source, size):
        assert sum(map(len, MultipartBody([], "big.wav", source, size))) > size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_file_that_grows_is_sent_as_it_was_and_one_that_shrinks_is_told(tmp_path):
    assert b"".join(MultipartBody([], "a", io.BytesIO(b"abcdef"), 3)).count(b"abc\r\n") == 1
    with pytest.raises(AudioError, match="became shorter"):
        list(MultipartBody([], "a", io.BytesIO(b"ab"), 3))


def test_what_is_no_file_is_told(tmp_path):
    (tmp_path / "empty").touch()
    for name, says in (("gone", "not exist"), (".", "directory"), ("empty", "no audio")):
        with pytest.raises(AudioError, match=says), opened(tmp_path / name):
            pass
