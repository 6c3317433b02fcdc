"""What the page's tables and figures hold: numbers made of `Tables` by fastseg's statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas
from numpy.typing import NDArray

from benchmarks.study import catalogue
from benchmarks.study.tables import Missing, Tables
from fastseg.flags import RaisedFlags
from fastseg.statistics import Ranking, rank
from fastseg.statistics.ranks import kendall_taus

#: metrics by which methods are ranked: what overlaps, what is near, how many parts, how large
RANKED = ("dice", "nsd", "hd95", "assd", "betti_0_error", "volume_similarity")
#: Dice that is the same for all purposes
SAME_DICE = 0.005


def clean_dice(tables: Tables, anatomy: str) -> pandas.DataFrame:
    """Give the mean Dice of clean images, methods by structures, all targets of an anatomy beside each other."""
    rows = tables.rows(anatomy=anatomy, difficulty="clean", method=tables.methods)
    found = rows.pivot_table(
        index="method", columns="structure", values="dice", aggfunc="mean", sort=False
    )
    return found.reindex(catalogue.in_order(found.index))


def degradations(tables: Tables, metric: str) -> pandas.DataFrame:
    """Give ROOD-MRI's degradation, methods by difficulties, with the clean value and the mean at the ends."""
    found = {}
    for method in catalogue.in_order(tables.methods):
        clean = tables.rows(tables.common, method=method, difficulty="clean")[metric].mean()
        row = {"clean": clean}
        for difficulty in catalogue.in_order(tables.difficulties):
            try:
                row[difficulty] = tables.curve(metric, difficulty, method=method).degradation
            except Missing:
                row[difficulty] = np.nan
        found[method] = row
    frame = pandas.DataFrame.from_dict(found, orient="index")
    frame["mean"] = frame.drop(columns="clean").mean(axis=1)
    return frame


def by_case(tables: Tables, metrics: Sequence[str], **wanted: object) -> pandas.DataFrame:
    """Give a row for each case and method: metrics' means over structures, in the form that `rank` takes."""
    rows = tables.rows(tables.common, method=tables.methods, **wanted)  # type: ignore[arg-type]
    place = rows["difficulty"] + "-" + rows["level"].astype(str) + "/" + rows["subject"]
    rows = rows.assign(case=rows["anatomy"] + "/" + place)
    keys = ["method", "case", "anatomy", "subject", "difficulty"]
    found = rows.groupby(keys, sort=False, observed=True)[list(metrics)].mean().reset_index()
    # a method that was not run on an anatomy is no method that failed there
    complete = found.groupby("case")["method"].nunique() == found["method"].nunique()
    found = found[found["case"].isin(complete[complete].index)]
    if found["method"].nunique() < 2:
        raise Missing("fewer than two methods")
    return found.rename(columns={"method": "algorithm"})


def ranking(
    tables: Tables, metrics: Sequence[str] = RANKED, bootstraps: int = 1000, **wanted: object
) -> Ranking:
    """Rank methods by the mean of their ranks in each case; subjects are drawn with all their images."""
    chosen = [metric for metric in metrics if metric in tables.metrics]
    frame = by_case(tables, chosen, **wanted)
    frame["body"] = frame["anatomy"] + "/" + frame["subject"]
    return rank(
        frame,
        chosen,
        method="rank_then_aggregate",
        bootstraps=bootstraps,
        clusters="body",
        larger_is_better={name: tables.larger_is_better.get(name, False) for name in chosen},
    )


def ranks_by_difficulty(tables: Tables, metric: str) -> pandas.DataFrame:
    """Give each method's rank, methods by difficulties, clean first."""
    found = {}
    for difficulty in ("clean", *catalogue.in_order(tables.difficulties)):
        one = ranking(tables, [metric], bootstraps=0, difficulty=difficulty).tasks[0]
        found[difficulty] = pandas.Series(one.ranks, index=list(one.algorithms))
    frame = pandas.DataFrame(found)
    return frame.reindex(catalogue.in_order(frame.index))


def ranks_by_metric(found: Ranking) -> pandas.DataFrame:
    """Give each method's rank, methods by metrics, best by consensus first."""
    frame = pandas.DataFrame(
        {one.metric: pandas.Series(one.ranks, index=list(one.algorithms)) for one in found.tasks}
    )
    if len(found.tasks) > 1:
        one = found.consensus()
        frame["consensus"] = pandas.Series(one.ranks, index=list(one.algorithms))
    return frame.sort_values(frame.columns[-1], kind="stable")


def agreement(found: Ranking) -> pandas.DataFrame:
    """Give Kendall's τ-b between the rankings by each two metrics."""
    names = [one.metric for one in found.tasks]
    ranks = np.stack([one.ranks for one in found.tasks])
    taus = [kendall_taus(one, ranks) for one in ranks]
    return pandas.DataFrame(taus, index=names, columns=names)


def correlations(tables: Tables) -> pandas.DataFrame:
    """Give Spearman's correlation between metrics, of all rows in which both are finite."""
    names = [name for name in catalogue.SHOWN_METRICS if name in tables.metrics]
    rows = tables.rows(tables.common, method=tables.methods)
    values = rows[names].abs().replace(np.inf, np.nan)
    return values.corr(method="spearman", min_periods=10)


