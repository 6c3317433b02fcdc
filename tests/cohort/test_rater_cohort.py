"""Folders of several raters: which files are a case, what fails, means over cases, and where a consensus lies."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.cohort.rater_pairing import find_rater_cases, named_raters, names_of
from fastseg.errors import CaseError, InputError, InputTypeError, InputWarning
from fastseg.raters.cohort_results import RaterCohort
from fastseg.raters.relative import mean_intervals
from fastseg.raters.results import RaterScore
from fastseg.results.failures import Failure
from tests.raters import naive_raters as naive

NAMES = ("anna", "ben", "carla")


@pytest.fixture
def maps(tmp_path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Three raters, four cases, and predictions, as arrays and as files."""
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, np.ndarray]] = {}
    for case in ("c1", "c2", "c10", "sub/c3"):
        *drawn, prediction = naive.noisy(rng, (6, 7, 8), 4, 3)
        found[case] = {**dict(zip(NAMES, drawn, strict=True)), "p": prediction}
        for name, one in found[case].items():
            path = tmp_path / name / f"{case}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, one)
    return found


def test_cases_are_those_of_evaluate_raters(tmp_path: Path, maps: Any) -> None:
    seen: list[Any] = []
    cohort = fastseg.evaluate_rater_cohort(
        [tmp_path / name for name in NAMES],
        tmp_path / "p",
        metrics=["dice"],
        levels="ordinal",
        consensus="staple",
        consensus_folder=tmp_path / "new" / "out",
        on_outcome=seen.append,
    )
    assert cohort.cases == ["c1", "c2", "c10", "sub/c3"]
    assert [one.case.name for one in seen] == cohort.cases
    for case, of_case in maps.items():
        drawn = {name: of_case[name] for name in NAMES}
        alone = fastseg.evaluate_raters(
            drawn, of_case["p"], metrics=["dice"], levels="ordinal", consensus="staple"
        )
        for ours, theirs in zip(cohort.case(case), alone, strict=True):
            assert ours == pytest.approx(theirs, nan_ok=True)
        image = np.load(tmp_path / "new" / "out" / f"{case}.npy")
        np.testing.assert_array_equal(image, fastseg.consensus(list(drawn.values()), "staple"))
    values = [cohort.case(case).value(1, "dice", "anna", "ben") for case in maps]
    mean = cohort.mean("1", "dice", "ben", "anna")
    assert mean.mean == pytest.approx(np.mean(values))
    assert mean.median == np.median(values)
    assert min(values) <= mean.low <= mean.mean <= mean.high <= max(values)
    assert (mean.n, mean.undefined) == (4, 0)


def test_means_leave_out_what_is_undefined_and_count_it(tmp_path: Path) -> None:
    def of(*values: float) -> RaterCohort:
        tables = {
            f"c{i}": fastseg.RaterEvaluation((RaterScore(1, "1", "hd95", "a", "b", value),))
            for i, value in enumerate(values)
        }
        return RaterCohort(tables, (Failure("x", "OSError", "gone"),), {"seed": 0})

    [mean] = of(1.0, math.nan, 3.0, 5.0)
    assert (mean.mean, mean.median, mean.n, mean.undefined, mean.infinite) == (3, 3, 3, 1, 0)
    assert 1 <= mean.low < 3 < mean.high <= 5
    [mean] = of(1.0, math.inf, 3.0, 2.0)
    assert (mean.mean, mean.median, mean.infinite) == (math.inf, 2.5, 1)
    assert mean.low <= 3
    assert mean.high == math.inf
    [mean] = of(math.nan, math.nan, 1.0)
    assert mean.mean == 1
    assert math.isnan(mean.low)
    [mean] = of(math.nan)
    assert math.isnan(mean.mean)
    cohort = of(1.0, math.nan)
    content = json.loads(cohort.to_json(tmp_path / "o.json"))
    assert content["failures"][0]["case"] == "x"
    assert content["rows"][1]["value"] is None
    assert content["means"][0]["n"] == 1
    assert cohort.to_csv().splitlines()[:2] == [
        "case,label,name,measure,first,second,value,low,high",
        "c0,1,1,hd95,a,b,1.0,nan,nan",
    ]
    assert len(cohort) == 2
    with pytest.raises(KeyError, match="no case 'q'"):
        cohort.case("q")
    with pytest.raises(KeyError, match="no 'hd'"):
        cohort.mean(1, "hd")


def test_intervals_of_means_cover() -> None:
    """Of 95 % intervals of the mean of 20 cases at least nine of ten hold it."""
    rng = np.random.default_rng(5)
    values = rng.normal(3, 1, (20, 300))
    inside = [low <= 3 <= high for low, high in mean_intervals(values, seed=0)]
    assert 0.88 < np.mean(inside) < 0.98


