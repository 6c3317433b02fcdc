"""Who is best, how sure that is, and what each metric sees that others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.study import catalogue, markdown, summaries
from benchmarks.study.figures import heats
from benchmarks.study.sections import Page, part
from benchmarks.study.tables import Missing
from fastseg.plots import detached, significance, stability
from fastseg.statistics import Ranking

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: metrics of which pairs of segmentations with the same Dice are named
SEEN_BY = ("hd95", "nsd", "assd", "betti_0_error", "volume_similarity", "center_distance")


def rankings(page: Page) -> str:
    """Rank methods, under all difficulties together and under each."""
    found = summaries.ranking(page.tables)
    text = [part(lambda: consensus(found)), part(lambda: how_sure(page, found))]
    text.append(
        page.picture(
            "ranks.svg",
            lambda: heats.ranks(page.tables, "dice"),
            "Ranks by Dice: methods by difficulties",
        )
    )
    text.append(part(lambda: winners(page)))
    return "\n\n".join(text)


def consensus(found: Ranking) -> str:
    """Write the ranks by each metric, and by their consensus."""
    frame = summaries.ranks_by_metric(found)
    rows = [
        (catalogue.short(str(name)), *(f"{rank:g}" for rank in values))
        for name, values in frame.iterrows()
    ]
    n = found.tasks[0].n_cases
    told = (
        f"Ranks by the mean rank over {n} cases, clean and under all difficulties; a case's value is the mean of its "
        "structures, and infinite or undefined ones rank last."
    )
    return f"{told}\n\n{markdown.table(('method', *frame.columns), rows)}"


def how_sure(page: Page, found: Ranking) -> str:
    """Write how far ranks by Dice move if other subjects are drawn, and who is significantly better than whom."""
    one = found["dice"] if "dice" in [task.metric for task in found.tasks] else found.tasks[0]
    low, high = one.rank_intervals().T
    rows = [
        (
            catalogue.short(one.algorithms[place]),
            f"{one.ranks[place]:g}",
            float(one.scores[place]),
            "–" if np.isnan(low[place]) else f"{low[place]:g} – {high[place]:g}",
            f"{one.winner_frequencies[place]:.0%}",
            str(int((one.p_values[place] < 0.05).sum())),
        )
        for place in one.order.tolist()
    ]
    columns = ("method", "rank", "mean rank", "95 %", "first in", "significantly better than")
    taus = one.taus[~np.isnan(one.taus)]
    tau = (
        f"; the median of Kendall's τ with the ranking is {np.median(taus):.2f}"
        if len(taus)
        else ""
    )
    told = (
        f"By {one.metric}. Subjects are drawn anew 1000 times, each with all its images{tau}. The tests are one-sided "
        "Wilcoxon tests of pairs over cases, by Holm's method; images of one subject are not independent, so they are "
        "surer than they should be."
    )
    return "\n\n".join(
        [
            told,
            markdown.table(columns, rows),
            page.picture(
                "stability.svg",
                lambda: titled(found, one.metric, "stability"),
                "How often each method has each rank where subjects are drawn anew",
            ),
            page.picture(
                "significance.svg",
                lambda: titled(found, one.metric, "significance"),
                "Which method is significantly better than which",
            ),
        ]
    )


def titled(found: Ranking, metric: str, kind: str) -> Figure:
    """Draw a ranking whose algorithms have their titles."""
    import dataclasses

    one = next(task for task in found.tasks if task.metric == metric)
    names = tuple(catalogue.short(name) for name in one.algorithms)
    renamed = dataclasses.replace(one, algorithms=names)
    with detached():
        return {"stability": stability, "significance": significance}[kind](renamed).figure


def winners(page: Page) -> str:
    """Write the first three of each difficulty, on each anatomy."""
    rows = []
    tables = page.tables
    for anatomy in tables.anatomies:
        target = tables.whole[anatomy]
        for difficulty in ("clean", *catalogue.in_order(tables.difficulties)):
            told = part(lambda a=anatomy, d=difficulty: first_three(page, a, d))
            rows.append(
                (f"{catalogue.title(anatomy)}, {target}", catalogue.title(difficulty), told)
            )
    return markdown.table(
        ("target", "difficulty", "first three by the consensus of metrics"), rows, 3
    )


def first_three(page: Page, anatomy: str, difficulty: str) -> str:
    """Name the first three with their ranks' intervals."""
    found = summaries.ranking(page.tables, bootstraps=300, anatomy=anatomy, difficulty=difficulty)
    one = found.consensus() if len(found.tasks) > 1 else found.tasks[0]
    low, high = one.rank_intervals().T
    names = [catalogue.short(name) for name in one.algorithms]
    return "; ".join(
        # of one subject nothing can be drawn anew
        names[place] if np.isnan(low[place]) else f"{names[place]} ({low[place]:g}–{high[place]:g})"
        for place in one.order[:3].tolist()
    )


