"""Arguments that are no key=value: what was meant, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stemwise.core.nearest import did_you_mean

# options that jobs take: Hydra's, and ours
_OPTIONS = (
    *("--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--resolve", "--package", "-p"),
    *("--run", "-r", "--multirun", "-m", "--shell-completion", "-sc", "--config-path", "-cp"),
    *("--config-name", "-cn", "--config-dir", "-cd", "--experimental-rerun", "--info", "-i"),
    *("--quiet", "-q"),
)
# options of `separate` and of other tools, and the setting that means the same
_SETTINGS = {
    **{"-o": "output", "--output": "output", "--output_dir": "output", "--store_dir": "output"},
    **{"-n": "models", "--model": "models", "--models": "models", "--recipe": "recipes"},
    **{"-d": "device", "--device": "device", "--precision": "precision", "--overlap": "overlap"},
    **{"--dataset": "dataset", "--input_folder": "dataset.root", "--root": "dataset.root"},
    **{
        "-j": "cluster.actors",
        "--jobs": "cluster.actors",
        "--tracks": "tracks",
        "--store": "store",
    },
}
# what a path alone means to jobs that read no songs
_PLACES = {"report": "output=", "fit": "output=", "import_scores": "input="}
_SPECIAL = set("()&;:,~<>|*? ")


def no_setting(given: Sequence[str]) -> str | None:
    """Return one sentence on the first argument of a job that is neither setting nor option, or None."""
    for argument, following in zip(given, [*given[1:], ""], strict=False):
        option = argument.partition("=")[0]
        if argument.startswith("-") and option not in _OPTIONS and not option[1:2].isdigit():
            value = argument.partition("=")[2] or following or "VALUE"
            return _no_option(option, value)
        # a file's name may come after `=`, but an `=` alone or first is torn off
        if following.startswith("=") or argument == "=":
            return f"{argument} {following}: settings have no blanks around =, write key=value."
    return None


def unparsed(name: str, override: str) -> str:
    """Say why Hydra cannot read an override, and how it is written.

    Args:
        name: of the job's configuration in conf/.
        override: what is no key=value, or whose value has characters that mean something to Hydra.
    """
    key, equals, value = override.partition("=")
    if not equals and (Path(override).exists() or "/" in override):
        written = _PLACES.get(name, "dataset=folder dataset.root=") + override
        return f"{override} is not usable: settings are key=value, write {written}."
    if equals and value[:1] not in "[{'\"" and _SPECIAL & set(value):
        return (
            f"{override} is not usable: Hydra needs quotes inside the shell's around such a value, "
            f"'{key}=\"{value}\"'."
        )
    return (
        f"{override} is not usable: write key=value, and lists and mappings in quotes, as in "
        "'models=[a,b]'."
    )


def _no_option(option: str, value: str) -> str:
    if option in _SETTINGS:
        key = _SETTINGS[option]
        return f"There is no option {option} here: settings are key=value, write {key}={value}."
    names = [name.lstrip("-") for name in _OPTIONS if name.startswith("--")]
    near = did_you_mean(option.lstrip("-"), names).replace("you mean ", "you mean --")
    return f"There is no option {option} here: {near}settings are key=value, and --help lists them."
