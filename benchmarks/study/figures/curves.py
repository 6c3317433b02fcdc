"""Curves: how methods fall with the level of each difficulty, and how networks learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.study import catalogue
from benchmarks.study.tables import Missing, Tables
from fastseg import Robustness
from fastseg.plots import PALETTE, degradation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = {"dice": "Dice", "nsd": "NSD", "hd95": "hd95 (mm)"}


def robustness_curves(tables: Tables, metric: str) -> Figure:
    """Draw a panel for each family of methods and each difficulty, the methods as lines."""
    from matplotlib.figure import Figure

    difficulties = catalogue.in_order(tables.difficulties)
    if not difficulties:
        raise Missing("no difficulty was measured")
    families: dict[str, list[str]] = {}
    for method in catalogue.in_order(tables.methods):
        families.setdefault(catalogue.family(method), []).append(method)
    size = (1.55 * len(difficulties) + 2.6, 1.75 * len(families) + 0.5)
    figure = Figure(size, layout="constrained")
    panels = figure.subplots(
        len(families), len(difficulties), squeeze=False, sharex=True, sharey=True
    )
    for row, (family, methods) in zip(panels, families.items(), strict=True):
        for ax, difficulty in zip(row, difficulties, strict=True):
            _panel(ax, _curves(tables, metric, difficulty, methods), tables)
        row[0].set_ylabel(f"{family}\n{LABELS.get(metric, metric)}", fontsize="small")
        _names(row[-1], methods)
    for ax, difficulty in zip(panels[0], difficulties, strict=True):
        ax.set_title(catalogue.title(difficulty), fontsize="small")
    for ax in panels[-1]:
        ax.set_xlabel("level", fontsize="small")
    return figure


def _curves(
    tables: Tables, metric: str, difficulty: str, methods: list[str]
) -> dict[str, Robustness]:
    """Find the curve of each method; one that was not run has no line, but keeps its colour."""
    found = {}
    for method in methods:
        try:
            found[method] = tables.curve(metric, difficulty, method=method)
        except Missing:
            continue
    return found


def _panel(ax: Axes, curves: dict[str, Robustness], tables: Tables) -> None:
    """Draw the curves, and take away what only a figure by itself needs."""
    if curves:
        degradation({catalogue.title(name): one for name, one in curves.items()}, ax=ax)
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    levels = sorted({level for one in curves.values() for level in one.levels})
    ax.set_xticks(levels, [f"{level:g}" for level in levels])
    ax.set_xlabel("")
    ax.set_ylabel("")
    ax.tick_params(labelsize="x-small")
    for line in ax.lines:
        line.set_markersize(3.5)
        line.set_linewidth(1.3)
    for place in ("top", "right"):
        ax.spines[place].set_visible(False)


def _names(ax: Axes, methods: list[str]) -> None:
    """Say beside the last panel of a row what its lines are."""
    from matplotlib.lines import Line2D

    from fastseg.plots.style import MARKERS

    signs = [
        Line2D([], [], color=PALETTE[number % len(PALETTE)], marker=MARKERS[number], markersize=4)
        for number in range(len(methods))
    ]
    options = {"loc": "center left", "bbox_to_anchor": (1.02, 0.5), "frameon": False}
    ax.legend(signs, [catalogue.title(name) for name in methods], fontsize="x-small", **options)


def learning_curves(tables: Tables) -> Figure:
    """Draw the Dice of the validation subjects by step, an anatomy a panel."""
    from matplotlib.figure import Figure

    from fastseg.plots.style import MARKERS

    rows = tables.learning
    if rows.empty or not {"step", "dice"} <= set(rows.columns):
        raise Missing("no method recorded its learning")
    rows = rows.dropna(subset=["step", "dice"])
    rows = rows.assign(dice=rows["dice"].astype(float))
    names = catalogue.in_order(rows["method"].unique())
    anatomies = list(rows["anatomy"].unique())
    figure = Figure((3.4 * len(anatomies) + 2.4, 3.2), layout="constrained")
    panels = figure.subplots(1, len(anatomies), squeeze=False, sharey=True)[0]
    for ax, anatomy in zip(panels, anatomies, strict=True):
        for number, name in enumerate(names):
            mine = rows[(rows["anatomy"] == anatomy) & (rows["method"] == name)]
            curve = mine.groupby("step")["dice"].mean()
            ax.plot(
                *(curve.index, curve.to_numpy()),
                color=PALETTE[number % len(PALETTE)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=3.5,
                linewidth=1.3,
            )
        ax.set_title(catalogue.title(anatomy), fontsize="small")
        ax.set_xlabel("step", fontsize="small")
        ax.grid(alpha=0.12, color="black")
    panels[0].set_ylabel("Dice of validation subjects", fontsize="small")
    _names(panels[-1], names)
    return figure


def changed_truths(tables: Tables) -> Figure:
    """Draw how scores move with another rater's truth, and with the tolerance."""
    from matplotlib.figure import Figure

    from benchmarks.study.summaries import by_level
    from fastseg.plots.style import MARKERS

    wanted = [("rater_noise", "dice"), ("rater_noise", "nsd"), ("tolerance", "nsd")]
    found = []
    for difficulty, metric in wanted:
        try:
            found.append((difficulty, metric, by_level(tables, difficulty, metric)))
        except Missing:
            continue
    if not found:
        raise Missing("neither raters nor tolerances were measured")
    figure = Figure((3.2 * len(found) + 2.2, 3.0), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    names = list(dict.fromkeys(name for *_, table in found for name in table.index))
    for ax, (difficulty, metric, table) in zip(panels, found, strict=True):
        for name, curve in table.iterrows():
            number = names.index(name)
            ax.plot(
                *(table.columns, curve.to_numpy()),
                color=PALETTE[number % len(PALETTE)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
                linewidth=1.4,
            )
        ax.set_xticks(list(table.columns))
        ax.set_title(catalogue.title(difficulty), fontsize="small")
        ax.set_xlabel("level", fontsize="small")
        ax.set_ylabel(LABELS[metric], fontsize="small")
        ax.tick_params(labelleft=True)
        ax.grid(alpha=0.12, color="black")
    _names(panels[-1], names)
    return figure
