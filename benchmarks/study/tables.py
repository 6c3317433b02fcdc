"""What a run measured, read again from its JSON lines alone: nothing here looks at an image or a model.

A row of `Tables.scores` is a structure of a case by a method: ``anatomy``, ``target``, ``method``, ``structure``,
``difficulty``, ``level``, ``subject``, ``flags``, and every metric.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from benchmarks.study.folder import Folder
from fastseg import Robustness, robustness
from fastseg.statistics import ScoreTable, score_table

#: what tells one row from another
KEYS = ("anatomy", "target", "method", "structure", "difficulty", "level", "subject")
#: an algorithm that is no method: the truth itself, measured against other raters' truths
TRUTH = "truth"
#: difficulties of the reference, not of images
OF_REFERENCE = ("rater_noise", "tolerance")
_TOLERANCE = "-tolerance-"


class Missing(Exception):  # noqa: N818 - no error: the page says what is missing
    """A run lacks what is asked of it; the text says what."""


@dataclasses.dataclass(frozen=True, eq=False)
class Tables:
    """All that a run measured.

    Parameters
    ----------
    settings : mapping
        What the run was asked for.
    scores : DataFrame
        A row for each structure of each case by each method.
    larger_is_better : mapping
        Of the metrics, where one way is better.
    times : DataFrame
        The seconds of each step.
    learning : DataFrame
        What methods recorded while they learned: ``anatomy``, ``method``, and what each one records.
    stored : mapping of (anatomy, target) to ScoreTable
        The same scores as fastseg's statistics take them, without those of other tolerances.
    contention : DataFrame
        Of each image, how many voxels a vote of atlases got wrong, by the number that agreed.
    """

    settings: Mapping[str, Any]
    scores: pandas.DataFrame
    larger_is_better: Mapping[str, bool]
    times: pandas.DataFrame
    learning: pandas.DataFrame
    stored: Mapping[tuple[str, str], ScoreTable] = dataclasses.field(default_factory=dict)
    contention: pandas.DataFrame = dataclasses.field(default_factory=pandas.DataFrame)

    @functools.cached_property
    def metrics(self) -> tuple[str, ...]:
        """Give the names of the metrics."""
        return tuple(name for name in self.scores.columns if name not in (*KEYS, "flags"))

    @functools.cached_property
    def methods(self) -> tuple[str, ...]:
        """Give the methods that were measured, in the order of the files."""
        return tuple(name for name in self.scores["method"].unique() if name != TRUTH)

    @functools.cached_property
    def anatomies(self) -> tuple[str, ...]:
        """Give the anatomies that were measured."""
        return tuple(self.scores["anatomy"].unique())

    @functools.cached_property
    def difficulties(self) -> tuple[str, ...]:
        """Give the difficulties of images that were measured, in the order of the files."""
        found = self.scores["difficulty"].unique()
        return tuple(name for name in found if name not in ("clean", *OF_REFERENCE))

    @functools.cached_property
    def whole(self) -> Mapping[str, str]:
        """Give the target of each anatomy on which all methods are measured: the one with the most of them."""
        counts = self.scores.groupby(["anatomy", "target"], sort=False)["method"].nunique()
        return {name: counts[name].idxmax() for name in self.anatomies}

    @functools.cached_property
    def common(self) -> pandas.DataFrame:
        """Give the rows of the targets on which all methods are measured."""
        return self.scores[self.scores["target"] == self.scores["anatomy"].map(self.whole)]

    def hardest(self, difficulty: str) -> int:
        """Give the highest level that was measured of a difficulty."""
        return int(self.rows(difficulty=difficulty)["level"].max())

    def rows(
        self, frame: pandas.DataFrame | None = None, **wanted: str | int | Collection[Any] | None
    ) -> pandas.DataFrame:
        """Choose rows, of all or of a frame, by one value or several of a column.

        Raises
        ------
        Missing
            If there are none.
        """
        found = self.scores if frame is None else frame
        for column, values in wanted.items():
            if values is None:
                continue
            if isinstance(values, str) or not isinstance(values, Collection):
                values = [values]
            found = found[found[column].isin(list(values))]
            if found.empty:
                raise Missing(f"no {column} {', '.join(map(str, values))}")
        return found

    @functools.cached_property
    def _by_condition(self) -> dict[str, dict[tuple[Any, ...], NDArray[np.float64]]]:
        return {}

    def by_condition(self, metric: str) -> Mapping[tuple[Any, ...], NDArray[np.float64]]:
        """Give the defined values of the common targets by method, anatomy, difficulty and level.

        Raises
        ------
        Missing
            If the metric was not measured.
        """
        if metric not in self.metrics:
            raise Missing(f"{metric} was not measured")
        if metric not in self._by_condition:
            keys = ["method", "anatomy", "difficulty", "level"]
            groups = self.common.dropna(subset=[metric]).groupby(keys, sort=False)[metric]
            self._by_condition[metric] = {key: values.to_numpy() for key, values in groups}
        return self._by_condition[metric]

    def curve(self, metric: str, difficulty: str, method: str | Collection[str]) -> Robustness:
        """Sum up how a metric of a method, or of several, changes with the level of a difficulty.

        Raises
        ------
        Missing
            If there are no such rows, or no clean ones of the same anatomies beside them.
        """
        wanted = {method} if isinstance(method, str) else {*method}
        values = self.by_condition(metric)
        found = {
            key: held
            for key, held in values.items()
            if key[0] in wanted and key[2] in (difficulty, "clean")
        }
        hard = {key[1] for key in found if key[2] == difficulty}
        levels: dict[float, list[float]] = {0: []}
        for (_, anatomy, _, level), held in found.items():
            if anatomy in hard:
                levels.setdefault(level, []).extend(held.tolist())
        if not hard or not levels[0]:
            raise Missing(f"no {metric} by {', '.join(sorted(wanted))} under {difficulty}")
        return robustness(levels, larger_is_better=self.larger_is_better.get(metric, True))

    def seconds(self, method: str, stage: str = "segment") -> float:
        """Give the mean seconds of a method for an image.

        Raises
        ------
        Missing
            If none were kept.
        """
        if self.times.empty:
            raise Missing("no times")
        found = self.times[(self.times["stage"] == stage) & (self.times["method"] == method)]
        if found.empty:
            raise Missing(f"no seconds of {stage} by {method}")
        return float(found["seconds"].mean())

    def recorded(self, method: str) -> pandas.DataFrame:
        """Give what a method recorded while it learned, the columns that it has.

        Raises
        ------
        Missing
            If it recorded nothing.
        """
        if self.learning.empty or method not in set(self.learning["method"]):
            raise Missing(f"no records of learning by {method}")
        return self.learning[self.learning["method"] == method].dropna(axis="columns", how="all")


def read(folder: Folder) -> Tables:
    """Read what is there.

    Raises
    ------
    Missing
        If nothing was measured yet.
    """
    frames, stored, directions = [], {}, {}
    for path in sorted((folder.root / "results").glob("*.jsonl"), key=lambda path: path.name):
        stem, _, level = path.stem.partition(_TOLERANCE)
        anatomy, _, target = stem.partition("-")
        table = score_table(path)
        directions |= table.larger_is_better
        frames.append(_frame(table, anatomy, target, level))
        if not level:
            stored[anatomy, target] = table
    if not frames:
        raise Missing(f"{folder.root}: nothing was measured yet")
    settings = folder.root / "settings.json"
    return Tables(
        json.loads(settings.read_text()) if settings.exists() else {},
        pandas.concat(frames, ignore_index=True),
        directions,
        _lines(folder.times),
        _learning(folder.root / "models"),
        stored,
        _lines(folder.contention),
    )


def _frame(table: ScoreTable, anatomy: str, target: str, tolerance: str) -> pandas.DataFrame:
    """Bring a score table into a frame; rows of another tolerance are a difficulty of their own."""
    conditions, subjects = zip(*(name.rsplit("/", 1) for name in table.case.names), strict=True)
    difficulties, levels = zip(*(name.rsplit("-", 1) for name in conditions), strict=True)
    case = table.case.codes
    keys: dict[str, Any] = {
        "anatomy": anatomy,
        "target": target,
        "method": _texts(table.algorithm, len(table)),
        "structure": _texts(table.task, len(table)),
        "difficulty": "tolerance" if tolerance else np.array(difficulties, object)[case],
        "level": int(tolerance) if tolerance else np.array(levels, int)[case],
        "subject": np.array(subjects, object)[case],
        "flags": _texts(table.facts.get("flags"), len(table)),
    }
    return pandas.DataFrame({**keys, **table.metrics})


def _texts(column: Any, rows: int) -> NDArray[Any]:
    """Write out a column of numbered names."""
    if column is None:
        return np.full(rows, "", object)
    return np.array(column.names, object)[column.codes]


def _lines(path: Path) -> pandas.DataFrame:
    """Read JSON lines, none where there is no file."""
    return pandas.DataFrame(_records(path)) if path.exists() else pandas.DataFrame()


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # a line that a run was ended at; the run that went on wrote it anew


def _learning(models: Path) -> pandas.DataFrame:
    """Read what was recorded while methods learned; of a step's Dice of several structures, their mean."""
    rows = []
    for path in sorted(models.glob("*/*.jsonl")):
        for record in _records(path):
            dice = record.get("dice")
            if "step" in record and isinstance(dice, dict):
                record["dice"] = float(np.mean([value or 0.0 for value in dice.values()]))
            rows.append({"anatomy": path.parent.name, "method": path.stem, **record})
    return pandas.DataFrame(rows)
