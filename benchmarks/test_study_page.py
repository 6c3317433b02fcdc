"""The page of the study: tables read from stored lines, verdicts by their rules, and a page that says what it lacks."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

for package in ("pandas", "matplotlib", "nibabel", "PIL", "jinja2", "itables"):
    pytest.importorskip(package)


import fastseg
from benchmarks.study import page, reporting, summaries, tables
from benchmarks.study.folder import CLEAN, Condition, Folder, write_nifti

METRICS = ("all", "shape", "topology")
LABELS = {"body": 1, "tube": 2}
SPACING = 3.0
#: how many voxels each method is off, and how much more at each level of noise
METHODS = {"otsu": (1, 0.02), "atlas_deformable": (1, 0.0), "random_forest": (0, 0.01)}
CONDITIONS = [
    CLEAN,
    *(Condition(kind, level) for kind in ("noise", "contrast") for level in (1, 3)),
]
SUBJECTS = ("test_00", "test_01")


def truth_of(seed: int) -> np.ndarray:
    """A body and a tube in it."""
    x, y, z = np.ogrid[:20, :16, :8]
    found = np.zeros((20, 16, 8), np.uint8)
    found[((x - 9) / 7) ** 2 + ((y - 8) / 5) ** 2 + ((z - 4) / 3) ** 2 <= 1] = 1
    found[(np.abs(x - 8 - seed) <= 1) & (np.abs(y - 8) <= 1) & (z >= 0)] = 2
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A run's folder, as the study makes it, of tiny label maps."""
    found = Folder(tmp_path_factory.mktemp("run"))
    rng = np.random.default_rng(3)
    rows = []
    for number, subject in enumerate(SUBJECTS):
        truth = truth_of(number)
        write_nifti(found.truth("organs", CLEAN, subject), truth, SPACING)
        rater = Condition("rater_noise", 1)
        write_nifti(found.truth("organs", rater, subject), np.roll(truth, 1, 0), SPACING)
        for condition in CONDITIONS:
            image = 60.0 * truth + rng.normal(0, 2 + 9 * condition.level, truth.shape)
            write_nifti(found.image("organs", condition, subject), image.astype("f4"), SPACING)
            for method, (shift, noise) in METHODS.items():
                seen = np.roll(truth, shift, 0)
                strewn = rng.random(truth.shape) < noise * condition.level
                seen[strewn] = 1
                path = found.prediction(method, "organs", condition, subject)
                write_nifti(path, seen, SPACING)
                measured = [condition, rater] if condition == CLEAN else [condition]
                rows += [(one, subject, method, path) for one in measured]
        rows.append((rater, subject, tables.TRUTH, found.truth("organs", CLEAN, subject)))
    evaluated(found, "tissues", rows)
    evaluated(found, "organs", [row for row in rows if row[2] != "otsu"])
    clean = [row for row in rows if row[0] == CLEAN]
    evaluated(found, "tissues-tolerance-2", clean, metrics=("nsd",), tolerance=6.0)
    (found.root / "settings.json").write_text(json.dumps({"name": "quick", "levels": [1, 3]}))
    times = [
        {"stage": stage, "anatomy": "organs", "method": method, "seconds": seconds}
        for method, seconds in (("otsu", 0.1), ("atlas_deformable", 4.0), ("random_forest", 1.0))
        for stage in ("fit", "segment")
    ]
    times += [
        {"stage": "wall", "of": stage, "seconds": seconds}
        for stage, seconds in (("fit", 6.0), ("segment", 3.0), ("measure", 1.0), ("peers", 90.0))
    ]
    times += [
        {"stage": "peers", "library": name, "pairs": 4, "seconds": seconds}
        for name, seconds in (("fastseg", 0.01), ("monai", 0.1))
    ]
    found.times.write_text("".join(f"{json.dumps(one)}\n" for one in times))
    return found