@dataclasses.dataclass(frozen=True)
class Twins:
    """Two segmentations of one structure that one metric holds for alike, and another one does not."""

    metric: str
    structure: str
    case: str
    methods: tuple[str, str]
    dice: tuple[float, float]
    values: tuple[float, float]


def twins(tables: Tables, metric: str, most: int = 3) -> list[Twins]:
    """Find pairs of segmentations of the same structure with the same Dice that a metric sees most apart."""
    if metric not in tables.metrics:
        raise Missing(f"{metric} was not measured")
    rows = tables.rows(tables.common, method=tables.methods)
    # where little overlaps anyway, nobody asks what else is wrong
    rows = rows[(rows["dice"] >= 0.5) & np.isfinite(rows[metric])]
    found = []
    keys = ["anatomy", "target", "structure", "difficulty", "level", "subject"]
    for key, group in rows.groupby(keys, sort=False, observed=True):
        pair = farthest(group["dice"].to_numpy(), group[metric].to_numpy(np.float64))
        if pair is None:
            continue
        both = group.iloc[list(pair)]
        found.append(
            Twins(
                metric,
                str(key[2]),
                f"{key[0]}, {key[3]}-{key[4]}/{key[5]}",
                tuple(both["method"]),
                tuple(both["dice"].astype(float)),
                tuple(both[metric].astype(float)),
            )
        )
    found.sort(key=lambda one: -abs(one.values[0] - one.values[1]))
    chosen: list[Twins] = []
    for one in found:  # of each structure its clearest pair alone
        if one.structure not in {other.structure for other in chosen} and len(chosen) < most:
            chosen.append(one)
    return chosen


def farthest(dice: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[int, int] | None:
    """Find the two of the same Dice whose values differ most, the better value's place first."""
    alike = np.abs(dice[:, None] - dice) <= SAME_DICE
    apart = np.where(alike, values[None] - values[:, None], 0)
    if not apart.size or apart.max() <= 0:
        return None
    low, high = np.unravel_index(int(apart.argmax()), apart.shape)
    return int(low), int(high)


def flags(tables: Tables) -> pandas.DataFrame:
    """Give the share of rows of which each flag was raised, flags by difficulties."""
    rows = tables.rows(method=tables.methods)
    raised = {
        text: [flag.name for flag in RaisedFlags.from_text(text)] for text in rows["flags"].unique()
    }
    shares = {}
    for difficulty, group in rows.groupby("difficulty", sort=False):
        counts: dict[str, int] = {}
        for text, many in group["flags"].value_counts().items():
            for name in set(raised[text]):
                counts[name] = counts.get(name, 0) + int(many)
        shares[difficulty] = {name: many / len(group) for name, many in counts.items()}
    frame = pandas.DataFrame(shares).fillna(0.0)
    order = ["clean", *catalogue.in_order(tables.difficulties), "rater_noise"]
    frame = frame[[name for name in order if name in frame]]
    return frame.loc[frame.max(axis=1).sort_values(ascending=False, kind="stable").index]


def by_level(tables: Tables, difficulty: str, metric: str) -> pandas.DataFrame:
    """Give the means of families of methods, and of the truth itself if it was measured, families by levels."""
    rows = tables.rows(tables.common, difficulty=difficulty)
    names = rows["method"].map(
        lambda name: catalogue.title(name) if name == "truth" else catalogue.family(name)
    )
    found = rows.assign(family=names, value=rows[metric])
    return found.pivot_table(index="family", columns="level", values="value", sort=False)


def spent(tables: Tables) -> pandas.DataFrame:
    """Give the seconds of each stage by the clock, and its share of the run.

    What others measured beside is no part of the run.
    """
    times = tables.times
    if times.empty or not (times["stage"] == "wall").any():
        raise Missing("no times")
    wall = times[(times["stage"] == "wall") & (times["of"] != "peers")]
    found = wall.groupby("of", sort=False)[["seconds"]].sum()
    found["share"] = found["seconds"] / found["seconds"].sum()
    return found


def beside(tables: Tables) -> pandas.Series:
    """Give the milliseconds that each library takes for the same measurements of a pair of label maps.

    Raises
    ------
    Missing
        If they were not timed.
    """
    times = tables.times
    if "library" not in times:
        raise Missing("the same measurements by other libraries")
    found = times[times["stage"] == "peers"].groupby("library", sort=False)
    sums = found[["seconds", "pairs"]].sum()
    if "fastseg" not in sums.index or not sums["pairs"].all():
        raise Missing("the same measurements by other libraries")
    return 1000 * sums["seconds"] / sums["pairs"]


def seconds_per_image(tables: Tables) -> pandas.DataFrame:
    """Give the seconds that each method learns, prepares and segments: of learning a sum, else of an image."""
    from benchmarks.study.claims.readings import prepared_by

    found = {}
    for method in catalogue.in_order(tables.methods):
        row = {}
        shared = prepared_by(method)
        for name, stage, who in (
            ("learning", "fit", method),
            ("shared", "prepare", shared),
            ("segmenting", "segment", method),
        ):
            try:
                row[name] = tables.seconds(who, stage) if who else 0.0
            except Missing:
                row[name] = np.nan
        found[method] = row
    return pandas.DataFrame.from_dict(found, orient="index")
