"""Draw the loss curves of the demo zoo: python docs/make_curves.py [runs/demo-zoo].

With a folder of trainings their curves are first copied to docs/demo-zoo/, which is what is drawn.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

HERE = Path(__file__).parent
CURVES, TARGET = HERE / "demo-zoo", HERE / "images" / "demo-zoo.svg"
MODELS = ("demo_htdemucs", "demo_scnet", "demo_melband", "demo_drumsep", "demo_karaoke")


def main(trainings: str | None = None) -> None:
    """Write the SVG."""
    CURVES.mkdir(exist_ok=True)
    for model in MODELS if trainings else ():
        shutil.copy(Path(trainings) / model / "curve.csv", CURVES / f"{model}.csv")
    figure = Figure(figsize=(10, 2.6), layout="constrained")
    FigureCanvasSVG(figure)
    for axis, model in zip(figure.subplots(1, len(MODELS)), MODELS, strict=True):
        rows = list(csv.DictReader((CURVES / f"{model}.csv").open(newline="")))
        minutes = [float(row["seconds"]) / 60 for row in rows]
        loss = [float(row["loss"]) for row in rows]
        axis.plot(minutes, _smooth(loss), color="#0072b2", linewidth=1, label="training")
        seen = [
            (minute, float(row["validation_loss"]))
            for minute, row in zip(minutes, rows, strict=True)
            if row["validation_loss"]
        ]
        x, y = zip(*seen, strict=True)
        axis.plot(x, y, "o-", color="#d55e00", markersize=3, linewidth=1, label="validation")
        axis.set_title(model, fontsize=9)
        axis.set_xlabel("minutes", fontsize=8)
        axis.tick_params(labelsize=7)
    figure.axes[0].set_ylabel("error relative to input, dB", fontsize=8)
    figure.axes[0].legend(fontsize=7)
    figure.savefig(TARGET, metadata={"Date": None})


def _smooth(values: list[float], width: int = 10) -> list[float]:
    """Return the mean of the last few values at each place."""
    parts = [values[max(0, i - width + 1) : i + 1] for i in range(len(values))]
    return [sum(part) / len(part) for part in parts]


if __name__ == "__main__":
    main(*sys.argv[1:])