def evaluated(
    folder: Folder,
    target: str,
    rows: list,
    metrics: tuple[str, ...] = METRICS,
    tolerance: float = 3.0,
) -> None:
    """Measure pairs, as the study does."""
    pairs = folder.pairs("organs", target)
    pairs.parent.mkdir(parents=True, exist_ok=True)
    with pairs.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("reference", "prediction", "case", "algorithm", "difficulty", "subject"))
        for condition, subject, method, path in rows:
            writer.writerow(
                (
                    *(folder.truth("organs", rated(condition), subject), path),
                    *(f"{condition}/{subject}", method, condition.difficulty, subject),
                )
            )
    output = folder.results("organs", target)
    output.parent.mkdir(parents=True, exist_ok=True)
    fastseg.evaluate_cohort(
        pairs, output=output, metrics=metrics, labels=LABELS, tolerance=tolerance
    )


def rated(condition: Condition) -> Condition:
    """Other raters' truths are the only ones beside the clean ones."""
    return condition if condition.difficulty == "rater_noise" else CLEAN


def test_tables_are_what_is_measured_directly(folder: Folder) -> None:
    found = tables.read(folder)
    for method, condition, subject in itertools.product(METHODS, CONDITIONS, SUBJECTS):
        direct = fastseg.evaluate(
            folder.truth("organs", CLEAN, subject),
            folder.prediction(method, "organs", condition, subject),
            labels=LABELS,
            metrics=METRICS,
            tolerance=3.0,
        )
        rows = found.rows(
            *(),
            target="tissues",
            method=method,
            difficulty=condition.difficulty,
            level=condition.level,
            subject=subject,
        )
        assert list(rows["structure"]) == [row.name for row in direct.rows]
        for row, stored in zip(direct.rows, rows.itertuples(), strict=True):
            for metric in ("dice", "hd95", "nsd", "betti_0_error", "surface_area_difference"):
                assert getattr(stored, metric) == row[metric]
            assert stored.flags == str(row.flags)


def test_all_methods_are_on_the_whole_target(folder: Folder) -> None:
    found = tables.read(folder)
    assert found.whole == {"organs": "tissues"}
    assert set(found.methods) == set(METHODS)
    assert set(found.difficulties) == {"noise", "contrast"}
    assert found.hardest("noise") == 3


def test_other_tolerances_are_a_difficulty_of_their_own(folder: Folder) -> None:
    found = tables.read(folder)
    rows = found.rows(difficulty="tolerance")
    assert set(rows["level"]) == {2}
    usual = found.rows(found.common, difficulty="clean", method="otsu")["nsd"].mean()
    assert found.rows(rows, method="otsu")["nsd"].mean() >= usual
    assert ("organs", "tissues-tolerance-2") not in found.stored


def test_curves_are_fastsegs(folder: Folder) -> None:
    found = tables.read(folder)
    curve = found.curve("dice", "noise", method="otsu")
    rows = found.rows(found.common, method="otsu")
    by_level = {
        level: rows[(rows["difficulty"].isin(["clean", "noise"])) & (rows["level"] == level)][
            "dice"
        ]
        for level in (0, 1, 3)
    }
    assert curve == fastseg.robustness({level: list(values) for level, values in by_level.items()})
    assert curve.degradation > 0
    with pytest.raises(tables.Missing, match="motion"):
        found.curve("dice", "motion", "otsu")


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    with pytest.raises(tables.Missing, match="nothing was measured"):
        tables.read(Folder(tmp_path))


def test_a_line_that_was_cut_is_left_out(folder: Folder, tmp_path: Path) -> None:
    path = tmp_path / "times.jsonl"
    path.write_text('{"stage": "fit", "seconds": 1}\n{"stage": "se')
    assert list(tables._records(path)) == [{"stage": "fit", "seconds": 1}]


