"""Starting a job under Hydra, with exit codes that scripts can rely on."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from stemwise.core import config_dirs
from stemwise.core.config import conf_dir
from stemwise.core.errors import StemwiseError
from stemwise.core.places import scratch_folder
from stemwise.jobs.overrides import command, complaint, plain, search_path
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.sweep.run import sweep
from stemwise.jobs.typed import read
from stemwise.report.console import make_console

T = TypeVar("T")
Job = Callable[[T, Console], int]
INTERRUPTED = 130
_QUIET, _SWEEP = {"-q", "--quiet"}, {"-m", "--multirun"}
# store=PATH names the store's root; store={root: …, keep: …} is Hydra's own form
_STORE = re.compile(r"(\+{0,2})store=(?!\s*\{)")


def launch(name: str, kind: type[T], job: Job[T], arguments: list[str] | None = None) -> int:
    """Compose the configuration `name` with overrides, run `job` with it as a `kind`, return its code.

    A `-m` multirun runs the job for every combination. Evaluations run side by side, each in its own
    folder below `output` with one estimate store for all, and end in one summary (`sweep`); others run
    one after another, and the worst exit code is returned.
    """
    asked = sys.argv[1:] if arguments is None else arguments
    quiet = bool(_QUIET & set(asked))
    given = [_as_hydra_reads(argument) for argument in asked if argument not in _QUIET]
    try:
        given = [*config_dirs.without_option(given), *search_path()]
    except StemwiseError as error:
        Console(stderr=True).print(f"Error: {error}", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code
    OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, replace=True)
    codes: list[int] = []
    gathered: list[tuple[EvaluateSettings, list[str]]] = []

    def task(config: DictConfig) -> None:
        if kind is not EvaluateSettings or HydraConfig.get().mode != RunMode.MULTIRUN:
            codes.append(_run(name, kind, job, config, quiet))
            return
        settings = read(EvaluateSettings, plain(config), what=command(name))
        gathered.append((settings, list(HydraConfig.get().overrides.task)))

    if not set(given) & {"-h", "--help", "--hydra-help", "-i", "--info"}:
        problem = complaint(name, kind, given)
        if problem is not None:
            Console(stderr=True).print(
                f"Error: {problem}", highlight=False, markup=False, soft_wrap=True
            )
            return 2
    # Hydra's parser takes no overrides on both sides of an option
    sys.argv = [f"stemwise {name}", *sorted(given, key=lambda text: text not in _SWEEP)]
    try:
        hydra.main(config_path=str(conf_dir()), config_name=name, version_base="1.3")(task)()
    except SystemExit as leave:  # Hydra's way of ending after --help and after a bug's traceback
        return int(leave.code or 0)
    if gathered:
        return _guarded(lambda: sweep(gathered, f"{job.__module__}:{job.__name__}", quiet))
    return max(codes, default=0)


def _as_hydra_reads(argument: str) -> str:
    """Return an override with the store's root named, and `~` as what it means to a shell."""
    if _STORE.match(argument):
        argument = _STORE.sub(r"\1store.root=", argument, count=1)
    key, equals, value = argument.partition("=")
    home = equals and (value == "~" or value.startswith("~/"))
    return f"{key}={Path(value).expanduser()}" if home else argument


def _run(name: str, kind: type[T], job: Job[T], config: DictConfig, quiet: bool) -> int:
    """Run one job and return its exit code."""
    return _guarded(
        lambda: job(read(kind, plain(config), what=command(name)), make_console(quiet=quiet))
    )


def _guarded(work: Callable[[], int]) -> int:
    """Do work; an error meant for the user is printed, anything else is a bug and propagates."""
    errors = Console(stderr=True)
    try:
        return work()
    except StemwiseError as error:
        errors.print(f"Error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        errors.print("Interrupted. The same command resumes where it stopped.", style="yellow")
        return INTERRUPTED


def _sweep_folder(output: str) -> str:
    """Return where Hydra notes the overrides of a sweep: its output, where that is local."""
    return output if "://" not in output else str(scratch_folder() / "sweeps")