def what_each_sees(page: Page) -> str:
    """Tell what each metric sees that others do not."""
    tables = page.tables
    text = [
        page.picture(
            "correlations.svg",
            lambda: heats.correlations(tables),
            "Spearman's correlation of each two metrics over all rows",
        ),
        page.picture(
            "agreement.svg",
            lambda: heats.agreement(summaries.agreement(summaries.ranking(tables, bootstraps=0))),
            "Kendall's tau of the rankings by each two metrics",
        ),
        part(lambda: moves(page)),
        part(lambda: same_dice(page)),
    ]
    return "\n\n".join(text)


#: what metrics are for, by which methods are ranked
FOR = {
    "dice": "how much of both volumes overlaps",
    "nsd": "which share of the surfaces lies within a tolerance",
    "hd95": "how far off the worst places are, 5 % left aside",
    "assd": "how far off the surfaces are on the average",
    "betti_0_error": "whether there are as many parts",
    "volume_similarity": "whether the size is right, wherever it lies",
}


def moves(page: Page) -> str:
    """Tell which methods a metric places elsewhere than Dice does."""
    found = summaries.ranking(page.tables, bootstraps=0)
    ranks = summaries.ranks_by_metric(found)
    if "dice" not in ranks:
        raise Missing("dice was not measured")
    taus = summaries.agreement(found)["dice"]
    rows = []
    for metric in ranks.columns.drop(["dice", "consensus"], errors="ignore"):
        gained = (ranks["dice"] - ranks[metric]).sort_values(kind="stable")
        up, down = gained.index[-1], gained.index[0]
        rows.append(
            (
                f"`{metric}`",
                FOR[metric],
                float(taus[metric]),
                f"{catalogue.short(up)} ({ranks['dice'][up]:g} → {ranks[metric][up]:g})",
                f"{catalogue.short(down)} ({ranks['dice'][down]:g} → {ranks[metric][down]:g})",
            )
        )
    columns = ("metric", "asks", "τ with the ranking by Dice", "gains most", "loses most")
    told = (
        "Beside the ranking by Dice: how alike that by another metric is, and whom it moves most."
    )
    return f"{told}\n\n{markdown.table(columns, rows, 2)}"


def same_dice(page: Page) -> str:
    """Name segmentations with the same Dice that another metric sees most apart."""
    rows = []
    for metric in SEEN_BY:
        if metric not in page.tables.metrics:
            continue
        for one in summaries.twins(page.tables, metric):
            better, worse = (catalogue.short(name) for name in one.methods)
            rows.append(
                (
                    f"`{metric}`",
                    f"{one.structure.replace('_', ' ')} ({one.case})",
                    f"{better} beside {worse}",
                    f"{one.dice[0]:.3f}, {one.dice[1]:.3f}",
                    f"{markdown.number(one.values[0])}, {markdown.number(one.values[1])}",
                )
            )
    columns = ("metric", "structure and case", "methods", "Dice", "values")
    told = (
        f"Segmentations of one structure whose Dice differs by {summaries.SAME_DICE} at the most (and is at least "
        "0.5), and that another metric sees farthest apart: what a table of Dice alone does not tell."
    )
    return f"{told}\n\n{markdown.table(columns, rows, 3)}"
