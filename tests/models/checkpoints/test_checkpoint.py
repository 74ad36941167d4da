from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stemwise.core.errors import CheckpointError, ConfigError, MissingDependencyError
from stemwise.models.checkpoints import checkpoint as module
from stemwise.models.checkpoints.checkpoint import Checkpoint, digest, locate
from stemwise.models.checkpoints.obtain import ensure

WEIGHTS = b"weights"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def cached(home: Path) -> Path:
    path = home / "checkpoints" / "weights.ckpt"
    path.parent.mkdir(parents=True)
    path.write_bytes(WEIGHTS)
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that must not be imported, with a file of weights in it."""
    root = tmp_path / "site" / "carrier_of_weights"
    (root / "data").mkdir(parents=True)
    (root / "__init__.py").write_text("raise RuntimeError('imported')")
    (root / "data" / "weights.ckpt").write_bytes(WEIGHTS)
    monkeypatch.syspath_prepend(str(root.parent))
    return root


def change(path: Path, content: bytes) -> None:
    """Write a file so that its time differs whatever the clock's grain is."""
    later = path.stat().st_mtime_ns + 5_000_000_000
    path.write_bytes(content)
    os.utime(path, ns=(later, later))


def message_of(checkpoint: Checkpoint) -> str:
    with pytest.raises(CheckpointError) as caught:
        ensure(checkpoint, name="some_model")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"filename": "../escape.ckpt"},
        {"filename": ""},
        {"filename": ".digests"},
        {"url": "ftp://example.org/a"},
        {"url": "file:///etc/passwd"},
        {"sha256": "abc"},
        {"sha256": "not hexadecimal digits"},
        {"sha256": 1},
        {"sha256": "a" * 65},
        {"package": "no_file"},
        {"package": "carrier/../../escape"},
        {"package": "/etc/passwd"},
    ],
)
def test_values_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ConfigError):
        Checkpoint(**{"filename": "weights.ckpt", **wrong})


def test_locate_looks_but_does_not_make_anything(home):
    assert locate(Checkpoint("weights.ckpt", url="https://example.org/weights.ckpt")) is None
    assert locate(Checkpoint("weights.ckpt", package="no_such_package/weights.ckpt")) is None
    assert locate(Checkpoint("weights.ckpt", path=Path("nowhere.ckpt"))) is None
    assert not home.exists()


def test_an_own_file_wins_over_the_package_and_the_package_over_the_cache(
    cached, package, tmp_path
):
    own = tmp_path / "own.ckpt"
    own.write_bytes(b"own")
    carried = "carrier_of_weights/data/weights.ckpt"
    assert locate(Checkpoint("weights.ckpt", package=carried, path=own)) == own
    assert locate(Checkpoint("weights.ckpt", package=carried)) == package / "data" / "weights.ckpt"
    assert locate(Checkpoint("weights.ckpt")) == cached


def test_a_package_is_found_without_being_imported(package, home):
    file = ensure(
        Checkpoint("weights.ckpt", package="carrier_of_weights/data/weights.ckpt"),
        name="some_model",
    )
    assert file.sha256 == SHA256
    assert "carrier_of_weights" not in sys.modules
    assert sorted(path.name for path in package.rglob("*")) == [
        "__init__.py",
        "data",
        "weights.ckpt",
    ]


def test_a_missing_package_names_the_extra(home):
    wanted = Checkpoint("weights.ckpt", package="no_such_package/weights.ckpt", extra="spleeter")
    with pytest.raises(MissingDependencyError, match=r"stemwise\[spleeter\]"):
        ensure(wanted, name="some_model")


def test_a_package_without_the_file_is_named(package, home):
    wanted = Checkpoint("w.ckpt", package="carrier_of_weights/data/absent.ckpt", extra="spleeter")
    assert "install carrier_of_weights again" in message_of(wanted)


def test_a_published_digest_is_enforced(cached):
    assert ensure(Checkpoint("weights.ckpt", sha256=SHA256), name="m").sha256 == SHA256
    assert ensure(Checkpoint("weights.ckpt", sha256=SHA256[:8].upper()), name="m").path == cached
    message = message_of(Checkpoint("weights.ckpt", sha256="0" * 8))
    assert "0" * 8 in message and SHA256 in message and "models pull some_model" in message


def test_a_published_size_is_enforced(cached):
    assert "expected 8 bytes, found 7" in message_of(Checkpoint("weights.ckpt", size=8))
    # The refused file is not taken for the first use.
    change(cached, b"weights!")
    assert ensure(Checkpoint("weights.ckpt", size=8), name="m").path == cached


