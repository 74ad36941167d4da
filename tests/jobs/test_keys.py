"""`stemwise keys new`: what is printed, what is stored, what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stemwise.cli import main
from stemwise.core.errors import UnauthorizedError
from stemwise.serving.http.keys import Keys


@pytest.fixture
def new(capsys: pytest.CaptureFixture[str]):
    """Return a function (arguments) → exit code, key, line of the keys file, errors."""

    def run(*arguments: str | Path) -> tuple[int, str, str, str]:
        code = main(["keys", "new", *map(str, arguments)])
        out, error = capsys.readouterr()
        lines = dict(line.split(": ", 1) for line in out.splitlines())
        key = lines.pop("Key (shown only now)", "")
        return code, key, next(iter(lines.values()), ""), error

    return run


def test_a_key_lets_its_owner_in(new, tmp_path: Path) -> None:
    code, key, line, error = new("ann")
    assert (code, error) == (0, "") and len(key) > 40 and key not in line
    file = tmp_path / "keys"
    file.write_text(line)
    keys = Keys.load(file, {})
    assert keys.owner(f"Bearer {key}") == "ann"
    with pytest.raises(UnauthorizedError):
        keys.owner(f"Bearer {key}x")


def test_keys_are_added_to_a_file_that_only_its_owner_reads(new, tmp_path: Path) -> None:
    file = tmp_path / "new" / "keys"
    made = {name: new(name, "--file", file)[1] for name in ("ann", "bob")}
    keys = Keys.load(file, {})
    assert [name for name, _ in keys.entries] == ["ann", "bob"]
    for name, key in made.items():
        assert keys.owner(f"Bearer {key}") == name
        assert key not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keys"]


@pytest.mark.parametrize("before", ["", "\n", "# who may come\n", "# no newline"])
def test_a_file_without_keys_gets_its_first(new, tmp_path: Path, before: str) -> None:
    file = tmp_path / "keys"
    file.write_text(before)
    assert new("ann", "--file", file)[0] == 0
    assert file.read_text().startswith(before)
    assert [name for name, _ in Keys.load(file, {}).entries] == ["ann"]


def test_what_is_in_the_file_stays(new, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    text = f"# ours\nann:{'0' * 64}  # a comment"
    file.write_text(text)
    assert new("bob", "--file", file)[0] == 0
    assert file.read_text().startswith(text + "\nbob:")


def refused(outcome: tuple[int, str, str, str], code: int) -> str:
    assert outcome[:3] == (code, "", "")
    error = outcome[3]
    assert error.startswith("Error: ") and error.count("\n") == 1 and error.endswith(".\n")
    return error


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "x" * 65, "a/b", "#"])
def test_names_that_are_none(new, tmp_path: Path, name: str) -> None:
    file = tmp_path / "keys"
    assert repr(name) in refused(new(name, "--file", file), 2)
    assert not file.exists()


def test_a_name_that_is_taken(new, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    new("ann", "--file", file)
    before = file.read_text()
    assert "has a key called 'ann'" in refused(new("ann", "--file", file), 2)
    assert file.read_text() == before


@pytest.mark.parametrize("content", [b"sw_a-key-that-was-pasted", b"\xff\xfe"])
def test_a_file_of_something_else_is_left_alone(new, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    error = refused(new("ann", "--file", file), 2)
    assert str(file) in error and "pasted" not in error
    assert file.read_bytes() == content


def test_a_folder_in_place_of_a_file(new, tmp_path: Path) -> None:
    assert str(tmp_path) in refused(new("ann", "--file", tmp_path), 2)


def test_a_place_where_nothing_can_be_written(new, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refused(new("ann", "--file", tmp_path / "file" / "keys"), 2)
    assert "file/keys" in error