def test_rankings_place_the_better_method_first(folder: Folder) -> None:
    found = tables.read(folder)
    ranking = summaries.ranking(found, ["dice"], bootstraps=20, difficulty="clean")
    one = ranking.tasks[0]
    assert one.algorithms[one.order[0]] == "random_forest"
    assert summaries.agreement(summaries.ranking(found, ["dice", "nsd"], bootstraps=0)).shape == (
        2,
        2,
    )


def test_twins_have_the_same_dice(folder: Folder) -> None:
    found = tables.read(folder)
    for one in summaries.twins(found, "betti_0_error"):
        assert abs(one.dice[0] - one.dice[1]) <= summaries.SAME_DICE
        assert one.values[0] < one.values[1]
    dice, values = np.array([0.9, 0.902, 0.5]), np.array([3.0, 1.0, 90.0])
    assert summaries.farthest(dice, values) == (1, 0)
    assert summaries.farthest(np.array([0.9, 0.5]), np.array([1.0, 2.0])) is None


def test_measuring_is_a_share_of_the_run_without_what_others_measured(folder: Folder) -> None:
    found = summaries.spent(tables.read(folder))
    assert found["share"].to_dict() == {"fit": 0.6, "segment": 0.3, "measure": 0.1}
    each = summaries.beside(tables.read(folder))
    assert each["monai"] / each["fastseg"] == pytest.approx(10)


def test_flags_are_shares(folder: Folder) -> None:
    frame = summaries.flags(tables.read(folder))
    assert ((frame >= 0) & (frame <= 1)).all(axis=None)
    assert "touches_edge" in frame.index


def test_the_page_is_made_again_the_same(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "_static/study").mkdir(parents=True)
    (tmp_path / "_static/study/old.svg").write_text("<svg/>")
    target = page.write(folder, tmp_path)
    text = target.read_text()
    assert text.startswith("# The study")
    assert "made by" in text[:300]
    assert [f"## {title}" in text for title, *_ in page.sections()].count(False) == 0
    dice = tables.read(folder).rows(target="tissues", method="otsu", difficulty="clean")["dice"]
    assert f"{dice.iloc[0]:.3f}" in text
    named = {line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")}
    assert named == {
        f"_static/study/{path.name}" for path in (tmp_path / "_static/study").iterdir()
    }
    first = {path.name: path.read_bytes() for path in (tmp_path / "_static/study").iterdir()}
    assert page.write(folder, tmp_path).read_text() == text
    assert first == {
        path.name: path.read_bytes() for path in (tmp_path / "_static/study").iterdir()
    }


def test_the_page_says_what_a_run_lacks(folder: Folder, tmp_path: Path) -> None:
    bare = Folder(tmp_path / "run")
    (bare.root / "results").mkdir(parents=True)
    source = folder.results("organs", "tissues").read_bytes()
    bare.results("organs", "tissues").write_bytes(source)
    text = page.write(bare, tmp_path / "docs").read_text()
    for told in ("no times", "no method recorded its learning", "not run: unetr", "is not there"):
        assert told in text
    assert "nan" not in text


def test_nothing_is_written_half(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise RuntimeError("in the middle")

    (tmp_path / "study.md").write_text("before")
    few = (("What was run", "", page.run.settings), ("Fails", "", fails))
    monkeypatch.setattr(page, "sections", lambda: few)
    with pytest.raises(RuntimeError):
        page.write(folder, tmp_path)
    assert (tmp_path / "study.md").read_text() == "before"
    assert not list(tmp_path.rglob(".*"))


def test_one_report_tells_anatomies_apart(folder: Folder) -> None:
    path = reporting.write(folder)
    text = path.read_text()
    assert "organs/clean-0/test_00" in text
    assert "organs, tissues: body" in text
    # the truth itself is no method, and what some methods alone are measured on would rank the others last
    table = tables.read(folder).stored["organs", "tissues"]
    kept = table.rows(reporting.of_methods(table))
    assert tables.TRUTH in table.algorithms
    assert set(kept.algorithms) == set(table.algorithms) - {tables.TRUTH}