def test_what_a_rater_lacks_is_told(tmp_path: Path, maps: Any) -> None:
    (tmp_path / "carla" / "c2.npy").unlink()
    (tmp_path / "anna" / "only.npy").write_bytes((tmp_path / "anna" / "c1.npy").read_bytes())
    (tmp_path / "p" / "c1.npy").rename(tmp_path / "p" / "x.npy")
    raters = {name: tmp_path / name for name in NAMES}
    with pytest.warns(InputWarning) as told:
        cohort = fastseg.evaluate_rater_cohort(raters, tmp_path / "p", metrics="dice")
    texts = [str(one.message) for one in told]
    assert any("only" in text and "by one rater alone" in text for text in texts)
    assert any("c2 (without carla)" in text for text in texts)
    assert any("have no prediction" in text and "c1" in text for text in texts)
    assert any("1 of 4 predictions" in text and "left out: x" in text for text in texts)
    assert cohort.case("c2").settings["raters"] == ["anna", "ben"]
    assert cohort.mean(1, "dice", "anna", "carla").n == 3
    assert cohort.mean(1, "dice", "prediction").n == 3


def test_a_broken_file_does_not_stop_the_rest(tmp_path: Path, maps: Any) -> None:
    (tmp_path / "ben" / "c2.npy").write_bytes(b"nothing")
    folders = [tmp_path / name for name in NAMES]
    with pytest.warns(InputWarning, match="1 of 4 cases failed: c2: "):
        cohort = fastseg.evaluate_rater_cohort(folders, metrics="dice", on_error="skip")
    assert cohort.cases == ["c1", "c10", "sub/c3"]
    assert [one.case for one in cohort.failures] == ["c2"]
    with pytest.raises(CaseError, match=r"c2: .*c2\.npy"):
        fastseg.evaluate_rater_cohort(folders, metrics="dice")


def test_a_consensus_that_cannot_be_written_keeps_its_numbers(tmp_path: Path, maps: Any) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder should be")
    folders = [tmp_path / name for name in NAMES]
    with pytest.warns(InputWarning, match="1 of 4 cases failed: sub/c3"):
        cohort = fastseg.evaluate_rater_cohort(
            folders, metrics="dice", consensus_folder=tmp_path / "out", on_error="skip"
        )
    assert len(cohort) == 4
    assert (tmp_path / "out" / "c10.npy").exists()


def test_a_consensus_lies_where_the_first_map_does(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    grid = np.array([[0, -0.5, 0, 3], [2, 0, 0, -4], [0, 0, 3, 7], [0, 0, 0, 1.0]])
    like = fastseg.io.Grid((5, 6, 7), (2.0, 0.5, 3.0), grid)
    drawn = naive.noisy(np.random.default_rng(3), (5, 6, 7), 3, 2)
    for name, ending, one in zip(NAMES, (".nii.gz", ".nii", ".nii.gz"), drawn, strict=True):
        (tmp_path / name).mkdir()
        fastseg.write_image(tmp_path / name / f"a{ending}", one, like)
    fastseg.evaluate_rater_cohort(
        [tmp_path / name for name in NAMES], metrics="dice", consensus_folder=tmp_path / "out"
    )
    image = fastseg.read_image(tmp_path / "out" / "a.nii.gz")
    np.testing.assert_array_equal(image.array, fastseg.consensus(drawn))
    assert image.grid is not None
    np.testing.assert_array_equal(image.grid.affine, grid)


def test_names_of_raters(tmp_path: Path) -> None:
    assert names_of(["/x/r1/seg", "/x/r2/seg"]) == ["r1", "r2"]
    assert names_of(["/x/a", "/x/b/"]) == ["a", "b"]
    assert names_of(["/x/a/s.nii.gz", "/x/b/s.nii.gz"]) == ["a", "b"]
    assert names_of(["/x/a/1.nii.gz", "/y/a/1.nii.gz", "/y/b/2.nii"]) == ["x/a/1", "y/a/1", "y/b/2"]
    with pytest.raises(InputError, match="given twice"):
        names_of(["/x/a", "/x/../x/a"])
    with pytest.raises(InputError, match="at least two"):
        named_raters(["/x/a"])
    with pytest.raises(InputTypeError, match="a list of folders"):
        named_raters("/x/a")
    with pytest.raises(InputError, match="a name of its own"):
        named_raters({"a": "/x", " a": "/y"})


def test_what_is_refused_before_anything_is_read(tmp_path: Path, maps: Any) -> None:
    folders = [tmp_path / name for name in NAMES]
    call = fastseg.evaluate_rater_cohort
    with pytest.raises(InputError, match="did you mean 'staple'"):
        call(folders, consensus="stapel")
    with pytest.raises(InputError, match="among what is read"):
        call(folders, consensus_folder=tmp_path / "anna" / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="this is a file"):
        call(folders, consensus_folder=tmp_path / "file")
    with pytest.raises(InputError, match="none of 'raters'"):
        call({"consensus": folders[0], "b": folders[1]})
    with pytest.raises(FileNotFoundError, match="no such folder"):
        call([*folders, tmp_path / "nobody"])
    with pytest.raises(InputError, match="on_error"):
        call(folders, on_error="stop")  # type: ignore[arg-type]
    (tmp_path / "q").mkdir()
    np.save(tmp_path / "q" / "other.npy", np.zeros((2, 2)))
    with pytest.raises(InputError, match="no image of one rater has the name"):
        find_rater_cases({"a": folders[0], "q": tmp_path / "q"})
    with pytest.raises(InputError, match="has the name of a case of the raters"):
        call(folders, tmp_path / "q")
