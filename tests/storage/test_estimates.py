"""The estimate store: what is in it is whole, exact, and found again under the right key only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.core.errors import AudioError, ModelError, OutputError
from stemwise.core.precision import PRECISIONS
from stemwise.storage.disk import disk_free, writable
from stemwise.storage.estimates import EstimateStore, audio_digest, entry_key

KEY = entry_key("audio", "identity", 1)
STEP = 2.0**-23


def noise(stems=2, samples=1000, peak=0.9, seed=0):
    signal = np.random.default_rng(seed).uniform(-1, 1, (stems, 2, samples)).astype(np.float32)
    return signal / np.abs(signal).max() * np.float32(peak)


def in_parts(signal, size=300):
    for start in range(0, signal.shape[2], size):
        yield signal[..., start : start + size]


@pytest.fixture
def store(tmp_path):
    return EstimateStore(tmp_path / "store")


def put(store, signal, key=KEY, stems=("vocals", "drums")):
    return store.put(key, stems, in_parts(signal), "cpu")


def files(store):
    return sorted(
        str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()
    )


def test_what_was_put_is_got(store):
    signal = noise()
    assert store.get(KEY) is None
    entry = put(store, signal)
    found = store.get(KEY)
    assert found == entry
    assert found.stems == ("vocals", "drums")
    assert (found.samples, found.device, found.key) == (1000, "cpu", KEY)
    for index, stem in enumerate(found.stems):
        np.testing.assert_allclose(found.read(stem), signal[index], atol=0.51 * STEP, rtol=0)
        assert found.read(stem).dtype == np.float32
    assert files(store) == [
        f"{KEY[:2]}/{KEY}/{name}" for name in ("drums.flac", "entry.json", "vocals.flac")
    ]


def test_flac_files_are_usable_without_the_store(store):
    signal = noise()
    entry = put(store, signal)
    for index, stem in enumerate(entry.stems):
        info = soundfile.info(entry.path(stem))
        assert (info.format, info.subtype) == ("FLAC", "PCM_24")
        assert (info.samplerate, info.channels, info.frames) == (44_100, 2, 1000)
        samples, _ = soundfile.read(entry.path(stem), dtype="float64")
        np.testing.assert_allclose(samples.T, signal[index], atol=1.01 * STEP, rtol=0)


@pytest.mark.parametrize("peak", [0.0, 1e-12, 0.5, 1 - 2**-23, 1.0, 1.0000001, 1.7, 40.0, 1e6])
def test_no_estimate_clips_and_the_gain_is_undone(store, peak):
    loud, quiet = noise(1, peak=peak), noise(1, peak=0.3, seed=1)
    entry = put(store, np.concatenate([loud, quiet]))
    assert entry.gains["drums"] == 1
    assert entry.gains["vocals"] == pytest.approx(min(1, (1 - STEP) / max(peak, 1e-9)))
    stored, _ = soundfile.read(entry.path("vocals"), dtype="int32")
    assert abs(stored.astype(np.int64)).max() < 2**31
    step = max(STEP, STEP * peak)
    # float32 itself is as coarse as 24 bits near full scale
    np.testing.assert_allclose(entry.read("vocals"), loud[0], atol=1.5 * step, rtol=0)
    np.testing.assert_allclose(entry.read("drums"), quiet[0], atol=0.51 * STEP, rtol=0)


def test_the_order_of_stems_is_the_models(store):
    put(store, noise(3), stems=("b", "a", "c"))
    assert store.get(KEY).stems == ("b", "a", "c")


def test_the_time_of_making_is_recorded_and_that_of_writing_is_not(store):
    def slow() -> Iterator[np.ndarray]:
        for part in in_parts(noise(samples=600)):
            time.sleep(0.05)
            yield part

    entry = store.put(KEY, ("a", "b"), slow(), "cpu")
    assert 0.1 <= entry.wall_s < 1
    assert store.get(KEY).wall_s == entry.wall_s


@pytest.mark.parametrize("raw", [False, True])
def test_the_size_of_passes_is_asked_for_once_all_is_made(tmp_path, raw):
    store, size = EstimateStore(tmp_path / "store", raw=raw), 4

    def halved() -> Iterator[np.ndarray]:
        nonlocal size
        yield from in_parts(noise(samples=600))
        size = 2

    entry = store.put(KEY, ("a", "b"), halved(), "cuda", lambda: size)
    assert entry.batch_size == 2 == store.get(KEY).batch_size
    store.settle(KEY)
    assert store.get(KEY).batch_size == 2


def test_entries_that_do_not_tell_the_size_of_passes_stay_readable(store):
    entry = put(store, noise())
    assert entry.batch_size is None
    path = entry.folder / "entry.json"
    content = json.loads(path.read_text())
    del content["batch_size"], content["precision"]  # as older versions wrote it
    path.write_text(json.dumps(content))
    assert store.get(KEY) == entry


@pytest.mark.parametrize("raw", [False, True])
def test_an_entry_keeps_its_precision(tmp_path, raw):
    store = EstimateStore(tmp_path / "store", raw=raw)
    entry = store.put(KEY, ("a", "b"), in_parts(noise(samples=600)), "cuda", precision="bf16")
    store.settle(KEY)
    assert entry.precision == "bf16" == store.get(KEY).precision


def test_only_other_precisions_than_float32_have_keys_of_their_own():
    assert entry_key("audio", "identity", 1, "fp32") == KEY  # so older stores stay valid
    assert len({entry_key("audio", "identity", 1, name) for name in PRECISIONS}) == 4


def test_the_key_follows_audio_identity_and_engine():
    assert len({KEY, entry_key("other", "identity", 1), entry_key("audio", "other", 1)}) == 3
    assert entry_key("audio", "identity", 2) != KEY
    assert entry_key("audio", "identity", 1) == KEY


def test_the_digest_follows_every_sample_the_shape_and_the_order():
    signal = noise(1)[0]
    changed = signal.copy()
    changed[1, 999] = np.nextafter(changed[1, 999], np.float32(2))
    digests = {
        audio_digest(signal),
        audio_digest(changed),
        audio_digest(signal[::-1]),
        audio_digest(signal[:, :-1]),
        audio_digest(signal.reshape(1, -1)),
        audio_digest(signal, signal),
        audio_digest(signal, changed),
        audio_digest(changed, signal),
        audio_digest(),
    }
    assert len(digests) == 9
    mapped = np.asfortranarray(signal)
    assert audio_digest(mapped) == audio_digest(signal.copy()) == audio_digest(signal)


def test_a_model_that_raises_leaves_nothing(store):
    def failing() -> Iterator[np.ndarray]:
        yield noise()
        raise ModelError("in the middle")

    with pytest.raises(ModelError, match="in the middle"):
        store.put(KEY, ("a", "b"), failing(), "cpu")
    assert store.get(KEY) is None
    assert list(store.root.iterdir()) == []


def test_a_model_that_cannot_read_its_files_is_not_called_a_full_store(store):
    def failing() -> Iterator[np.ndarray]:
        yield noise()
        raise FileNotFoundError(2, "No such file", "weights.bin")

    with pytest.raises(FileNotFoundError, match=r"weights\.bin"):
        store.put(KEY, ("a", "b"), failing(), "cpu")
    assert list(store.root.iterdir()) == []


@pytest.mark.parametrize("stems", [("a",), ("a", "b", "c")])
def test_stems_must_be_as_many_as_estimates(store, stems):
    with pytest.raises(ValueError, match="zip"):
        store.put(KEY, stems, in_parts(noise(2)), "cpu")
    assert store.get(KEY) is None


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from stemwise.storage.estimates import EstimateStore

def parts():
    for _ in range(1000):
        yield np.full((1, 2, 1000), 0.1, np.float32)
        print("going", flush=True)
        time.sleep(0.01)

EstimateStore(Path(sys.argv[1])).put(sys.argv[2], ("a",), parts(), "cpu")
"""


