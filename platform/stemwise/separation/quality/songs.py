"""What is predicted of a song's stems: features from the audio, in one pass over what lies on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from stemwise.audio.raw import Signal
from stemwise.separation.products import products
from stemwise.separation.quality.features import features
from stemwise.separation.quality.predictor import Interval, Quality, predict
from stemwise.separation.spool import Spool


@dataclass(frozen=True)
class Origin:
    """What a stem was made of.

    Attributes:
        heard: gives what its models heard, once that is there.
        models: the estimates of each model.
        shares: what each of them counts, in the same order.
    """

    heard: Callable[[], Signal]
    models: Mapping[str, Future[Spool]]
    shares: Sequence[float]


def predicted(
    quality: Mapping[str, Quality],
    origins: Mapping[str, Origin],
    made: Mapping[str, Spool],
) -> dict[str, Interval]:
    """Return the SNR in dB of a song's finished stems with its 90 % interval (snr, low, high).

    A stem of which the recipe predicts nothing, or that is unlike all that was seen, has none.

    Args:
        quality: of the recipe.
        origins: of the stems.
        made: the finished stems.
    """
    found = {}
    for stem, own in quality.items():
        if stem in made and stem in origins:
            told = predict(own, stem_features(stem, origins[stem], made[stem]))
            if told is not None:
                found[stem] = told
    return found


def stem_features(stem: str, origin: Origin, made: Spool) -> dict[str, float]:
    """Return the features of a finished stem, in dB."""
    estimates = [spool.result().read(stem) for spool in origin.models.values()]
    gram = products([origin.heard(), made.read(stem), *estimates])
    return {name: float(value) for name, value in features(gram, origin.shares).items()}
