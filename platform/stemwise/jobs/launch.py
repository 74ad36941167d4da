"""Starting a job under Hydra, with exit codes that scripts can rely on."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from stemwise.core.config import conf_dir
from stemwise.core.errors import StemwiseError
from stemwise.core.places import place, scratch_folder
from stemwise.jobs.configuration import plain
from stemwise.report.console import make_console

Job = Callable[[dict[str, Any], Console], int]
INTERRUPTED = 130
# store=PATH names the store's root; store={root: …, keep: …} is Hydra's own form
_STORE = re.compile(r"(\+{0,2})store=(?!\s*\{)")


def launch(name: str, job: Job, arguments: list[str] | None = None) -> int:
    """Compose the configuration `name` with overrides, run `job`, return the exit code.

    A `-m` multirun runs the job for every combination, each in its own folder below `output` with
    one estimate store for all, and returns the worst exit code.
    """
    given = [
        _STORE.sub(r"\1store.root=", argument, count=1) if _STORE.match(argument) else argument
        for argument in (sys.argv[1:] if arguments is None else arguments)
    ]
    OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, replace=True)
    codes: list[int] = []

    def task(config: DictConfig) -> None:
        codes.append(_run(job, config))

    if not set(given) & {"-m", "--multirun", "-h", "--help", "--hydra-help", "-i", "--info"}:
        problem = _check(name, given)
        if problem is not None:
            Console(stderr=True).print(
                f"Error: {problem}", highlight=False, markup=False, soft_wrap=True
            )
            return 2
    sys.argv = [f"stemwise {name}", *given]
    try:
        hydra.main(config_path=str(conf_dir()), config_name=name, version_base="1.3")(task)()
    except SystemExit as leave:  # Hydra's way of ending after --help and after a bug's traceback
        return int(leave.code or 0)
    return max(codes, default=0)


def _check(name: str, given: list[str]) -> str | None:
    """Compose once for the error message; Hydra itself would print a trace and exit with 1."""
    takes_value = {"--cfg", "-c", "--package", "-p", "--config-name", "-cn", "--config-dir", "-cd"}
    overrides = [
        item
        for before, item in zip(["", *given], given, strict=False)
        if not item.startswith("-") and before not in takes_value
    ]
    try:
        with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
            hydra.compose(name, overrides)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        # what follows are search paths, links and advice that Hydra gives to programmers
        return str(error).strip().splitlines()[0].split(" To append to")[0]
    return None


def _run(job: Job, config: DictConfig) -> int:
    """Run one job; an error meant for the user is printed, anything else is a bug and propagates."""
    console, errors = make_console(), Console(stderr=True)
    try:
        values = plain(config)
        _separate_sweep(values)
        return job(values, console)
    except StemwiseError as error:
        errors.print(f"Error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        errors.print("Interrupted. The same command goes on where it stopped.", style="yellow")
        return INTERRUPTED


def _separate_sweep(values: dict[str, Any]) -> None:
    """Give each evaluation of a multirun its own folder, and all of them one estimate store."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN and "store" in values:
        base = place(str(values["output"]), "output=")
        values["store"]["root"] = values["store"]["root"] or str(base / "store")
        values["output"] = str(base / f"job-{hydra_config.job.num}")


def _sweep_folder(output: str) -> str:
    """Return where Hydra notes the overrides of a sweep: its output, where that is local."""
    return output if "://" not in output else str(scratch_folder() / "sweeps")
