"""Tables as people have them: what can be meant is understood, what cannot is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg.errors import FastsegError, InputError
from fastseg.statistics import compare, intervals, rank, score_table, share_below

pandas = pytest.importorskip("pandas")

SCORES: dict[str, Any] = {
    "case": list("abcd") * 2,
    "algorithm": ["x"] * 4 + ["y"] * 4,
    "dice": [0.5, 0.6, 0.7, 0.8, 0.6, 0.7, 0.8, 0.75],
}


def ranked(source: Any, metric: str = "dice", **options: Any) -> dict[str, float]:
    one = rank(source, metric, bootstraps=5, **options).tasks[0]
    return dict(zip(one.algorithms, one.ranks.tolist(), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "case;algorithm;dice\na;x;0,5\na;y;0,7\n",
        "case;algorithm;dice\na;x;0.5\na;y;0.7\n",
        "case\talgorithm\tdice\r\na\tx\t0.5\r\na\ty\t0.7\r\n",
        "\ufeffcase,algorithm,dice\na,x,0.5\na,y,0.7\n",
        "Case,Algorithm,Dice\n1,x,5e-1\n1,y,.7\n",
    ],
    ids=["german", "semicolons", "tabs", "BOM", "capitals"],
)
def test_files_are_read_as_they_come(text: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8")
    one = rank(path, "dice").tasks[0]
    assert dict(zip(one.algorithms, one.scores.tolist(), strict=True)) == {"x": 0.5, "y": 0.7}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('case,algorithm,dice\na,x,"0,5"\na,y,"0,7"\n', "'0,5'; for decimal commas"),
        ("case,algorithm,dice\na,x,failed\na,y,0.7\n", "dice: expected numbers, got 'failed'"),
        ("case,algorithm,dice\na,x,nan\na,y,0.7\n", "x 1"),
        ("number,algorithm,dice\na,x,1\n", "no column of cases"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as told:
        rank(path, "dice")
    assert "\n" not in str(told.value)


def test_columns_may_be_of_any_kind() -> None:
    expected = {"x": 2, "y": 1}
    frame = pandas.DataFrame(SCORES)
    assert ranked(frame) == expected
    assert ranked(frame.astype({"case": "category", "algorithm": "category"})) == expected
    assert ranked(frame.astype({"dice": object})) == expected
    assert ranked(frame.astype({"dice": str})) == expected
    assert ranked(frame.assign(case=[1, 2, 3, 4] * 2)) == expected
    whole = pandas.array([0, 1, None, 1, 1, 1, 1, 1], dtype="Int64")
    assert ranked(frame.assign(dice=whole), undefined="worst") == expected
    flags = frame.assign(found=[True, False] * 2 + [True] * 4)
    assert ranked(flags, "found", larger_is_better=True) == expected
    spaced = frame.rename(columns={"case": "Case ID", "algorithm": "My name", "dice": "My score"})
    options = {"case": "Case ID", "algorithm": "My name", "larger_is_better": True}
    assert ranked(spaced, "My score", **options) == expected
    assert ranked(frame.assign(dice=-1 - frame["dice"])) == {"x": 1, "y": 2}


def test_groups_may_be_whole_numbers_that_lack_for_some() -> None:
    frame = pandas.DataFrame(SCORES).assign(site=[1.0, 2.0, np.nan, np.nan] * 2)
    frame["hd95"] = frame["dice"] * 7.5
    table = score_table(frame, metrics="dice")
    assert list(table.attributes) == ["site"]
    # two cases of which no site is known are two clusters, not one
    samples = rank(frame, "dice", clusters="site", bootstraps=300).tasks[0].samples
    np.testing.assert_array_equal(samples, rank(frame, "dice", bootstraps=300).tasks[0].samples)


def test_nothing_to_choose_between_is_told_without_warnings() -> None:
    frame = pandas.DataFrame(SCORES).assign(dice=0.5)
    for method in ("aggregate_then_rank", "rank_then_aggregate", "test_then_rank"):
        ranking = rank(frame, "dice", method=method, bootstraps=20)
        assert ranking["dice"].ranks.tolist() == [1, 1]
        assert "algorithms are tied" in str(ranking)
    row = compare(frame, "dice")[0]
    assert (row["difference"], row["better"], row["permutation_p"]) == (0, 0.5, 1)
    assert np.isnan(row["wilcoxon_p"])
    alone = pandas.DataFrame({"case": ["a", "a"], "algorithm": ["x", "y"], "dice": [0.5, 0.6]})
    assert "1 case: below 50" in str(rank(alone, "dice"))
    assert "1 case: below 50" in str(compare(alone, "dice"))
    assert len(intervals(pandas.DataFrame({"case": [], "dice": []}), "dice")) == 0


def test_infinite_distances_are_worst() -> None:
    far = [1, 2, np.inf, 4, 2, np.inf, np.inf, 5.0]
    frame = pandas.DataFrame(SCORES).assign(hd95=far)
    assert ranked(frame, "hd95") == {"x": 1, "y": 1}
    assert ranked(frame, "hd95", method="rank_then_aggregate") == {"x": 1, "y": 2}
    row = compare(frame, "hd95")[0]
    assert (row["difference"], row["better"], row["n"]) == (-np.inf, 0.875, 4)
    medians = intervals(frame, "hd95", statistic="median", samples=100)
    assert (medians[0]["estimate"], medians[0]["high"]) == (3, np.inf)


def test_cases_that_only_one_has() -> None:
    frame = pandas.DataFrame(SCORES).assign(case=list("abcdcdef"))
    with pytest.raises(InputError, match=r"x 2, y 2"):
        rank(frame, "dice")
    assert compare(frame, "dice", undefined="drop")[0]["n"] == 2
    apart = pandas.DataFrame(SCORES).assign(case=list("abcdefgh"))
    assert compare(apart, "dice", undefined="drop")[0]["n"] == 0
    twice = pandas.concat([frame, frame])
    with pytest.raises(InputError, match="'a' is there twice"):
        rank(twice, "dice", undefined="drop")
    assert "cases have several values" in str(intervals(twice, "dice", samples=10))
    assert "several values" not in str(intervals(twice, "dice", samples=10, clusters="case"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda frame: rank(frame, []), "at least one metric"),
        (lambda frame: rank(frame, None), "names of metrics, got None"),  # type: ignore[arg-type]
        (lambda frame: intervals(frame, 3), "names of metrics, got 3"),  # type: ignore[arg-type]
        (lambda frame: rank(frame, "dice", alpha="x"), "alpha"),  # type: ignore[arg-type]
        (lambda frame: rank(frame, "dice", seed=-1), "seed"),
        (lambda frame: compare(frame, "dice", seed=0.5), "seed"),  # type: ignore[arg-type]
        (lambda frame: rank(frame, "dice", aggregate=None), "aggregate"),  # type: ignore[arg-type]
        (lambda frame: rank(frame.assign(dice=np.nan), "dice", undefined=np.nan), "got nan"),
        (lambda frame: rank(frame, "dice", undefined="zero"), "undefined"),  # type: ignore[arg-type]
        (lambda frame: compare(frame, "dice", strata="site"), "'site'"),
        (lambda frame: rank(frame.assign(dice=1j), "dice"), "complex"),
        (lambda frame: score_table(frame, level="lesion"), "instance"),  # type: ignore[arg-type]
        (lambda frame: share_below(frame, {"dice": "low"}), "expected a number"),  # type: ignore[dict-item]
        (
            lambda frame: rank(pandas.concat([frame, frame["dice"]], axis=1), "dice"),
            "two columns are called 'dice'",
        ),
    ],
)
def test_wrong_questions_are_one_line(call: Any, words: str) -> None:
    with pytest.raises(FastsegError, match=words) as told:
        call(pandas.DataFrame(SCORES))
    assert "\n" not in str(told.value)
