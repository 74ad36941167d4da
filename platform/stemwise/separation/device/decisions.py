"""Where decisions of `precision=auto` are kept, so that all who share a folder go by the first.

An estimate's key holds its precision, so workers that decide for themselves would make two estimates
of one song where timings are close. The first decision for (model identity, GPU, PyTorch) is written to
`<folder>/<digest>.json`, whole or not at all, and whoever finds it there takes it, also when a run goes
on later. In a cluster of several kinds of GPUs each kind decides; the table `estimates` tells which.
Object stores know no "write unless it is there", so two workers that decide within the same moments may
differ there; each estimate still carries the precision that it was made in.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import uuid
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch

from stemwise.core import places
from stemwise.core.config import home
from stemwise.core.places import Place, is_local
from stemwise.core.precision import PRECISIONS
from stemwise.separation.device.auto_precision import AGREEMENT_DB, Decision, Trial

_LOG = logging.getLogger(__name__)
FOLDER = "precision"


class Decisions:
    """The decisions about one model.

    Args:
        folder: shared by all who must agree.
        identity: of the model (`ReadyModel.identity`).
    """

    def __init__(self, folder: Place, identity: str) -> None:
        self._folder, self._identity = folder, identity

    @classmethod
    def of_machine(cls, identity: str) -> Decisions:
        """Return the decisions that this machine keeps, in stemwise's cache folder."""
        return cls(home() / FOLDER, identity)

    def of(self, device: str) -> Decision | None:
        """Return what was decided for a kind of device, by its name."""
        try:
            content = json.loads(places.read_bytes(self._path(device)))
            if content["precision"] not in PRECISIONS:
                raise ValueError(f"unknown precision {content['precision']!r}")
            return Decision(content["precision"], tuple(map(_trial, content["trials"])))
        except FileNotFoundError:
            return None
        except OSError as error:
            _LOG.warning("%s cannot be read (%s).", self._path(device), error)
        except (ValueError, TypeError, LookupError) as error:
            _LOG.warning("%s is damaged (%s): deciding again.", self._path(device), error)
            with suppress(OSError):
                places.remove(self._path(device))
        return None

    def settle(self, device: str, decision: Decision) -> Decision:
        """Keep a decision unless there is one, and return the one that counts."""
        path = self._path(device)
        trials = [asdict(trial) | {"agreement_db": _plain(trial)} for trial in decision.trials]
        content = {
            "precision": decision.precision,
            "device": device,
            "torch": torch.__version__,
            "model": self._identity,
            "trials": trials,
        }
        try:
            _write_first(path, json.dumps(content, indent=1).encode())
        except OSError as error:
            _LOG.warning(
                "%s cannot be written (%s): other workers decide for themselves.", path, error
            )
            return decision
        return self.of(device) or decision

    def _path(self, device: str) -> Place:
        text = f"{self._identity}:{device}:{torch.__version__}:{AGREEMENT_DB:g}"
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _trial(content: dict[str, object]) -> Trial:
    agreement = content["agreement_db"]
    return Trial(**content | {"agreement_db": None if agreement is None else float(str(agreement))})  # type: ignore[arg-type]


def _plain(trial: Trial) -> float | str | None:
    # JSON has no infinity
    found = trial.agreement_db
    return str(found) if found is not None and math.isinf(found) else found


def _write_first(path: Place, content: bytes) -> None:
    """Write a file whole unless there is one."""
    if not is_local(path):
        try:
            places.read_bytes(path)
        except FileNotFoundError:
            places.write_whole(path, content)
        return
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(content)
        with suppress(FileExistsError):  # another one was first
            os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
