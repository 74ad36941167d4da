"""Decoding in a process of its own: the same samples as on the command line, and no harm."""

import asyncio
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemwise import audio
from stemwise.core.errors import (
    NotReadyError,
    RequestError,
    UnprocessableError,
    UnsupportedAudioError,
)
from stemwise.serving.intake import decoding
from stemwise.serving.intake.decoding import DecodeLimits, decode
from stemwise.serving.intake.formats import UPLOAD_FORMATS
from stemwise.serving.intake.mpeg import frame_length
from stemwise.serving.intake.sniff import suffix_of

from ...conftest import examples
from .. import hostile

LIMITS = DecodeLimits(hostile.MAX_DURATION_S)


def run(path, out, limits=LIMITS):
    return asyncio.run(decode(path, out, limits))


def save(folder, content, name="upload-x"):
    path = folder / name
    path.write_bytes(content)
    return path


def attempt(path, out, limits=LIMITS):
    """Decode one file as a server would; return the status that a client would see."""
    try:
        decoded = run(path, out, limits)
    except RequestError as error:
        assert not out.exists()
        assert str(path.parent) not in str(error) and "Traceback" not in str(error)
        assert str(error).startswith("The file ") and str(error).endswith(".")
        return error.status
    assert out.stat().st_size == 8 * decoded.samples > 0
    assert decoded.duration_s <= limits.max_duration_s + 0.01
    assert np.isfinite(np.asarray(decoded.audio)).all()
    return 200


@pytest.mark.parametrize("name", hostile.corpus())
def test_hostile_files_do_no_harm(tmp_path, name, caplog):
    case = hostile.corpus()[name]
    status = attempt(save(tmp_path, case.content), tmp_path / "out")
    assert status in case.statuses
    assert not caplog.records  # no decoder died or failed in a way that nobody expected


PARITY = ("wav_pcm_24", "wav_10_samples_8_khz", "flac", "opus", "mp3", "mp3_bare", "aiff")
PARITY += ("m4a", "alac", "aac", "wavpack", "ac3", "eac3")


@pytest.mark.parametrize("name", PARITY)
def test_the_samples_are_those_of_the_command_line(tmp_path, name):
    content, filename, _ = hostile.corpus()[name]
    decoded = run(save(tmp_path, content), tmp_path / "out")
    own = save(tmp_path, content, filename)
    with audio.open_on_disk(own) as expected:
        assert decoded.audio.shape == expected.shape
        np.testing.assert_array_equal(np.asarray(decoded.audio), np.asarray(expected))
    source = audio.read(own)
    assert (decoded.sample_rate, decoded.channels) == (source.sample_rate, len(source.samples))
    assert decoded.duration_s == decoded.samples / 44_100


def test_a_long_file_of_another_rate_is_resampled_as_on_the_command_line(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, hostile.noise(2_200_000), 48_000, subtype="FLOAT")
    with audio.open_on_disk(path) as expected:
        decoded = run(path, tmp_path / "out")
        np.testing.assert_array_equal(np.asarray(decoded.audio), np.asarray(expected))


def test_the_longest_allowed_file_is_accepted_and_one_sample_more_is_not(tmp_path):
    for rate in (44_100, 48_000):
        for extra, status in ((0, 200), (1, 413)):
            content = hostile.encoded(np.zeros((2 * rate + extra, 1)), "WAV", rate=rate)
            path = save(tmp_path, content)
            assert attempt(path, tmp_path / "out", DecodeLimits(2)) == status


def test_a_file_that_is_too_long_is_told_how_long_it_is(tmp_path):
    path = save(tmp_path, hostile.corpus()["flac_10_hours"].content)
    with pytest.raises(RequestError, match=r"lasts 36000\.0 s, but at most 60 s"):
        run(path, tmp_path / "out")


def test_too_little_memory_is_said(tmp_path):
    path = save(tmp_path, hostile.encoded(hostile.noise(40 * 44_100), "FLAC"))
    with pytest.raises(UnprocessableError, match=r"memory .*than allowed"):
        run(path, tmp_path / "out", DecodeLimits(60, memory_bytes=100_000_000))


def test_a_decoder_that_takes_too_long_is_killed(tmp_path):
    path = save(tmp_path, hostile.corpus()["flac"].content)
    with pytest.raises(UnprocessableError, match=r"time to decode than allowed \(.*0\.001 s"):
        run(path, tmp_path / "out", DecodeLimits(60, wall_s=0.001))


def replace_child(monkeypatch, code):
    """Let another program stand in for the child: one that a hostile file has taken over."""
    monkeypatch.setattr(decoding, "_CODE", code)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGXCPU", "SIGALRM", "SIGBUS"])
def test_a_decoder_that_crashes_is_a_bad_file(tmp_path, monkeypatch, caplog, name):
    replace_child(monkeypatch, f"import os, signal; os.kill(os.getpid(), signal.{name})")
    path = save(tmp_path, hostile.corpus()["wav_1_sample"].content)
    with pytest.raises(UnprocessableError, match="more memory or time"):
        run(path, tmp_path / "out")
    assert name in caplog.text  # whoever runs the server sees what it was


