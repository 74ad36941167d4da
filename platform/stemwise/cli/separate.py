"""`stemwise separate`: what it takes, and where it runs."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from stemwise.cli.voice import add_json, console_of, say_json
from stemwise.core.config import DEFAULT_RECIPE
from stemwise.core.nearest import did_you_mean
from stemwise.core.precision import CHOICES
from stemwise.jobs.separate_options import (
    DEFAULT_TEMPLATE,
    FORMATS,
    SeparateOptions,
)
from stemwise.models.overlap import OVERLAPS

# files by which audio-separator calls its models
_AUDIO_SEPARATOR = {".ckpt", ".onnx", ".pth", ".yaml"}
_EXAMPLES = """\
examples:
  stemwise separate song.mp3                                    stems/song/vocals.flac …
  stemwise separate album/ --recursive -o stems --jobs 2        a folder of folders, two songs at a time
  stemwise separate song.mp3 -n htdemucs_6s --two-stems vocals  vocals and no_vocals, for karaoke
  stemwise separate album/ --mp3 --bitrate 320 --skip-existing  resume where it stopped
  stemwise separate song.mp3 --filename "{track} ({stem}).{ext}"
  stemwise separate song.mp3 -n htdemucs_6s --level2 drumsep,melband_roformer_karaoke
  stemwise separate song.mp3 --server http://127.0.0.1:8000

--filename may use {track}, {stem}, {ext}, {trackext}, {folder} and {recipe}.
Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 some songs failed.
Options of demucs, audio-separator and MSST (-m, --output_dir, --shifts …) work or are explained.
"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "separate",
        help="separate songs, here or on a server",
        description="Separate audio files, and folders of them, into stems.",
        epilog=_EXAMPLES,
        usage="stemwise separate [OPTIONS] FILE|FOLDER …",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE|FOLDER", help="audio in any common format"
    )
    _add_models(parser.add_argument_group("what to make"))
    _add_output(parser.add_argument_group("output"))
    _add_machine(parser.add_argument_group("where and how"))
    _add_aliases(parser)
    parser.set_defaults(run=partial(run, parser))


def _add_models(group: Any) -> None:
    group.add_argument(
        *("-n", "--model", "--recipe"),
        dest="recipe",
        metavar="NAME|FILE",
        help="a model (`stemwise models`), a recipe or its YAML, or a checkpoint (.th); "
        f"default: {DEFAULT_RECIPE}, or the server's",
    )
    group.add_argument("--stems", default="", metavar="a,b", help="only these stems")
    group.add_argument(
        "--two-stems", metavar="STEM", help="STEM, and no_STEM: the mixture minus STEM"
    )
    group.add_argument(
        "--level2",
        default="",
        metavar="MODEL,…",
        help="level-2 models that separate stems further, such as drumsep",
    )


def _add_output(group: Any) -> None:
    group.add_argument(
        *("-o", "--output"), type=Path, default=Path("stems"), metavar="DIR", help="default: stems"
    )
    group.add_argument(
        "--format",
        type=str.lower,
        choices=FORMATS,
        default="flac",
        help="flac (24 bits, the default), wav (float32), wav24 or mp3",
    )
    group.add_argument("--mp3", **_sets("mp3"), help="the same as --format mp3")
    group.add_argument(
        "--bitrate", type=_kbits, metavar="KBIT/S", help="of MP3: 128 to 320 (default: 320)"
    )
    group.add_argument(
        "--filename",
        dest="template",
        default=DEFAULT_TEMPLATE,
        metavar="TEMPLATE",
        help=f'names of files below DIR (default: "{DEFAULT_TEMPLATE}")',
    )
    group.add_argument(
        "--skip-existing", action="store_true", help="skip songs whose stems all exist"
    )
    group.add_argument(*("-r", "--recursive"), action="store_true", help="search subfolders too")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    add_json(group)


