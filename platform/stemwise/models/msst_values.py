"""Values of an MSST configuration by their names, with errors that name file and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stemwise.core.errors import ConfigError

Section = Mapping[str, Any]

# Keys of `model` that say nothing about the output: for training only, or said elsewhere.
IGNORED = {
    "architecture",
    "attn_dropout",
    "dim_freqs_in",
    "ff_dropout",
    "model_type",
    "multi_stft_hop_size",
    "multi_stft_normalized",
    "multi_stft_resolution_loss_weight",
    "multi_stft_resolutions_window_sizes",
    "multi_stft_window_fn",
    "num_stems",
    "sage_attention",
    "sources",
    "type",
    "use_torch_checkpoint",
}


class Reader:
    """Values of a configuration by their dotted names, with errors that name file and key."""

    def __init__(self, config: Section, origin: str) -> None:
        self.config, self.origin = config, origin

    def section(self, name: str) -> dict[str, Any]:
        """Return a section as a new dict (ConfigError where it is absent)."""
        value = self.config.get(name)
        if not isinstance(value, Mapping):
            raise ConfigError(f"{self.origin} lacks the section {name}.")
        return {str(key): item for key, item in value.items()}

    def get(self, key: str) -> Any:
        """Return the value of `section.key`, None where it is absent."""
        section, _, name = key.partition(".")
        values = self.config.get(section)
        return values.get(name) if isinstance(values, Mapping) else None

    def whole(self, *keys: str) -> int:
        """Return the first of these keys that is there, a whole number from 1."""
        key, value = next(
            ((key, found) for key in keys if (found := self.get(key)) is not None), (keys[-1], None)
        )
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            said = "is missing" if value is None else f"is {value!r}"
            raise ConfigError(f"{self.origin}: {key} {said}: give a whole number from 1.")
        return value

    def instruments(self) -> tuple[list[str], str | None]:
        """Return `training.instruments`, and the target where the network has only one output."""
        named = self.section("training").get("instruments")
        if not isinstance(named, list) or not named or not all(isinstance(n, str) for n in named):
            raise ConfigError(
                f"{self.origin}: training.instruments is {named!r}: it must list the stems."
            )
        target = self.get("training.target_instrument")
        return named, str(target) if target else None

    def network(self, outputs: Sequence[str]) -> dict[str, Any]:
        """Return the section `model` without what does not matter; its outputs must be those named."""
        model = self.section("model")
        sources = model.get("sources")
        count = model.get("num_stems", len(sources) if isinstance(sources, list) else None)
        if count is not None and count != len(outputs):
            raise ConfigError(
                f"{self.origin}: the network has {count} outputs, but training names "
                f"{len(outputs)} ({', '.join(outputs)}): correct training.instruments."
            )
        return {key: value for key, value in model.items() if key not in IGNORED}

    def chunk(self) -> int:
        """Return samples per chunk; where no chunk_size is given, (dim_t − 1) hops."""
        if self.get("inference.chunk_size") or self.get("audio.chunk_size"):
            return self.whole("inference.chunk_size", "audio.chunk_size")
        if self.get("inference.dim_t") is None and self.get("audio.dim_t") is None:
            raise ConfigError(f"{self.origin} lacks audio.chunk_size: give the samples of a chunk.")
        frames = self.whole("inference.dim_t", "audio.dim_t")
        return self.whole("audio.hop_length") * (frames - 1)