@pytest.mark.parametrize(
    "answer",
    ["", "nonsense", "[]", "{}", '{"samples": 10, "sample_rate": 1, "channels": 2}', "x" * 100_000],
)
def test_an_answer_that_is_none_is_a_bad_file(tmp_path, monkeypatch, caplog, answer):
    replace_child(monkeypatch, f"print({answer!r})")
    path = save(tmp_path, hostile.corpus()["wav_1_sample"].content)
    # The longest one is cut off and its writer killed.
    with pytest.raises(UnprocessableError, match=r"cannot be decoded|more memory or time"):
        run(path, tmp_path / "out")
    assert caplog.records


def test_a_child_that_does_not_start_is_a_fault_of_the_server(tmp_path, monkeypatch):
    replace_child(monkeypatch, "import no_such_package")
    path = save(tmp_path, hostile.corpus()["wav_1_sample"].content)
    with pytest.raises(RuntimeError, match=r"does not start: (.|\n)*no_such_package"):
        run(path, tmp_path / "out")


def test_a_fault_of_the_child_is_logged_and_refused(tmp_path, monkeypatch, caplog):
    code = decoding._CODE.replace(
        "main(", "import stemwise.audio; stemwise.audio.open_blocks = None; main("
    )
    replace_child(monkeypatch, code)
    path = save(tmp_path, hostile.corpus()["wav_1_sample"].content)
    with pytest.raises(UnprocessableError, match="cannot be decoded"):
        run(path, tmp_path / "out")
    assert "TypeError" in caplog.text


def test_a_full_disk_is_said(tmp_path):
    (tmp_path / "out").symlink_to("/dev/full")
    path = save(tmp_path, hostile.corpus()["flac"].content)
    with pytest.raises(NotReadyError, match="no space") as refusal:
        run(path, tmp_path / "out")
    assert refusal.value.retry_after == 60
    assert not (tmp_path / "out").is_symlink()


def test_cancelling_kills_the_child(tmp_path, monkeypatch):
    marker = tmp_path / "pid"
    write = f"import os, pathlib; pathlib.Path({str(marker)!r}).write_text(str(os.getpid()))"
    replace_child(monkeypatch, f"{write}\nwhile True: pass")
    path = save(tmp_path, hostile.corpus()["wav_1_sample"].content)

    async def cancelled():
        task = asyncio.create_task(decode(path, tmp_path / "out", LIMITS))
        while not (marker.exists() and marker.read_text()):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


