"""What accuracy costs: Dice of clean images beside the seconds of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.study import catalogue, summaries
from benchmarks.study.tables import Missing, Tables
from fastseg.plots import PALETTE
from fastseg.plots.style import MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def costs(tables: Tables) -> Figure:
    """Draw a point a method; families have a colour and a sign."""
    from matplotlib.figure import Figure

    seconds = summaries.seconds_per_image(tables)
    image = seconds["shared"] + seconds["segmenting"]
    if image.dropna().empty:
        raise Missing("no times")
    families = list(dict.fromkeys(map(catalogue.family, image.index)))
    figure = Figure((7.2, 4.2), layout="constrained")
    ax = figure.add_subplot()
    clean = tables.rows(tables.common, difficulty="clean").groupby("method")["dice"].mean()
    taken: list[tuple[float, float]] = []
    for method in image.dropna().index:
        number = families.index(catalogue.family(method))
        x, y = float(image[method]), float(clean[method])
        ax.plot(x, y, MARKERS[number], color=PALETTE[number], markersize=6)
        # what lies close to another one's name is named below its point
        close = any(abs(np.log10(x / a)) < 0.7 and abs(y - b) < 0.025 for a, b in taken)
        taken.append((x, y))
        place = {"xytext": (6, -9 if close else 3), "textcoords": "offset points"}
        ax.annotate(catalogue.title(method), (x, y), fontsize="x-small", **place)
    ax.set_xscale("log")
    ax.margins(x=0.25)
    ax.set_xlabel("seconds of an image on one core, with what is prepared for it")
    ax.set_ylabel("mean Dice of clean images")
    ax.grid(alpha=0.12, color="black")
    ax.set_axisbelow(True)
    return figure
