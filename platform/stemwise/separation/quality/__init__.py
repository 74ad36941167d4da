"""How good a stem probably is, without its reference: features at hand, and what they predict."""

from stemwise.separation.quality.features import AGREEMENT, LEAKAGE, LEVEL, features, names
from stemwise.separation.quality.predictor import Interval, Quality, parse, predict

__all__ = [
    "AGREEMENT",
    "LEAKAGE",
    "LEVEL",
    "Interval",
    "Quality",
    "features",
    "names",
    "parse",
    "predict",
]