def test_a_killed_process_leaves_nothing_that_is_seen(store):
    command = [sys.executable, "-c", KILLED, str(store.root), KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert store.get(KEY) is None
    entry = put(store, noise())
    assert store.get(KEY) == entry


RACING = """
import sys
from pathlib import Path
import numpy as np
from stemwise.storage.estimates import EstimateStore

seed = int(sys.argv[3])
signal = np.random.default_rng(0).uniform(-1, 1, (2, 2, 20_000)).astype(np.float32)
signal *= np.float32(1.5 + seed / 4)  # as two devices differ, only more
store = EstimateStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    entry = store.put(f"{number:064x}", ("a", "b"), [signal], "cpu")
    for stem in "ab":
        again = store.get(entry.key)
        np.testing.assert_allclose(again.read(stem), entry.read(stem), atol=0)
        assert entry == again
"""


def test_two_processes_may_put_the_same_keys_at_once(store):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACING, str(store.root), KEY, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert len(files(store)) == 20 * 3


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = b"\0" * 40
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("drums.flac", cut),
        ("drums.flac", Path.unlink),
        ("drums.flac", lambda path: path.write_bytes(b"")),
        ("drums.flac", lambda path: (path.unlink(), path.mkdir())),
        ("entry.json", cut),
        ("entry.json", Path.unlink),
        ("entry.json", lambda path: path.write_bytes(b"")),
        ("entry.json", lambda path: path.write_bytes(b"\xff\xfe")),
        ("entry.json", lambda path: path.write_text("{}")),
        ("entry.json", lambda path: path.write_text("[]")),
        ("entry.json", lambda path: path.write_text('{"gains": 5, "samples": "x"}')),
    ],
)
def test_a_damaged_entry_is_made_again(store, name, damage):
    signal = noise()
    folder = put(store, signal).folder
    damage(folder / name)
    assert store.get(KEY) is None
    again = put(store, signal)
    assert store.get(KEY) == again
    np.testing.assert_allclose(again.read("drums"), signal[1], atol=STEP, rtol=0)


