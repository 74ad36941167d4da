"""`stemwise serve` up to the moment when Ray would be started."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stemwise.cli import main
from stemwise.core.errors import ConfigError
from stemwise.jobs import serve as job
from stemwise.jobs.serve import ServeOptions, app_arguments
from stemwise.serving.http.keys import VARIABLE
from stemwise.serving.settings import DATABASE, FILES, STATE, AppArgs


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    for name in (STATE, DATABASE, FILES, VARIABLE):
        monkeypatch.delenv(name, raising=False)


class Started:
    """What would have been started; nothing where something was refused before."""

    def __init__(self, capsys: pytest.CaptureFixture[str], state: Path) -> None:
        self.calls: list[tuple[ServeOptions, AppArgs]] = []
        self._capsys, self._state = capsys, state

    def __call__(self, options: ServeOptions, arguments: AppArgs, console: Any) -> int:
        self.calls.append((options, arguments))
        return 0

    def main(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Run the command; return exit code, output, errors."""
        given = [str(argument) for argument in arguments]
        if "--state" not in given:
            given += ["--state", str(self._state)]
        code = main(["serve", *given])
        out, error = self._capsys.readouterr()
        return code, " ".join(out.split()), error

    def refused(self, *arguments: str | Path, code: int = 2) -> str:
        """Return the one sentence that is said before anything is started."""
        found, _, error = self.main(*arguments)
        assert found == code, error
        assert error.startswith("Error: ") and error.endswith(".\n") and error.count("\n") == 1
        assert self.calls == []
        return error


@pytest.fixture
def started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Started:
    would = Started(capsys, tmp_path / "state")
    monkeypatch.setattr(job, "_run", would)
    return would


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that something listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_options_become_the_application_s_arguments(tmp_path: Path) -> None:
    options = ServeOptions(
        recipes=("demo", "demo_scnet"),
        profile="gpu",
        state=tmp_path / "x" / ".." / "state",
        database="postgresql+psycopg://db/jobs",
        files="s3://bucket",
        keys=tmp_path / "keys",
        allow_hosts=("music.example",),
        settings=("limits.decodes=3", "models.demo_scnet.threads=2"),
    )
    assert app_arguments(options) == AppArgs(
        recipes=["demo", "demo_scnet"],
        profile="gpu",
        state=str(tmp_path / "state"),
        database="postgresql+psycopg://db/jobs",
        files="s3://bucket",
        keys_file=str(tmp_path / "keys"),
        allowed_hosts=["music.example", "127.0.0.1", "::1", "localhost"],
        settings={"limits": {"decodes": 3}, "models": {"demo_scnet": {"threads": 2}}},
    )


@pytest.mark.parametrize(
    ("host", "allow", "hosts"),
    [
        ("127.0.0.1", (), {"127.0.0.1", "::1", "localhost"}),
        ("::1", (), {"127.0.0.1", "::1", "localhost"}),
        ("0.0.0.0", (), set()),  # its names are not known: all are allowed
        ("0.0.0.0", ("music.example",), {"music.example"}),
    ],
)
def test_names_of_the_server(host: str, allow: tuple[str, ...], hosts: set[str]) -> None:
    made = app_arguments(ServeOptions(host=host, allow_hosts=allow))
    assert set(made.allowed_hosts) == hosts


@pytest.mark.parametrize(
    ("texts", "changes"),
    [
        ((), {}),
        (("a.b=1", "a.c=x"), {"a": {"b": 1, "c": "x"}}),
        (("a.b=1", "a.b=2"), {"a": {"b": 2}}),  # the last one counts
        ((" a . b = 1.5 ",), {"a": {"b": 1.5}}),
        (("a={b: 1, c: [2]}",), {"a": {"b": 1, "c": [2]}}),
        (("a={b: 1}", "a.c=2"), {"a": {"b": 1, "c": 2}}),
        (("a.b=",), {"a": {"b": None}}),
        (("a.b=x=y",), {"a": {"b": "x=y"}}),
        (("a.b=true",), {"a": {"b": True}}),
    ],
)
def test_changes_of_the_profile(texts: tuple[str, ...], changes: dict[str, Any]) -> None:
    assert app_arguments(ServeOptions(settings=texts)).settings == changes


@pytest.mark.parametrize(
    "texts",
    [
        ("limits",),
        ("limits.decodes",),
        ("=5",),
        (".=5",),
        (".decodes=5",),
        ("limits.=5",),
        ("limits..decodes=5",),
        ("",),
        ("limits=5", "limits.decodes=5"),
        ("limits.decodes=[",),
        ("limits.decodes={a: b: c}",),
        ("limits.decodes=@",),
        ("limits.decodes=\x00",),
    ],
)
def test_changes_that_are_none(texts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="--set"):
        app_arguments(ServeOptions(settings=texts))


