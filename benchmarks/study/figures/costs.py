"""What accuracy costs: Dice of clean images beside the seconds of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study import catalogue, summaries
from benchmarks.study.tables import Missing, Tables
from fastseg.plots import PALETTE
from fastseg.plots.style import MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    points = {}
    for method in image.dropna().index:
        number = families.index(catalogue.family(method))
        points[catalogue.short(method)] = float(image[method]), float(clean[method])
        ax.plot(*points[catalogue.short(method)], MARKERS[number], color=PALETTE[number], ms=6)
    ax.set_xscale("log")
    ax.margins(x=0.25)
    ax.set_xlabel("seconds of an image on one core, with what is prepared for it")
    ax.set_ylabel("mean Dice of clean images")
    ax.grid(alpha=0.12, color="black")
    ax.set_axisbelow(True)
    figure.draw_without_rendering()  # places are known from here on
    _name(ax, points)
    return figure


def _name(ax: Axes, points: dict[str, tuple[float, float]]) -> None:
    """Write each name where no other name or point is, as near to its point as there is room."""
    from matplotlib.transforms import Bbox

    dots = ax.figure.dpi / 72
    places = {name: ax.transData.transform(point) for name, point in points.items()}
    taken = [
        Bbox.from_bounds(x - 4 * dots, y - 4 * dots, 8 * dots, 8 * dots) for x, y in places.values()
    ]
    for name, (x, y) in sorted(places.items(), key=lambda one: -one[1][1]):
        width, height = 4.6 * dots * len(name), 9 * dots
        options = [
            (side, rise)
            for rise in (0, 7, -7, 14, -14, 21, -21, 28, -28)
            for side in ("left", "right")
        ]
        for side, rise in options:
            left = x + 7 * dots if side == "left" else x - 7 * dots - width
            box = Bbox.from_bounds(left, y + rise * dots - height / 2, width, height)
            if not box.count_overlaps(taken):
                break
        taken.append(box)
        ax.annotate(
            name,
            points[name],
            xytext=(7 if side == "left" else -7, rise),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize="x-small",
        )
