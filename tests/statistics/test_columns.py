"""Streams and Parquet read in columns are what the rows of their evaluations are."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fastseg
from fastseg.cohort.read_results import read_results
from fastseg.errors import InputError
from fastseg.results import Evaluation
from fastseg.results.rows import Level
from fastseg.results.writers import parquet
from fastseg.statistics import ScoreTable, reading, score_table, stream_columns
from tests.reports.cohort import stream


def assert_same(one: ScoreTable, other: ScoreTable) -> None:
    for name in ("algorithm", "case", "task"):
        assert getattr(one, name).names == getattr(other, name).names
        np.testing.assert_array_equal(getattr(one, name).codes, getattr(other, name).codes)
    assert list(one.metrics) == list(other.metrics)
    for name, values in other.metrics.items():
        assert one.metrics[name].tobytes() == values.tobytes()
    for held, expected in ((one.attributes, other.attributes), (one.facts, other.facts)):
        assert list(held) == list(expected)
        for name, column in expected.items():
            assert held[name].names == column.names
            np.testing.assert_array_equal(held[name].codes, column.codes)
    assert one.absent == other.absent
    assert one.larger_is_better == other.larger_is_better
    assert dict(one.origins[0].settings) == dict(other.origins[0].settings)


def long_way(path: Path, level: Level = "structure") -> ScoreTable:
    return reading._of_evaluation(read_results(path), None, level, str(path))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stream(tmp_path_factory.mktemp("cohort"), cases=("b10", "c", "b9", "a"))


def with_failure(path: Path, folder: Path) -> Path:
    """A stream whose last line is a case that failed."""
    lines = path.read_text().splitlines(keepends=True)
    record = json.loads(lines[-1])
    for name in ("rows", "metrics", "settings", "settings_restored"):
        record.pop(name, None)
    record["failure"] = {
        "case": record["case"],
        "kind": "GridMismatchError",
        "message": "no",
        "algorithm": record["algorithm"],
        "attributes": record["attributes"],
    }
    found = folder / "failed.jsonl"
    found.write_text("".join([*lines[:-1], json.dumps(record) + "\n"]))
    return found


def test_a_stream_gives_what_its_rows_are(results: Path, tmp_path: Path) -> None:
    for path in (results, with_failure(results, tmp_path)):
        found = stream_columns.columns_of_stream(path, "structure")
        assert found is not None
        assert_same(found, long_way(path))
    found = stream_columns.columns_of_stream(results, "structure")
    assert found is not None
    assert found.case.names == ("a", "b9", "b10", "c")
    files = found.origins[0].files
    assert files["unet", "a"] == tuple(
        str(results.parent / s / "a.npy") for s in ("reference", "unet")
    )
    assert files["other", "c"][1] is None
    assert ("other", "c", "no prediction") in found.absent
    assert {*found.facts["empty"].names} == {"", "prediction"}
    part = found.of(task="spleen")
    assert len(part.facts["label"].codes) == len(part)


def test_random_streams_give_what_their_rows_are(results: Path, tmp_path: Path) -> None:
    """Values that JSON has no number for, flags, labels of regions, missing attributes, orders, other settings."""
    rng = np.random.default_rng(3)
    records = [json.loads(line) for line in results.read_text().splitlines()]
    direct = 0
    for trial in range(40):
        path = tmp_path / f"{trial}.jsonl"
        with open(path, "w") as file:
            for place in rng.permutation(len(records)).tolist():
                record = json.loads(json.dumps(records[place]))
                record["settings"]["shape"] = [int(rng.integers(2)), 3, 3]
                if rng.random() < 0.1:
                    record["settings"]["unlisted"] = {"reference": {}}
                sites = {"site": "x"} if rng.random() < 0.5 else {}
                for row in record["rows"]:
                    row["attributes"] = sites
                    if not sites:
                        del row["attributes"]
                    row["label"] = [1, 2, "1+2"][int(rng.integers(3))]
                    row["flags"] = ["", "small_structure=0.03", "a=1 b=2"][int(rng.integers(3))]
                    for name in ("dice", "nsd", "hd95"):
                        kind = int(rng.integers(5))
                        row[name] = [None, 1, float(rng.random()), 0, 1e300][kind]
                        if kind == 0:
                            reason = ["inf", "-inf", "nan"][int(rng.integers(3))]
                            row.setdefault("not_finite", {})[name] = reason
                file.write(json.dumps(record) + "\n")
        found = stream_columns.columns_of_stream(path, "structure")
        assert found is not None
        assert_same(found, long_way(path))
        direct += 1
    assert direct == 40


def test_instances_are_rows_too(tmp_path: Path) -> None:
    found = stream(tmp_path / "cohort")
    table = found.parent / "pairs.csv"
    output = tmp_path / "lesions.jsonl"
    with pytest.warns(UserWarning, match="prediction"):
        fastseg.evaluate_cohort(table, instances=True, metrics=["dice"], output=output)
    level: Level
    for level in ("structure", "instance"):
        one = stream_columns.columns_of_stream(output, level)
        if one is not None:
            assert_same(one, long_way(output, level))
        assert len(score_table(output, level=level))


@pytest.mark.parametrize(
    "harm",
    ["cut", "twice", "true", "text", "nan", "huge", "settings", "newer", "metrics", "latin"],
)
def test_a_stream_that_is_odd_is_looked_at_closely(
    harm: str, results: Path, tmp_path: Path
) -> None:
    """Nothing is taken from it in columns; what is said of it, if anything, is what reading its rows says."""
    lines = results.read_text().splitlines(keepends=True)
    record = json.loads(lines[0])
    row = record["rows"][0]
    changes: dict[str, Callable[[], str | None]] = {
        "cut": lambda: lines[0][:-100] + "\n",
        "twice": lambda: lines[0] + lines[0],
        "true": lambda: row.update(dice=True),
        "text": lambda: row.update(name=3),
        "nan": lambda: row.update(dice=math.nan),
        "huge": lambda: row.update(dice=10**400),
        "settings": lambda: record["asked"].update(tolerance=7.0),
        "newer": lambda: record.update(format=9),
        "metrics": lambda: record.update(metrics=["dice", "hd95"]),
        "latin": lambda: lines[0],
    }
    first = changes[harm]()
    path = tmp_path / "odd.jsonl"
    text = (first or json.dumps(record) + "\n") + "".join(lines[1:])
    path.write_bytes(
        text.encode() if harm != "latin" else text.encode().replace(b"unet", b"\xff\xfe", 1)
    )
    assert stream_columns.columns_of_stream(path, "structure") is None
    if harm == "twice":
        assert_same(score_table(path), long_way(path))
    else:
        with pytest.raises(InputError) as told:
            read_results(path)
        with pytest.raises(InputError) as same:
            score_table(path)
        assert str(told.value) == str(same.value)


def test_parquet_gives_what_its_rows_are(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "results.parquet"
    whole = read_results(with_failure(results, tmp_path))
    parquet.write(whole, path)
    assert_same(score_table(path), long_way(path))
    mask = np.ones((4, 4, 4), np.uint8)
    region = fastseg.evaluate(mask, mask, labels={"all": [1, 2], "one": [1]}, case="a")
    parquet.write(region, path)
    assert_same(score_table(path), long_way(path))
    parquet.write(Evaluation((), ("dice",)), path)
    assert len(score_table(path)) == 0


def test_a_csv_of_ours_has_flags_and_empties(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    path = tmp_path / "results.csv"
    whole = read_results(results)
    whole.to_csv(path)
    found, expected = score_table(path), long_way(results)
    for name in ("empty", "empty_policy", "flags", "label", "prediction_label"):
        texts = [found.facts[name].names[code] for code in found.facts[name].codes]
        assert texts == [expected.facts[name].names[code] for code in expected.facts[name].codes]
    assert found.attributes["site"].names == expected.attributes["site"].names