def test_all_is_well(started: Started, tmp_path: Path) -> None:
    port = free_port()
    code, out, error = started.main("--port", str(port), "--set", "limits.decodes=1")
    assert (code, out, error) == (0, "", "")
    [(options, arguments)] = started.calls
    assert (options.port, options.host) == (port, "127.0.0.1")
    assert arguments.recipes == ["demo"] and arguments.load().limits.decodes == 1
    assert (tmp_path / "state" / "jobs.sqlite3").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "none"], "'none'"),
        (["--recipe", "none.yaml"], "none.yaml"),
        (["--recipe", "demo", "--recipe", "demo"], "'demo' is given twice"),
        (["--recipe", "oracle_irm"], "needs the true stems"),
        (["--profile", "none"], "There is no profile 'none': use cpu, gpu"),
        (["--set", "limits.max_upload=1"], "limits.max_upload "),
        (["--set", "limits.max_upload_mb=many"], "limits.max_upload_mb "),
        (["--set", "limits.max_upload_mb=.inf"], "limits.max_upload_mb "),
        (["--set", "limits"], "'limits'"),
        (["--set", "limits=5", "--set", "limits.decodes=1"], "limits.decodes=1"),
        (["--set", "limits.decodes=["], "limits.decodes=["),
        (["--keys", "none.keys"], "none.keys"),
        (["--port", "70000"], "70000"),
        (["--port", "-1"], "-1"),
        (["--host", "203.0.113.1"], "203.0.113.1"),
        (["--database", "mysql://db/jobs"], "mysql"),
        (["--database", "sqlite://"], "in memory"),
    ],
)
def test_what_is_refused_before_anything_starts(
    started: Started, arguments: list[str], said: str
) -> None:
    port = [] if "--port" in arguments else ["--port", str(free_port())]
    assert said in started.refused(*arguments, *port)


def test_a_port_that_is_taken(started: Started, taken: int) -> None:
    error = started.refused("--port", str(taken))
    assert f"127.0.0.1:{taken}" in error and "--port" in error


def test_a_state_folder_that_is_a_file(started: Started, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    where = ["--port", str(free_port()), "--state", tmp_path / "file"]
    assert "--state" in started.refused(*where, code=1)  # as all places that cannot be written


def test_a_database_that_is_none(started: Started, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "jobs.sqlite3").write_bytes(b"not a database" * 100)
    assert "jobs.sqlite3" in started.refused("--port", str(free_port()), code=1)


def test_a_keys_file_without_keys(started: Started, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# nobody\n")
    assert "holds no keys" in started.refused("--keys", tmp_path / "keys")


@pytest.mark.parametrize(
    ("keys", "variable", "warned"),
    [(False, False, True), (True, False, False), (False, True, False)],
)
def test_an_open_server_on_the_network_is_warned_of(
    started: Started,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keys: bool,
    variable: bool,
    warned: bool,
) -> None:
    line = f"ann:{'0' * 64}"
    arguments: list[str | Path] = ["--host", "0.0.0.0", "--port", str(free_port())]
    if keys:
        (tmp_path / "keys").write_text(line)
        arguments += ["--keys", tmp_path / "keys"]
    if variable:
        monkeypatch.setenv(VARIABLE, line)
    code, out, _ = started.main(*arguments)
    assert code == 0 and len(started.calls) == 1
    assert ("requires no key" in out) is warned


@pytest.mark.parametrize("number", ["x", "", "8000.5"])
def test_ports_that_are_no_numbers(
    started: Started, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        started.main("--port", number)
    assert exit_.value.code == 2 and "--port" in capsys.readouterr().err


def test_weights_that_cannot_be_fetched_are_said_before_anything_starts(
    started: Started, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = tmp_path / "model.yaml"
    model.write_text(f"{{name: mine, base: demucs_package, checkpoint: {tmp_path / 'gone.th'}}}")
    error = started.refused("--port", str(free_port()), "--recipe", model, code=1)
    assert "gone.th" in error


def test_a_stop_says_nothing_of_rays_processes_but_what_went_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def noisy() -> None:
        sys.stdout.write("(raylet) Task ServeController.graceful_shutdown failed.\n")

    def broken() -> None:
        raise TimeoutError("no answer")

    ends = []
    job._stop(Console(), noisy, lambda: ends.append("ray"))
    assert capsys.readouterr().out == "" and ends == ["ray"]
    job._stop(Console(width=200), broken, lambda: ends.append("ray"))
    assert "did not stop and was terminated (no answer)" in capsys.readouterr().out
    assert ends == ["ray", "ray"]


def test_the_metrics_port_is_warned_of(started: Started) -> None:
    port = free_port()
    _, out, _ = started.main("--port", str(free_port()), "--metrics-port", str(port))
    assert f"metrics' port {port} on all addresses" in " ".join(out.split())
