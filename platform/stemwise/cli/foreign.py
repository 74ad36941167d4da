"""Options of demucs, audio-separator, MSST and Spleeter that mean nothing here: what to do instead."""

from __future__ import annotations

_CHUNKS = "chunks belong to the model, and a pass that exceeds memory is split automatically"
_LEVEL = "stems keep the mixture's level, so that they add up to it"
_MSST = (
    "write mine.yaml with {name: mine, msst_config: CONFIG.yaml, checkpoint: FILE.ckpt} and give "
    "-n mine.yaml (docs/checkpoints.md)"
)
_AUGMENT = (
    "write mine.yaml with {{name: mine, base: MODEL, augment: {{{0}}}}} and give -n mine.yaml"
)
_EXPLAINED = {
    # demucs
    "--shifts": f"{_AUGMENT.format('shifts: [0.0, 0.11, 0.37]')}; shifts are not random here",
    "--segment": f"{_CHUNKS}: leave it out",
    "--no-split": f"{_CHUNKS}: leave it out",
    "--other-method": "--two-stems writes the mixture minus the stem (demucs' `minus`): leave it out",
    "--clip-mode": "where a stem would clip, all are attenuated alike; --format wav clips nothing",
    "--mp3-preset": "LAME's usual quality is used: choose --bitrate",
    "--repo": "give the checkpoint itself: -n ./FILE.th",
    "--list-models": "use `stemwise models`",
    "--verbose": "progress is shown anyway: leave it out",
    "-v": "progress is shown anyway: leave it out",
    # audio-separator
    "--list_models": "use `stemwise models`; names of audio-separator's go to -m",
    "-l": "use `stemwise models`; names of audio-separator's go to -m",
    "--model_file_dir": "set STEMWISE_HOME to the folder for checkpoints",
    "--download_model_only": "use `stemwise models pull NAME`",
    "--invert_spect": "use --two-stems STEM, which subtracts the waveform",
    "--normalization": f"{_LEVEL}: leave it out",
    "--amplification": f"{_LEVEL}: leave it out",
    "--sample_rate": "stems are 44.1 kHz, the models' rate: leave it out",
    "--use_soundfile": "it is what writes stems anyway: leave it out",
    "--use_autocast": "use --precision auto, which checks its result against float32",
    "--chunk_duration": "songs of any length need the memory of one chunk: leave it out",
    "--custom_output_names": 'use --filename, for example "{track}/{stem}.{ext}"',
    "--ensemble_preset": "write the blend as a recipe YAML, or fit one (`stemwise fit`)",
    "--ensemble_algorithm": "write the blend as a recipe YAML, or fit one (`stemwise fit`)",
    "--ensemble_weights": "write the blend as a recipe YAML, or fit one (`stemwise fit`)",
    "--log_level": "use -q for silence",
    # MSST
    "--model_type": _MSST,
    "--config_path": _MSST,
    "--start_check_point": _MSST,
    "--lora_checkpoint": "merge the LoRA weights into the checkpoint first",
    "--device_ids": "use --device cuda:0",
    "--extract_instrumental": "use --two-stems vocals",
    "--use_tta": _AUGMENT.format("polarity: true, swap: true"),
    "--draw_spectro": "the report of `stemwise evaluate` has spectrograms",
    "--disable_detailed_pbar": "use -q",
    "--pcm_type": "use --format flac (24 bits), wav24 or wav (float)",
    "--filename_template": 'use --filename, for example "{track}/{stem}.{ext}"',
    # Spleeter
    "-p": "use -n spleeter_2stems",
    "--params_filename": "use -n spleeter_2stems",
    "--filename_format": 'use --filename, for example "{track}/{stem}.{ext}"',
    "--offset": "cut the file first",
    "--duration": "cut the file first",
}
# audio-separator's settings of its architectures
_FAMILIES = ("--mdx_", "--mdxc_", "--vr_", "--demucs_")


def explanation(option: str) -> str | None:
    """Return what to do in place of another tool's option; None where it is none."""
    name = option.partition("=")[0]
    if name.startswith(_FAMILIES):
        return f"{name} is not used here: {_CHUNKS}; --overlap fast saves time."
    return f"{name} is not used here: {_EXPLAINED[name]}." if name in _EXPLAINED else None