def _add_machine(group: Any) -> None:
    group.add_argument("-d", "--device", help="auto, cpu, cuda, mps (default: auto)")
    group.add_argument(
        *("-j", "--jobs"), type=int, metavar="N", help="songs at a time (default: 1)"
    )
    group.add_argument(
        "--deadline",
        type=_seconds,
        metavar="S",
        help="of a recipe with tiers, take the best one that is ready after S seconds (per song)",
    )
    group.add_argument(
        "--overlap",
        type=_overlap,
        metavar="reference|fast",
        help="how chunks overlap: as the models' authors have it, or at most a quarter "
        "(default: what the recipe was measured with)",
    )
    group.add_argument(
        "--precision",
        choices=CHOICES,
        help="arithmetic on a GPU (default: auto, the fastest that agrees with float32)",
    )
    group.add_argument(
        "--server",
        metavar="URL",
        help="separate on a stemwise service (its key, if one is required, is read from STEMWISE_KEY)",
    )


def _add_aliases(parser: argparse.ArgumentParser) -> None:
    """Add options of other tools that mean the same; `foreign.py` explains those that do not."""
    aliases: list[tuple[str, dict[str, Any]]] = [
        ("--output_dir --store_dir", {"dest": "output", "type": Path}),
        ("--input_folder --inputs", {"dest": "folders", "action": "append", "type": Path}),
        ("-m --model_filename", {"dest": "recipe", "type": _audio_separator}),
        ("--output_format", {"dest": "format", "type": str.lower, "choices": FORMATS}),
        ("--mp3-bitrate --output_bitrate -b", {"dest": "bitrate", "type": _kbits}),
        ("--single_stem", {"dest": "stems", "type": str.lower}),
        ("--flac --flac_file", _sets("flac")),
        ("--float32", _sets("wav")),
        ("--int24", _sets("wav24")),
        ("--force_cpu", {"dest": "device", "action": "store_const", "const": "cpu"}),
    ]
    for names, how in aliases:
        parser.add_argument(
            *names.split(), help=argparse.SUPPRESS, default=argparse.SUPPRESS, **how
        )


def _sets(value: str) -> dict[str, Any]:
    return {"dest": "format", "action": "store_const", "const": value}


def _kbits(text: str) -> int:
    """Return kbit/s, written `320`, `320k` or `320 kbps`."""
    number = text.lower().removesuffix("bps").removesuffix("bit/s").rstrip("k ")
    if not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is not usable: give kbit/s, for example 320")
    return int(number)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not usable: give seconds above 0")
    return seconds


def _overlap(text: str) -> str:
    """Return how chunks overlap; demucs' share of a quarter is `fast`."""
    if text in OVERLAPS:
        return text
    try:
        share = float(text)
    except ValueError:
        share = None
    if share == 0.25:
        return "fast"
    number = "" if share is None else " (a share of the chunk is a setting of an own model's entry)"
    raise argparse.ArgumentTypeError(
        f"{text} is not usable: {did_you_mean(text, OVERLAPS)}give reference or fast, which is a "
        f"quarter{number}"
    )


def _audio_separator(text: str) -> str:
    known = Path(text).suffix in _AUDIO_SEPARATOR and not Path(text).exists()
    return f"audio_separator:{text}" if known else text


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Separate; return the exit code."""
    given = [*options.files, *getattr(options, "folders", [])]
    if not given:
        parser.error("No songs were given: name audio files, or folders of them")
    told = SeparateOptions(
        files=tuple(given),
        recipe=options.recipe,
        output=options.output,
        format=options.format,
        bitrate=options.bitrate,
        stems=_names(options.stems),
        two_stems=options.two_stems,
        level2=_names(options.level2),
        device=options.device,
        overlap=options.overlap,
        precision=options.precision,
        template=options.template,
        skip_existing=options.skip_existing,
        jobs=options.jobs,
        recursive=options.recursive,
        deadline_s=options.deadline,
    )
    console = console_of(options)
    if options.server is not None:
        from stemwise.jobs.remote import separate_remotely

        outcome = separate_remotely(options.server, told, console)
    else:
        from stemwise.jobs.separate import separate

        outcome = separate(told, console)
    if options.json:
        say_json(outcome.as_json())
    return outcome.exit_code


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
