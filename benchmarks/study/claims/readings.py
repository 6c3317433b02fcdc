"""The numbers that claims are made of; no claim is in this file."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas

from benchmarks.study import methods
from benchmarks.study.claims import Found
from benchmarks.study.tables import Missing, Tables

#: thresholds found in each image, and those that were learned and are the same for all
OTSU, LEARNED = "otsu", "multi_threshold"
#: methods that look at one voxel's intensity at a time
THRESHOLDS = (OTSU, LEARNED)
GROWING = "region_growing"
AFFINE, ATLAS = "atlas_affine", "atlas_deformable"
MULTI_ATLAS = ("multi_atlas_majority", "multi_atlas_staple", "multi_atlas_joint")
FOREST = "random_forest"
LENET, UNET, BILINEAR = "lenet_fcn", "unet_transposed", "unet_bilinear"
DILATED, MULTI_SCALE = "dilated_aspp", "multi_scale"
UNETR, BOTTLENECK = "unetr", "unet_transformer"
NETWORKS = (LENET, UNET, BILINEAR, DILATED, MULTI_SCALE, UNETR, BOTTLENECK)


def present(tables: Tables, names: str | Sequence[str]) -> list[str]:
    """Give those of the methods that were measured.

    Raises
    ------
    Missing
        If none of them was.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    found = [name for name in wanted if name in tables.methods]
    if not found:
        raise Missing(f"not run: {', '.join(wanted)}")
    return found


def mean(
    tables: Tables, metric: str, frame: pandas.DataFrame | None = None, **wanted: Any
) -> float:
    """Give the mean of the values that are finite, of the targets on which all methods are measured.

    A claim about distances says how many are not: what a method lost altogether must not make it look better.

    Raises
    ------
    Missing
        If there are none.
    """
    if metric not in tables.metrics:
        raise Missing(f"{metric} was not measured")
    if wanted.get("method") is not None:
        wanted["method"] = present(tables, wanted["method"])
    values = tables.rows(tables.common if frame is None else frame, **wanted)[metric].to_numpy()
    finite = values[np.isfinite(values)]
    if not len(finite):
        raise Missing(f"{metric} is never defined there")
    return float(finite.mean())


def ends(
    tables: Tables,
    metric: str,
    difficulty: str,
    method: str | Sequence[str] | None = None,
    frame: pandas.DataFrame | None = None,
) -> tuple[float, float]:
    """Give the means of a metric of the clean images and at the hardest level, of the same anatomies."""
    level = tables.hardest(difficulty)
    every = tables.common if frame is None else frame
    hard = tables.rows(every, difficulty=difficulty, level=level)
    same = every[every["anatomy"].isin(hard["anatomy"].unique())]
    chosen: dict[str, Any] = {"method": method if method is not None else tables.methods}
    clean = mean(tables, metric, same, difficulty="clean", **chosen)
    return clean, mean(tables, metric, hard, **chosen)


def fall(
    tables: Tables, metric: str, difficulty: str, method: str | Sequence[str] | None = None
) -> Found:
    """Tell how far a metric falls from the clean images to the hardest level."""
    clean, hard = ends(tables, metric, difficulty, method)
    return Found(clean - hard, f"{clean:.3f} → {hard:.3f}")


def leaks(tables: Tables, method: str | Sequence[str], difficulty: str) -> Found:
    """Tell by how much the structure of a case that is too large by most grows, from clean to the hardest level.

    A mean over structures would not tell: what leaks into the others leaves them too small.
    """
    metric = "relative_volume_difference"
    if metric not in tables.metrics:
        raise Missing(f"{metric} was not measured")
    case = ["anatomy", "method", "difficulty", "level", "subject"]
    rows = tables.rows(tables.common, method=present(tables, method))
    largest = rows.groupby(case, sort=False)[metric].max().reset_index()
    clean, hard = ends(tables, metric, difficulty, method, largest)
    return Found(hard - clean, f"too large by {shown(clean)} → {shown(hard)} of its volume")


def falls_more(
    tables: Tables,
    metric: str,
    difficulty: str,
    one: str | Sequence[str],
    other: str | Sequence[str],
    names: tuple[str, str],
) -> Found:
    """Tell how much farther a metric falls for some methods than for others."""
    first, second = fall(tables, metric, difficulty, one), fall(tables, metric, difficulty, other)
    told = f"{names[0]} {first.told}; {names[1]} {second.told}"
    return Found(first.number - second.number, told)


def difference(
    tables: Tables,
    metric: str,
    one: str | Sequence[str],
    other: str | Sequence[str],
    names: tuple[str, str],
    **wanted: Any,
) -> Found:
    """Tell by how much a metric is larger for some methods than for others, of clean images if nothing else is said."""
    wanted.setdefault("difficulty", "clean")
    first = mean(tables, metric, method=one, **wanted)
    second = mean(tables, metric, method=other, **wanted)
    return Found(first - second, f"{names[0]} {shown(first)}; {names[1]} {shown(second)}")


def ratio(first: float, second: float, names: tuple[str, str], unit: str = "") -> Found:
    """Divide two numbers of which neither is negative."""
    told = f"{names[0]} {shown(first)}{unit}; {names[1]} {shown(second)}{unit}"
    if first == second == 0:
        return Found(1.0, told)
    return Found(first / second if second > 0 else math.inf, told)


def degradation(tables: Tables, metric: str, method: str | Sequence[str]) -> float:
    """Give ROOD-MRI's degradation, the mean of all difficulties of images."""
    chosen = present(tables, method)
    if not tables.difficulties:
        raise Missing("no difficulty was measured")
    every = [tables.curve(metric, name, method=chosen).degradation for name in tables.difficulties]
    return float(np.mean(every))


def seconds(tables: Tables, method: str) -> float:
    """Give the seconds of an image by a method, with what is prepared for it."""
    shared = prepared_by(method)
    return tables.seconds(method) + (tables.seconds(shared, "prepare") if shared else 0.0)


@functools.cache
def prepared_by(method: str) -> str | None:
    """Name what a method shares with others."""
    return methods.method(method).prepare if method in methods.names() else None


def seconds_beside(tables: Tables, some: str | Sequence[str], names: tuple[str, str]) -> Found:
    """Tell how many times as long the median of the other methods takes for an image, as these do on the average."""
    mine = present(tables, some)
    others = [name for name in tables.methods if name not in mine]
    if not others:
        raise Missing("no other methods were run")
    first = float(np.median([seconds(tables, name) for name in others]))
    second = float(np.mean([seconds(tables, name) for name in mine]))
    return ratio(first, second, (names[1], names[0]), " s")


def structure_like(tables: Tables, *words: str) -> str:
    """Find a structure that is called so.

    Raises
    ------
    Missing
        If there is none.
    """
    for name in tables.scores["structure"].unique():
        if any(word in name.lower() for word in words):
            return str(name)
    raise Missing(f"no structure called {' or '.join(words)}")


def shown(number: float) -> str:
    """Write a number with three digits."""
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"
