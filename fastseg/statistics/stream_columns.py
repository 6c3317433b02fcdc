"""Streams of outcomes (.jsonl) in columns, without an object for each of a million rows.

What is read is what :func:`fastseg.read_results` would make of the stream. Where that needs a closer look, as of a line
that is damaged, a case that is there twice, or a protocol that has scores of the cohort, nothing is given, and the
caller takes the long way, which also knows what to say of it.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.cohort.pairing import natural
from fastseg.cohort.records import FORMAT
from fastseg.cohort.stream import read_lines
from fastseg.inputs.structures import label_text
from fastseg.protocols.framework.settings import PROTOCOL
from fastseg.results.joining import common_settings
from fastseg.results.json_values import NOT_FINITE, untagged
from fastseg.results.missing import Missing, missing_predictions, with_missing
from fastseg.results.rows import Level
from fastseg.results.score_facts import directions_of
from fastseg.statistics.score_table import FACTS, Column, Origin, ScoreTable

_REASONS = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}
_NUMBERS = frozenset((float, int))


class _Closer(Exception):  # noqa: N818 - no error: the other way is taken
    """The stream needs a closer look."""


def columns_of_stream(path: Path, level: Level) -> ScoreTable | None:
    """Read a stream; None where it has to be looked at more closely.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    stream = _Stream(level)
    try:
        for _, line, _ in read_lines(path):
            stream.add(line)
        return stream.table(str(path))
    except (_Closer, KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return None


def _no_constant(name: str) -> Any:
    raise _Closer(name)


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


class _Numbers(dict[Any, int]):
    """Numbers for what is looked up, in the order in which it is."""

    def __missing__(self, text: Any) -> int:
        number = self[text] = len(self)
        return number


class _Texts:
    """A column of texts that grows."""

    def __init__(self) -> None:
        self.codes = array("i")
        self._numbers = _Numbers()

    def extend(self, texts: Sequence[Any]) -> None:
        numbers = self._numbers
        self.codes.extend([numbers[text] for text in texts])

    def column(self, order: NDArray[np.intp], also: Sequence[str] = ()) -> Column:
        names = [label_text(name) if name is None else str(name) for name in self._numbers]
        if len({*names}) < len(names):  # the label 1 and a region that is called "1"
            raise _Closer("two facts are one text")
        names += [name for name in dict.fromkeys(also) if name not in self._numbers]
        return Column.in_order(np.frombuffer(self.codes, np.int32)[order], names)


class _Stream:
    """What was read of a stream so far."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._keys: dict[tuple[str, str], int] = {}
        self._sizes: list[int] = []
        self._absent: dict[tuple[str, str], str] = {}
        self._files: dict[tuple[str, str], tuple[str, str | None]] = {}
        self._asked: Any = None
        self._metrics: list[str] | None = None
        self._settings: dict[str, Mapping[str, Any]] = {}
        self._of_case: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._values: dict[str, array[float]] = {}
        self._tasks = _Texts()
        self._facts = {name: _Texts() for name in FACTS}
        self._attributes: dict[tuple[str, str], Mapping[str, str]] = {}

    def add(self, line: bytes) -> None:
        """Read a line."""
        content = _decode(line.decode("utf-8"))
        if content["format"] not in range(1, FORMAT + 1):
            raise _Closer("a newer format")
        key = (_text(content["algorithm"]), _text(content["case"]))
        if key in self._keys:
            raise _Closer("a case is there twice")
        if self._asked is None:
            self._asked = content["asked"]
        elif content["asked"] != self._asked:
            raise _Closer("different settings")
        self._keys[key] = len(self._keys)
        sides = [content["files"][side] for side in ("reference", "prediction")]
        paths = [None if side is None else _text(side["path"]) for side in sides]
        self._files[key] = (paths[0] or "", paths[1])
        failure = content["failure"]
        if failure is not None:
            self._absent[key] = f"{_text(failure['kind'])}: {_text(failure['message'])}"
            if (failure.get("algorithm", ""), failure["case"]) != key:
                raise _Closer("a failure of another case")
            self._sizes.append(0)
            return
        self._add_rows(content, key)

    def _add_rows(self, content: Mapping[str, Any], key: tuple[str, str]) -> None:
        metrics = content["metrics"]
        if self._metrics is None:
            self._metrics = metrics
            self._values = {_text(name): array("d") for name in metrics}
        elif metrics != self._metrics:
            raise _Closer("different metrics")
        self._of_case[key] = self._known_settings(
            content["settings"], content.get("settings_restored", {})
        )
        rows = [row for row in content["rows"] if row["level"] == self._level]
        self._sizes.append(len(rows))
        if content["format"] == 1 and any(name not in row for row in rows for name in metrics):
            raise _Closer("a metric is not there")
        for row in rows:
            if (row.get("algorithm", ""), row["case"]) != key:
                raise _Closer("a row of another case")
        for name, held in self._values.items():
            held.extend(_floats(rows, name))
        self._tasks.extend([_text(row["name"]) for row in rows])
        for name, texts in self._facts.items():
            texts.extend([row.get(name, "" if name == "flags" else None) for row in rows])
        attributes = rows[0].get("attributes", {}) if rows else {}
        for row in rows:
            if row.get("attributes", {}) != attributes:
                raise _Closer("attributes of rows differ")
        self._attributes[key] = {_text(name): _text(value) for name, value in attributes.items()}

    def _known_settings(
        self, settings: Mapping[str, Any], lost: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Give settings as one object where they are the same, most often for thousands of cases."""
        told = repr((settings, lost))
        if told not in self._settings:
            self._settings[told] = {
                **settings,
                **{key: untagged(value) for key, value in lost.items()},
            }
        return self._settings[told]

    def table(self, name: str) -> ScoreTable | None:
        """Give what was read, in the order of algorithms and cases."""
        if not self._of_case:
            return None  # nothing, or failures alone
        keys = sorted(self._keys, key=lambda key: (natural(key[0]), natural(key[1])))
        places = np.array([self._keys[key] for key in keys], np.intp)
        sizes = np.array(self._sizes, np.intp)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        often = sizes[places]
        shift = np.repeat(starts[places] - np.concatenate([[0], np.cumsum(often)[:-1]]), often)
        order = np.arange(int(often.sum()), dtype=np.intp) + shift
        done = [key for key in keys if key in self._of_case]
        settings = common_settings([self._of_case[key] for key in done])
        if PROTOCOL in settings:
            return None  # scores of the cohort are made of rows
        lonely = [Missing(*key, "worst") for key in done if self._files[key][1] is None]
        settings = with_missing(settings, lonely)
        absent = [(*key, self._absent[key]) for key in keys if key in self._absent]
        failed = [key for key in keys if key in self._absent]
        absent += [
            (one.algorithm, one.case, "no prediction") for one in missing_predictions(settings)
        ]
        algorithms = dict.fromkeys(key[0] for key in (*done, *failed))
        row_keys = np.repeat(np.arange(len(keys)), often)
        metrics = {
            metric: np.frombuffer(held, np.float64)[order] for metric, held in self._values.items()
        }
        if self._level == "instance":
            metrics = {
                metric: values for metric, values in metrics.items() if not np.isnan(values).all()
            }
        return ScoreTable(
            _spread([key[0] for key in keys], row_keys, algorithms if any(algorithms) else ()),
            _spread([key[1] for key in keys], row_keys, [case for _, case, _ in absent]),
            self._tasks.column(order),
            metrics,
            {
                attribute: _spread(
                    [self._attributes.get(key, {}).get(attribute, "") for key in keys], row_keys
                )
                for attribute in self._known_attributes(keys, often)
            },
            directions_of(metrics, settings),
            tuple(dict.fromkeys(absent)),
            {fact: texts.column(order) for fact, texts in self._facts.items()},
            (Origin(name, settings, {key: self._files[key] for key in keys}),),
        )

    def _known_attributes(
        self, keys: Sequence[tuple[str, str]], often: NDArray[np.intp]
    ) -> dict[str, None]:
        return dict.fromkeys(
            attribute
            for key, many in zip(keys, often.tolist(), strict=True)
            if many
            for attribute in self._attributes[key]
        )


def _spread(
    texts: Sequence[str], of_row: NDArray[np.intp], also: Sequence[str] | Mapping[str, None] = ()
) -> Column:
    """Give each row the text of its case; `also` are names that no row needs to have."""
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int32)
    found = Column.in_order(codes[of_row], list(numbers))
    there = found.names[: int(found.codes.max(initial=-1)) + 1]
    return Column(found.codes, tuple(dict.fromkeys((*there, *also))))


def _floats(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Give a metric of some rows."""
    values = [row.get(name) for row in rows]
    if _NUMBERS.issuperset(map(type, values)):
        return values  # type: ignore[return-value]
    return [
        _not_finite(row, name) if value is None else _number(value)
        for row, value in zip(rows, values, strict=True)
    ]


def _not_finite(row: Mapping[str, Any], name: str) -> float:
    """Tell what stands where JSON has no number; a row of an instance lacks what only structures have."""
    return _REASONS[row.get(NOT_FINITE, {}).get(name, "nan")]


def _number(value: Any) -> float:
    if type(value) not in _NUMBERS:
        raise _Closer("not a number")
    return float(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _Closer("not a text")
    return value