def test_damage_that_only_decoding_finds_is_named_and_made_again_next_time(store):
    signal = noise(samples=50_000)
    entry = put(store, signal)
    overwrite(entry.path("drums"))
    assert store.get(KEY) is not None  # as long as it was
    with pytest.raises(AudioError, match=r"drums\.flac.*run again"):
        entry.read("drums")
    assert store.get(KEY) is None
    assert store.get(put(store, signal).key).read("drums").shape == (2, 50_000)


def test_entries_of_another_form_are_made_again(store):
    folder = put(store, noise()).folder
    content = json.loads((folder / "entry.json").read_text())
    (folder / "entry.json").write_text(json.dumps(content | {"colour": "red"}))
    assert store.get(KEY) is None


def test_a_store_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        store = EstimateStore(root)
        assert store.get(KEY) is None
        with pytest.raises(OutputError, match=r"store=") as caught:
            put(store, noise())
        assert str(root) in str(caught.value) and "\n" not in str(caught.value)


def test_a_place_that_is_taken_is_named(store):
    store.root.mkdir()
    (store.root / KEY[:2]).write_text("a file where a folder belongs")
    with pytest.raises(OutputError):
        put(store, noise())
    assert [path.name for path in store.root.iterdir()] == [KEY[:2]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(store, monkeypatch):
    import stemwise.storage.estimates as module

    def full(signal, path, gain=1.0, subtype="PCM_24"):
        with soundfile.SoundFile("/dev/full", "w", 44_100, 2, format="FLAC") as file:
            file.write(np.zeros((1_000_000, 2)))

    monkeypatch.setattr(module, "encode", full)
    with pytest.raises(OutputError, match="cannot be written"):
        put(store, noise())
    assert list(store.root.iterdir()) == []


def test_free_space_and_rights_are_told(tmp_path):
    assert disk_free(tmp_path / "not" / "yet" / "there") > 0
    assert writable(tmp_path / "new" / "folder")
    (tmp_path / "file").touch()
    assert not writable(tmp_path / "file")
    assert not writable(tmp_path / "file" / "below")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_leftovers_of_killed_processes_are_swept_when_they_are_old(tmp_path):
    store = EstimateStore(tmp_path)
    old, young = tmp_path / ".making-old", tmp_path / ".making-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "vocals.f32").write_bytes(b"half")
    os.utime(old, (0, 0))
    store.sweep()
    assert not old.exists()
    assert young.exists()


def test_sweeping_puts_up_with_what_vanishes_meanwhile(store):
    store.root.mkdir()
    (store.root / ".making-gone").symlink_to(store.root / "nowhere")
    store.sweep()


@pytest.mark.parametrize("peak", [0.9, 1.0, 1.7, 1e-4])
def test_a_raw_entry_reads_as_it_will_once_it_is_encoded(tmp_path, peak):
    """Bit for bit, also where it is turned down: what is measured is what is stored."""
    hasty, store = EstimateStore(tmp_path / "store", raw=True), EstimateStore(tmp_path / "store")
    entry = put(hasty, noise(peak=peak, samples=5000))
    assert not list((tmp_path / "store").glob("*/*/*.flac"))
    raw = store.get(KEY)
    assert raw is not None and raw == entry
    before = {stem: raw.read(stem) for stem in raw.stems}
    store.settle(KEY)
    settled = store.get(KEY)
    assert settled is not None and settled.raw is None and settled == raw
    for stem, samples in before.items():
        np.testing.assert_array_equal(settled.read(stem), samples)
        np.testing.assert_array_equal(raw.read(stem), samples)  # its reader is not cut off
    assert not list((tmp_path / "store" / ".raw").iterdir())
    store.settle(KEY)  # nothing is left to do
    direct = put(EstimateStore(tmp_path / "other"), noise(peak=peak, samples=5000))
    for stem, samples in before.items():
        np.testing.assert_array_equal(direct.read(stem), samples)


def test_half_a_raw_entry_counts_as_absent(tmp_path):
    store = EstimateStore(tmp_path / "store", raw=True)
    put(store, noise())
    (cut,) = store.root.glob(".raw/*/drums.f32")
    cut.write_bytes(cut.read_bytes()[:-4])
    assert store.get(KEY) is None


def test_raw_entries_that_nobody_settled_are_swept(tmp_path):
    store = EstimateStore(tmp_path / "store", raw=True)
    put(store, noise())
    store.sweep()
    assert store.get(KEY) is not None
    store.sweep(older_than_s=-1)
    assert store.get(KEY) is None