def test_the_first_use_is_recorded_and_enforced_until_the_record_is_deleted(cached):
    wanted = Checkpoint("weights.ckpt")
    ensure(wanted, name="some_model")
    change(cached, b"other!!")
    message = message_of(wanted)
    record = cached.parent / ".digests" / "weights.ckpt.json"
    assert str(record) in message and SHA256 in message and "models pull some_model" in message
    record.unlink()
    assert ensure(wanted, name="some_model").sha256 == hashlib.sha256(b"other!!").hexdigest()


def test_fetching_again_does_not_forget_the_first_use(home, file_server):
    wanted = Checkpoint("weights.ckpt", url=file_server.url)
    path = ensure(wanted, name="some_model").path
    path.unlink()
    file_server.body = file_server.body[::-1]
    assert "has changed since its first use" in message_of(wanted)


def test_the_records_stay_true_when_the_cache_moves(cached, home, monkeypatch):
    ensure(Checkpoint("weights.ckpt"), name="some_model")
    moved = home.rename(home.with_name("moved"))
    monkeypatch.setenv("STEMWISE_HOME", str(moved))
    change(moved / "checkpoints" / "weights.ckpt", b"other!!")
    assert "has changed" in message_of(Checkpoint("weights.ckpt"))


def test_an_own_file_gets_no_company(home, tmp_path):
    own = tmp_path / "mine" / "own.ckpt"
    own.parent.mkdir()
    own.write_bytes(WEIGHTS)
    assert ensure(Checkpoint("own.ckpt", path=own), name="some_model").path == own
    assert [path.name for path in own.parent.iterdir()] == ["own.ckpt"]
    assert len(list((home / "checkpoints" / ".digests").iterdir())) == 1
    assert "expected sha256" in message_of(Checkpoint("own.ckpt", path=own, sha256="0" * 8))


def test_two_own_files_of_one_name_have_two_records(home, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        own = tmp_path / folder / "own.ckpt"
        own.write_bytes(folder.encode())
        ensure(Checkpoint("own.ckpt", path=own), name="some_model")
    assert len(list((home / "checkpoints" / ".digests").iterdir())) == 2


def test_a_missing_own_file_is_named(home, tmp_path):
    own = tmp_path / "own.ckpt"
    assert str(own) in message_of(Checkpoint("own.ckpt", path=own))


def test_a_file_nobody_publishes_says_where_to_put_it(home):
    message = message_of(Checkpoint("weights.ckpt"))
    assert str(home / "checkpoints" / "weights.ckpt") in message


def test_a_digest_is_computed_once_until_the_file_changes(cached, monkeypatch):
    hashed: list[Path] = []
    real = module.sha256_of

    def counted(path: Path) -> str:
        hashed.append(path)
        return real(path)

    monkeypatch.setattr(module, "sha256_of", counted)
    assert digest(cached) == digest(cached) == SHA256
    assert len(hashed) == 1
    change(cached, b"weighty")  # same size, later
    assert digest(cached) == hashlib.sha256(b"weighty").hexdigest()
    assert len(hashed) == 2


def test_a_fetched_file_is_not_hashed_twice(home, file_server, monkeypatch):
    monkeypatch.setattr(module, "sha256_of", _must_not_hash)  # the transfer hashes by itself
    wanted = Checkpoint("weights.ckpt", url=file_server.url, sha256=file_server.sha256)
    assert ensure(wanted, name="some_model").sha256 == file_server.sha256


def _must_not_hash(path: Path) -> str:
    raise AssertionError(f"{path} was hashed again")


@pytest.mark.parametrize("content", ["", "[]", "{}", "\ud800"])
def test_a_damaged_record_is_named(cached, content):
    record = cached.parent / ".digests" / "weights.ckpt.json"
    record.parent.mkdir()
    record.write_bytes(content.encode("utf-8", "surrogatepass"))
    assert str(record) in message_of(Checkpoint("weights.ckpt"))


def test_a_home_that_cannot_be_written_only_costs_the_record(home, tmp_path, caplog):
    home.write_text("a file where the folder should be")
    own = tmp_path / "own.ckpt"
    own.write_bytes(WEIGHTS)
    assert ensure(Checkpoint("own.ckpt", path=own), name="some_model").sha256 == SHA256
    assert "cannot be recorded" in caplog.text


def test_an_unreadable_file_is_named(home, tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        digest(tmp_path)


def test_listing_models_needs_neither_torch_nor_http():
    code = (
        "import sys, stemwise.models.checkpoints.checkpoint;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'requests', 'numpy')))"
    )
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