def test_the_child_sees_no_secrets_and_has_limits(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_KEYS", "secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/lib")
    replace_child(
        monkeypatch,
        "import json, os, resource, sys; sys.path.insert(0, sys.argv[1])\n"
        "from stemwise.serving.intake import decode_child as child\n"
        "child._limit(json.loads(sys.argv[2])['limits'])\n"
        "names = ['AS', 'CPU', 'FSIZE', 'CORE', 'NOFILE']\n"
        "get = lambda name: resource.getrlimit(getattr(resource, 'RLIMIT_' + name))\n"
        "message = [sorted(os.environ), [get(n) for n in names], os.getcwd(), os.getsid(0)]\n"
        "message.append(sorted(m for m in ('torch', 'ray', 'av') if m in sys.modules))\n"
        "print(json.dumps({'error': 'unprocessable', 'message': repr(message)}))",
    )
    path = save(tmp_path, hostile.corpus()["wav_1_sample"].content)
    with pytest.raises(UnprocessableError) as told:
        run(path, tmp_path / "out")
    names, limits, folder, session, heavy = eval(str(told.value))
    assert {"LD_LIBRARY_PATH", "OMP_NUM_THREADS"} <= set(names)
    assert not {"STEMWISE_KEYS", "PYTHONPATH", "HOME"} & set(names)
    size = (60 * 44_100 + 1) * 8
    assert [soft for soft, _ in limits] == [1_500_000_000, 120, size, 0, 64]
    assert all(soft == hard for soft, hard in limits)
    assert folder == "/" and session != os.getsid(0)
    assert heavy == []


def test_the_limit_of_cpu_time_ends_a_loop():
    code = (
        "from stemwise.serving.intake.decode_child import _limit\n"
        "_limit({'memory_bytes': 10**9, 'cpu_s': 1, 'wall_s': 60, 'max_duration_s': 1})\n"
        "while True: pass"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert -done.returncode in (signal.SIGXCPU, signal.SIGKILL)


def test_files_decode_side_by_side(tmp_path):
    paths = [
        save(tmp_path, hostile.corpus()[name].content, name)
        for name in ("flac", "wav_nan", "mp3", "zip")
    ]

    async def all_of_them():
        tasks = [decode(path, path.with_suffix(".out"), LIMITS) for path in paths]
        return await asyncio.gather(*tasks, return_exceptions=True)

    flac, nan, mp3, archive = asyncio.run(all_of_them())
    assert flac.samples == mp3.samples == 44_100
    assert isinstance(nan, UnprocessableError) and isinstance(archive, UnsupportedAudioError)


MAGICS = {
    "wav": hostile.encoded(hostile.noise(300), "WAV"),
    "rf64": hostile.encoded(hostile.noise(300), "RF64", "PCM_16"),
    "flac": hostile.encoded(hostile.noise(300), "FLAC"),
    "ogg": hostile.encoded(hostile.noise(300), "OGG"),
    "mp3": hostile.encoded(hostile.noise(300), "MP3"),
    "bare_mp3": hostile.bare_mp3(hostile.noise(3000)),
    "aiff": hostile.encoded(hostile.noise(300), "AIFF"),
}


@pytest.mark.parametrize("kind", MAGICS)
@settings(max_examples=examples(5, 12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_bytes_behind_each_magic_do_no_harm(tmp_path, caplog, kind, data):
    content = bytearray(MAGICS[kind])
    kept = data.draw(st.integers(4, min(200, len(content))), "bytes of the header that are kept")
    if data.draw(st.booleans(), "only some bytes are changed"):
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    else:
        content[kept:] = data.draw(st.binary(max_size=2000))
    status = attempt(save(tmp_path, bytes(content)), tmp_path / "out")
    assert status in hostile.ANY
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_audio_by_accident(tmp_path_factory, content):
    path = save(tmp_path_factory.getbasetemp(), content, "sniffed")
    try:
        assert suffix_of(path) in {one for known in UPLOAD_FORMATS for one in known.suffixes}
    except UnsupportedAudioError as error:
        assert str(error).startswith("The file ")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "is empty"),
        ("text", "is text"),
        ("html", "is a web page"),
        ("zip", "is a zip archive"),
        ("png", "is a PNG image"),
        ("pdf", "is a PDF document"),
        ("heic", "is a HEIF picture"),
        ("webm", "is a Matroska or WebM file"),
        ("playlist", "is a playlist"),
        ("ogg_theora", "is an Ogg video"),
        ("id3_playlist", "has an ID3 tag, but no MP3 follows it"),
        ("random", "is not in a format that this server knows"),
    ],
)
def test_what_is_refused_is_named(tmp_path, name, said):
    with pytest.raises(UnsupportedAudioError, match=said):
        suffix_of(save(tmp_path, hostile.corpus()[name].content))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("rf64", ".wav"),
        ("flac", ".flac"),
        ("opus", ".ogg"),
        ("mp3_named_wav", ".mp3"),
        ("mp3_bare", ".mp3"),
        ("id3_of_1_mb", ".mp3"),
        ("aiff", ".aiff"),
    ],
)
def test_the_content_says_what_a_file_is(tmp_path, name, suffix):
    assert suffix_of(save(tmp_path, hostile.corpus()[name].content)) == suffix


def test_tags_in_a_row_and_before_flac_are_skipped(tmp_path):
    tags = hostile.id3(300) + hostile.id3(20)
    for name, suffix in (("mp3", ".mp3"), ("flac", ".flac")):
        path = save(tmp_path, tags + hostile.corpus()[name].content)
        assert suffix_of(path) == suffix
        assert run(path, tmp_path / "out").samples == 44_100


def test_frames_of_real_mp3s_lie_where_their_headers_say():
    for rate, channels in ((44_100, 2), (32_000, 1), (16_000, 1)):
        content = hostile.encoded(hostile.noise(rate, channels), "MP3", rate=rate)
        position, frames = 0, 0
        while (length := frame_length(content[position : position + 4])) is not None:
            position, frames = position + length, frames + 1
        assert position == len(content) and frames > 20
    for header in (b"", b"\xff\xfb", b"\xff\xfb\xf0\x64", b"\xff\xfb\x9c\x64", b"\xff\xe9\x90\x64"):
        assert frame_length(header) is None


def test_a_video_is_refused_as_one(tmp_path):
    with pytest.raises(UnsupportedAudioError, match="is a video: send its sound alone"):
        run(save(tmp_path, hostile.corpus()["mp4_video"].content), tmp_path / "out")


def test_a_cut_m4a_is_told_so(tmp_path):
    content = hostile.corpus()["m4a"].content
    with pytest.raises(RequestError, match=r"^The file (is cut|cannot be opened)"):
        run(save(tmp_path, content[:-20]), tmp_path / "out")


def test_a_level_that_is_none_is_named_with_the_way_out(tmp_path):
    path = save(tmp_path, hostile.corpus()["wav_largest_floats"].content)
    with pytest.raises(UnprocessableError, match=r"peak of 3e\+38 \(\+770 dB.*from -1 to 1\.$"):
        run(path, tmp_path / "out")
