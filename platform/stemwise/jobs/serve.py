"""`stemwise serve`: the ensemble as a service on this machine, or on the Ray cluster it belongs to."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from stemwise.core.errors import ConfigError
from stemwise.models.registry import prepare
from stemwise.models.spec import ModelSpec
from stemwise.report.download import download_display

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class ServeOptions:
    """What the command line says. `settings` are `key=value` changes of the profile."""

    recipes: Sequence[str] = ("demo",)
    host: str = "127.0.0.1"
    port: int = 8000
    profile: str = "cpu"
    state: Path | None = None
    database: str | None = None
    files: str | None = None
    keys: Path | None = None
    allow_hosts: Sequence[str] = ()
    metrics_port: int | None = None
    settings: Sequence[str] = field(default_factory=tuple)


def serve(options: ServeOptions, console: Console | None = None) -> int:
    """Serve until interrupted; return the exit code.

    Raises:
        ConfigError: a wrong argument, or a port that is taken.
        CheckpointError: a model's weights that cannot be fetched.
    """
    from stemwise.serving.graph.backend import open_store, served_recipes
    from stemwise.serving.http.keys import Keys

    console = console or Console()
    arguments = app_arguments(options)
    overlap = arguments.load().overlap
    _, specs = served_recipes(arguments.recipes, overlap)
    keys = Keys.load(options.keys)
    if options.host not in _LOOPBACK and not keys.required:
        console.print(
            f"Warning: {options.host} is reachable from other machines and requires no key: "
            "`stemwise keys new NAME` makes one, --keys FILE asks for it.",
            style="yellow",
        )
    if options.metrics_port is not None:
        console.print(
            f"Warning: Ray opens the metrics' port {options.metrics_port} on all addresses of this "
            "machine and asks for no key: keep it behind a firewall.",
            style="yellow",
        )
    _check_port(options.host, options.port)
    _fetch(list(specs.values()), console)
    open_store(arguments).close()  # a state folder that cannot be used is said before Ray starts
    return _run(options, arguments, console)


def app_arguments(options: ServeOptions) -> Any:
    """Return the arguments of the application builder."""
    from stemwise.serving.settings import AppArgs

    hosts = list(options.allow_hosts)
    if options.host in _LOOPBACK:
        hosts += sorted(_LOOPBACK)
    return AppArgs(
        recipes=list(options.recipes),
        profile=options.profile,
        state=None if options.state is None else str(options.state.expanduser().resolve()),
        database=options.database,
        files=options.files,
        keys_file=None if options.keys is None else str(options.keys.expanduser().resolve()),
        allowed_hosts=hosts,
        settings=_changes(options.settings),
    )


def _changes(texts: Sequence[str]) -> dict[str, Any]:
    """Return `limits.max_upload_mb=50` and the like as nested mappings."""
    import yaml

    out: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        *parents, last = (name.strip() for name in path.split("."))
        if not equals or not all([*parents, last]):
            raise ConfigError(f"--set {text!r} is not usable: write --set limits.max_upload_mb=50.")
        place = out
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ConfigError(f"--set {text!r} contradicts another --set of {parent}.")
        try:
            place[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {text!r}: {value!r} is not a YAML value.") from error
    return out


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if port == 0:  # any port: nobody would know which
                raise OverflowError
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "ports are numbers from 1 to 65535"
            raise ConfigError(
                f"{host}:{port} cannot be used ({reason}): choose another --host or --port."
            ) from error


def _fetch(specs: Sequence[ModelSpec], console: Console) -> None:
    """Fetch all weights here, where their progress is seen, and not in the replicas."""
    for spec in specs:
        with download_display(console) as progress:
            prepare(spec, progress(spec.name))


def _wait_for_a_signal() -> None:
    """Wait for SIGINT or SIGTERM (Ray sets handlers of its own when it starts, hence only here)."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


def _stop(console: Console, *steps: Callable[[], None]) -> None:
    """Stop Serve and Ray without what they say of their own processes' ends.

    Ray prints to the standard output that the controller's task failed that was to end it; both have
    logs of their own for such things.
    """
    logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
    failed = ""
    with redirect_stdout(io.StringIO()):
        for step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001 (said; what is left ends with this process)
                failed = " ".join(str(error).split())[:200] or type(error).__name__
    if failed:
        console.print(f"Serve did not stop and was terminated ({failed}). Jobs are kept.")


def _run(options: ServeOptions, arguments: Any, console: Console) -> int:
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ten rounds a second of Serve's controller are a fifth of what an idle service costs.
    os.environ.setdefault("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "0.5")
    import ray
    from ray import serve as ray_serve

    from stemwise.serving.app import build
    from stemwise.serving.graph.logs import LOGGING

    console.print("Loading the models …")
    ray.init(
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        _metrics_export_port=options.metrics_port,
    )
    try:
        where = {"host": options.host, "port": options.port}
        ray_serve.start(http_options=where, logging_config=LOGGING)
        ray_serve.run(build(arguments), name="stemwise", route_prefix="/", blocking=False)
        shown = f"[{options.host}]" if ":" in options.host else options.host
        console.print(
            f"Serving {', '.join(arguments.recipes)} at http://{shown}:{options.port}/ "
            "(Ctrl-C stops; jobs are kept).",
            highlight=False,
            soft_wrap=True,
        )
        _wait_for_a_signal()
        console.print("Stopping.")
    except BaseException:
        ray.shutdown()
        raise
    _stop(console, ray_serve.shutdown, ray.shutdown)
    return 0
