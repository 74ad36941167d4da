"""The 47 configurations of MSST's repository (configs/), each by the few keys that tell what it is.

Facts of github.com/ZFTurbo/Music-Source-Separation-Training as of November 2026, not its files.
"""

from __future__ import annotations

from typing import Any

ROFORMER = {"dim": 64, "depth": 1, "stereo": True, "stft_hop_length": 441}
BS = {**ROFORMER, "freqs_per_bands": [400, 625]}
MEL = {**ROFORMER, "num_bands": 60}
SCNET = {"dims": [4, 32, 64, 128], "band_SR": [0.2, 0.4, 0.4], "band_stride": [1, 4, 16]}
MDX23C = {"num_subbands": 4, "num_scales": 5, "bottleneck_factor": 4, "act": "gelu"}
BANDIT = {"stems": ["a", "b"], "n_sqm_modules": 8}
CONFORMER = {"time_conformer_depth": 1, "freq_conformer_depth": 1}
SPECTRUM = {"embed_dim": 512, "freq_bins": 2049, "conv_kernel_size": 31}
SEGMENTATION = {"encoder_name": "tu-maxvit", "decoder_type": "unet", "num_subbands": 8}
MAMBA = {"num_repeat_mask": 8, "num_repeat_map": 4, "win": 2048, "sr": 44_100}

# file → its section `model`, or the name in it
MODELS: dict[str, Any] = {
    "KimberleyJensen/config_vocals_mel_band_roformer_kj.yaml": MEL,
    "config_apollo.yaml": {"sr": 44_100, "win": 20, "feature_dim": 256, "layer": 6},
    "config_dnr_bandit_bsrnn_multi_mus64.yaml": BANDIT | {"in_channel": 1, "band_specs": "musical"},
    "config_dnr_bandit_v2_mus64.yaml": None,  # its section is called kwargs
    "config_drumsep.yaml": "hdemucs",
    "config_htdemucs_6stems.yaml": "htdemucs",
    "config_musdb18_bs_mamba2.yaml": MAMBA,
    "config_musdb18_bs_roformer.yaml": BS,
    "config_musdb18_bs_roformer_with_lora.yaml": BS,
    "config_musdb18_demucs3_mmi.yaml": "hdemucs",
    "config_musdb18_htdemucs.yaml": "htdemucs",
    "config_musdb18_htdemucs_cpu.yaml": "htdemucs",
    "config_musdb18_mdx23c.yaml": MDX23C,
    "config_musdb18_mdx23c_stht.yaml": MDX23C,  # the very keys of the plain one
    "config_musdb18_mel_band_conformer.yaml": MEL | CONFORMER,
    "config_musdb18_mel_band_conformer_all_stems.yaml": MEL | CONFORMER,
    "config_musdb18_mel_band_roformer.yaml": MEL,
    "config_musdb18_mel_band_roformer_all_stems.yaml": MEL,
    "config_musdb18_mel_band_roformer_sage.yaml": MEL | {"sage_attention": True},
    "config_musdb18_moises_light.yaml": {"n_split_enc": 3, "n_split_dec": 1, "n_bands": 4},
    "config_musdb18_scnet.yaml": SCNET,
    "config_musdb18_scnet_large.yaml": SCNET,
    "config_musdb18_scnet_tran.yaml": SCNET | {"tran_depth": 1, "tran_heads": 8},
    "config_musdb18_segm_models.yaml": SEGMENTATION,
    "config_musdb18_torchseg.yaml": SEGMENTATION,
    "config_musdb_conformers.yaml": SPECTRUM,
    "config_saxophone_conformers.yaml": SPECTRUM,
    "config_sslam.yaml": {"model_name": "sslam_mae_classification", "pretrained_model_args": {}},
    "config_vocals_DTTNet.yaml": {
        "block_type": "TFC_TDF_Res2",
        "bandsequence": {},
        "num_blocks": 5,
    },
    "config_vocals_bandit_bsrnn_multi_mus64.yaml": BANDIT
    | {"in_channel": 1, "band_specs": "musical"},
    "config_vocals_bs_conformer.yaml": BS | CONFORMER,
    "config_vocals_bs_mamba2.yaml": MAMBA,
    "config_vocals_bs_roformer.yaml": BS,
    "config_vocals_htdemucs.yaml": "htdemucs",
    "config_vocals_mdx23c.yaml": MDX23C,
    "config_vocals_mel_band_conformer.yaml": MEL | CONFORMER,
    "config_vocals_mel_band_roformer.yaml": MEL,
    "config_vocals_scnet.yaml": SCNET,
    "config_vocals_scnet_large.yaml": SCNET,
    "config_vocals_segm_models.yaml": SEGMENTATION,
    "config_vocals_swin_upernet.yaml": {"act": "gelu", "num_channels": 16, "num_subbands": 8},
    "config_vocals_torchseg.yaml": SEGMENTATION,
    "mvsep_mega_model_bs_roformer_53_stems.yaml": BS,
    "sage/config_musdb18_bs_roformer_384_8_2_485100_sage.yaml": BS | {"sage_attention": True},
    "viperx/model_bs_roformer_ep_317_sdr_12.9755.yaml": BS,
    "viperx/model_bs_roformer_ep_937_sdr_10.5309.yaml": BS,
    "viperx/model_mel_band_roformer_ep_3005_sdr_11.4360.yaml": MEL,
}
_RATES = {"config_dnr_bandit_v2_mus64.yaml": 48_000}


def config(name: str) -> dict[str, Any]:
    """Return a configuration that is what the file `name` is, and no more."""
    model = MODELS[name]
    made: dict[str, Any] = {
        "audio": {
            "chunk_size": 441_000,
            "sample_rate": _RATES.get(name, 44_100),
            **{"n_fft": 8192, "hop_length": 1024, "dim_f": 4096},
        },
        "training": {"instruments": ["a", "b"], "target_instrument": None, "segment": 11},
        "inference": {"num_overlap": 4},
    }
    if model is None:
        return made | {"cls": "Bandit", "kwargs": BANDIT | {"in_channels": 1}}
    return made | {"model": model} | ({model: {"channels": 48}} if isinstance(model, str) else {})
