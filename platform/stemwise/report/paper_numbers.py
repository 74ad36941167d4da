"""What the paper published, as data.

Vardhan, Acharya, Rao, Jasthi, Natarajan: "An Ensemble Approach to Music Source Separation: A
Comparative Analysis of Conventional and Hierarchical Stem Separation"; 71 songs of MoisesDB. Means in
dB. Nothing here was measured by us.
"""

from __future__ import annotations

Pair = tuple[float, float]  # SNR, SDR
SONGS = 71
ENSEMBLE = "oracle"

# Our names of the models → the paper's.
NAMES = {
    "htdemucs_6s": "HT-Demucs6",
    "melband_roformer_vocals": "MelBand RoFormer",
    "scnet": "SC-Net",
    "scnet_large": "SC-Net Large",
    ENSEMBLE: "Final Ensemble",
}

# Table 1: stem → our name of the model → SNR, SDR.
TABLE_1: dict[str, dict[str, Pair]] = {
    "vocals": {
        "htdemucs_6s": (10.87, 10.65),
        "melband_roformer_vocals": (13.56, 13.51),
        "scnet": (11.71, 11.58),
        "scnet_large": (12.41, 12.34),
        ENSEMBLE: (13.66, 13.61),
    },
    "drums": {
        "htdemucs_6s": (11.12, 11.21),
        "scnet": (11.97, 12.12),
        "scnet_large": (12.41, 12.55),
        ENSEMBLE: (12.45, 12.61),
    },
    "bass": {
        "htdemucs_6s": (11.64, 11.96),
        "scnet": (12.13, 12.35),
        "scnet_large": (12.43, 12.69),
        ENSEMBLE: (12.59, 12.88),
    },
    "guitar": {"htdemucs_6s": (4.38, 2.59), ENSEMBLE: (4.38, 2.59)},
    "piano": {"htdemucs_6s": (1.62, -6.25), ENSEMBLE: (1.62, -6.25)},
}

# Table 2 (by Drumsep) and Table 3 (by a variant of MelBand RoFormer): (stem, voice) → SNR, SDR.
TABLE_2: dict[tuple[str, str | None], Pair] = {
    ("kick", None): (12.87, 13.65),
    ("snare", None): (7.26, 7.52),
    ("toms", None): (4.60, 3.26),
    ("cymbals", None): (-2.98, -5.64),
}
TABLE_3: dict[tuple[str, str | None], Pair] = {
    ("lead_vocals", "male"): (-0.73, 10.34),
    ("lead_vocals", "female"): (-1.39, 11.86),
    ("backing_vocals", None): (-7.57, -0.80),
}

# Figure 1, from the text of section 4.1: percent of the songs ("Reggae and Blues … 5.6% and 3%").
FIGURE_1: dict[str, float] = {
    "rock": 38.0,
    "singer_songwriter": 18.3,
    "pop": 18.3,
    "rap": 9.8,
    "electronic": 7.0,
    "musical_theatre": 5.6,
    "reggae + blues": 3.0,
}

# Figure 4, from the text of section 5.3: percent of the songs for which a model was chosen.
FIGURE_4: dict[str, dict[str, float]] = {
    "vocals": {"melband_roformer_vocals": 97.0},
    "bass": {"scnet_large": 67.0},
    "drums": {"scnet_large": 93.0},
}

# Section 6.4: difference of |SNR − SDR| between songs with and without bleed.
BLEED = {"lead_vocals": 0.04, "backing_vocals": 2.82}
