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
    panels = figure.subplots(len(families), len(difficulties), squeeze=False)
    for row, (family, methods) in zip(panels, families.items(), strict=True):
        for ax, difficulty in zip(row, difficulties, strict=True):
            _panel(ax, _curves(tables, metric, difficulty, methods))
        row[0].set_ylabel(f"{family}\n{LABELS.get(metric, metric)}", fontsize="small")
        _names(row[-1], methods)
    # one scale for all; matplotlib's shared axes would look at each other at every line
    highest = max(ax.get_ylim()[1] for ax in panels.flat)
    for ax in panels.flat:
        ax.set_ylim(0, highest)
    for ax in panels[:, 1:].flat:
        ax.set_yticklabels([])
    for ax in panels[:-1].flat:
        ax.set_xticklabels([])
    for ax, difficulty in zip(panels[0], difficulties, strict=True):
        ax.set_title(catalogue.short(difficulty), fontsize="small")
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


def _panel(ax: Axes, curves: dict[str, Robustness]) -> None:
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
    ax.legend(signs, [catalogue.short(name) for name in methods], fontsize="x-small", **options)


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
    from benchmarks.study.truths.rater_noise import RATER_STRENGTHS, TOLERANCES_MM
    from fastseg.plots.style import MARKERS

    rater = "sd of the rater's boundary (mm)"
    wanted = [
        ("rater_noise", "dice", RATER_STRENGTHS, rater),
        ("rater_noise", "nsd", RATER_STRENGTHS, rater),
        ("tolerance", "nsd", TOLERANCES_MM, "tolerance (mm)"),
    ]
    found = []
    for difficulty, metric, strengths, label in wanted:
        try:
            table = by_level(tables, difficulty, metric)
        except Missing:
            continue
        table.columns = [strengths[level - 1] for level in table.columns]
        found.append((metric, label, table))
    if not found:
        raise Missing("neither raters nor tolerances were measured")
    figure = Figure((2.9 * len(found) + 2.0, 3.0), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    every = {name for *_, table in found for name in table.index}
    families = [title for _, title in catalogue.FAMILIES if title in every]
    names = families + sorted(every - {*families})
    for ax, (metric, label, table) in zip(panels, found, strict=True):
        for name, curve in table.iterrows():
            number = names.index(name)
            ax.plot(
                *(table.columns, curve.to_numpy()),
                color=PALETTE[number],
                marker=MARKERS[number],
                markersize=4,
                linewidth=1.4,
            )
        ax.set_ylim(0, 1.02)
        ax.set_title(LABELS[metric], fontsize="small")
        ax.set_xlabel(label, fontsize="small")
        ax.grid(alpha=0.12, color="black")
    _names(panels[-1], names)
    return figure
