"""What a run shows, in a few lines."""

from __future__ import annotations

from collections import Counter

import pandas

from benchmarks.study import catalogue, claims, markdown, summaries
from benchmarks.study.sections import Page
from benchmarks.study.sections.run import NAMES
from benchmarks.study.tables import Missing


def in_short(page: Page) -> str:
    """Write what can be told of this run, and nothing of what it lacks."""
    lines = []
    for tell in (best, robust, hardest, blind, measuring, sentences):
        try:
            lines.append(f"* {tell(page)}")
        except Missing:
            continue
    return "\n".join(lines)


def best(page: Page) -> str:
    """Name the best methods on clean images."""
    rows = page.tables.rows(page.tables.common, difficulty="clean", method=[*page.tables.methods])
    dice = rows.groupby("method")["dice"].mean().sort_values(ascending=False, kind="stable")
    return f"**Best on clean images**, by mean Dice: {three(dice)}."


def robust(page: Page) -> str:
    """Name the methods that fall least, of those that have something to lose."""
    found = degradations(page)
    good = found[found["clean"] >= found["clean"].median()]["mean"]
    told = three(good.sort_values(kind="stable"))
    return f"**Most robust** of the better half, by the mean degradation of Dice: {told}."


def hardest(page: Page) -> str:
    """Name the difficulties that cost most."""
    found = degradations(page).drop(columns=["clean", "mean"]).mean()
    return (
        "**Hardest**, by the mean degradation of Dice of all methods: "
        f"{three(found.sort_values(ascending=False, kind='stable'))}."
    )


def degradations(page: Page) -> pandas.DataFrame:
    """Give the degradations of Dice.

    Raises
    ------
    Missing
        If there are no difficulties.
    """
    if not page.tables.difficulties:
        raise Missing("no difficulty was measured")
    return summaries.degradations(page.tables, "dice")


def three(values: pandas.Series) -> str:
    """Name the first three with their numbers."""
    first = values.dropna().head(3)
    return ", ".join(
        f"{catalogue.short(str(name))} ({markdown.number(float(value), 2)})"
        for name, value in first.items()
    )


def blind(page: Page) -> str:
    """Give one example of what Dice does not see."""
    found = summaries.twins(page.tables, "hd95", most=1)
    if not found:
        raise Missing("no pair of the same Dice")
    one = found[0]
    low, high = (markdown.number(value) for value in one.values)
    better, worse = (catalogue.short(name) for name in one.methods)
    return (
        f"**What Dice does not see**: {one.structure.replace('_', ' ')} ({one.case}) by {better} and by {worse} has "
        f"Dice {one.dice[0]:.3f} and {one.dice[1]:.3f}, and hd95 {low} and {high} mm."
    )


def measuring(page: Page) -> str:
    """Tell what measuring took, and what it would have taken elsewhere."""
    spent = summaries.spent(page.tables)
    if "measure" not in spent.index:
        raise Missing("no times")
    each = summaries.beside(page.tables)
    others = [
        f"{NAMES.get(name, name)} {each[name] / each['fastseg']:.0f} times as long"
        for name in each.index
        if not name.startswith("fastseg")
    ]
    told = f"; the same measurements take {' and '.join(others)}" if others else ""
    return f"**Measuring** took {spent['share']['measure']:.1%} of the run's time{told}."


def sentences(page: Page) -> str:
    """Count the verdicts."""
    judged = [claims.judge(one, page.tables) for one in claims.registry()]
    counts = Counter(one.verdict for one in judged if not one.claim.ours)
    told = ", ".join(f"{counts[name]} {name}" for name in claims.VERDICTS if counts[name])
    return f"**The lecture's sentences**: {told}."
