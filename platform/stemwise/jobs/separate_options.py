"""What `stemwise separate` is told; light, since `--server` loads neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.precision import Choice
from stemwise.models.overlap import Overlap

Format = Literal["flac", "wav", "wav24", "mp3"]
FORMATS: tuple[Format, ...] = get_args(Format)
DEFAULT_TEMPLATE = "{track}/{stem}.{ext}"
_QUALITY = ("snr", "low", "high")


def checked_format(text: str) -> Format:
    """Return a format in which stems are written (ConfigError for anything else)."""
    for known in FORMATS:
        if text == known:
            return known
    near = did_you_mean(text, FORMATS)
    raise ConfigError(f"The format {text!r} is not written: {near}use {', '.join(FORMATS)}.")


def suffix(kind: Format) -> str:
    """Return the suffix of a format's files, without its dot."""
    return "wav" if kind == "wav24" else kind


@dataclass(frozen=True, kw_only=True)
class SeparateOptions:
    """Songs and how to separate them.

    Args:
        files: audio files and folders of them.
        recipe: None for the default, here or of the server.
        output: below it everything is written.
        format: FLAC and `wav24` hold 24 bits, `wav` float32.
        bitrate: of MP3, kbit/s.
        stems: to make; empty makes all.
        two_stems: this stem and what it leaves of the mixture.
        level2: models that take stems apart.
        device: None for `auto`, and so on: what a server decides on its own is not given.
        template: names of the files below `output`.
        skip_existing: leave songs alone whose stems are all there.
        jobs: songs at a time.
        recursive: search the folders below the folders too.
        deadline_s: seconds after which a song's best tier that is ready is taken.
    """

    files: tuple[Path, ...]
    recipe: str | None = None
    output: Path = Path("stems")
    format: Format = "flac"
    bitrate: int | None = None
    stems: tuple[str, ...] = ()
    two_stems: str | None = None
    level2: tuple[str, ...] = ()
    device: str | None = None
    overlap: Overlap | None = None
    precision: Choice | None = None
    template: str = DEFAULT_TEMPLATE
    skip_existing: bool = False
    jobs: int | None = None
    recursive: bool = False
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together (ConfigError)."""
        if self.bitrate is not None and self.format != "mp3":
            raise ConfigError("--bitrate is for MP3: add --mp3, or leave it out.")
        if self.two_stems is not None and self.stems:
            raise ConfigError("--two-stems makes two stems and --stems others: leave one out.")
        if self.jobs is not None and self.jobs < 1:
            raise ConfigError(f"--jobs {self.jobs} is not usable: give 1 or more.")

    @property
    def extension(self) -> str:
        """The files' suffix, without its dot."""
        return suffix(self.format)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The stems that are separated; empty for all."""
        return self.stems if self.two_stems is None else (self.two_stems,)


@dataclass(frozen=True)
class SongResult:
    """What became of a song.

    Args:
        file: that was given.
        status: `separated`, `skipped` (all there already) or `failed`.
        stems: where each is.
        gain: by which all stems were multiplied so that none clips.
        seconds: of music, where known.
        error: why it failed.
        quality: SNR in dB that the recipe predicts of stems, with its 90 % interval (snr, low, high).
        tier: whose stems they are, of a recipe with tiers.
    """

    file: Path
    status: Literal["separated", "skipped", "failed"]
    stems: dict[str, Path]
    gain: float | None = None
    seconds: float | None = None
    error: str | None = None
    quality: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    tier: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        stems = {stem: str(path) for stem, path in self.stems.items()}
        known = {"gain": self.gain, "seconds": self.seconds, "error": self.error}
        found = {"file": str(self.file), "status": self.status, "stems": stems} | known
        if self.tier is not None:
            found["tier"] = self.tier
        if self.quality:
            found["quality"] = {
                stem: {name: round(v, 2) for name, v in zip(_QUALITY, own, strict=True)}
                for stem, own in self.quality.items()
            }
        return found


@dataclass(frozen=True)
class Outcome:
    """What became of all songs."""

    songs: tuple[SongResult, ...]
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {"songs": [song.as_json() for song in self.songs], "exit_code": self.exit_code}
