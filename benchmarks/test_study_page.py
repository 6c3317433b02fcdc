"""The page of the study: tables read from stored lines, verdicts by their rules, and a page that says what it lacks."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

for package in ("pandas", "matplotlib", "nibabel", "PIL", "jinja2", "itables"):
    pytest.importorskip(package)

import pandas

import fastseg
from benchmarks.study import claims, page, reporting, summaries, tables
from benchmarks.study.claims import readings
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
    times += [{"stage": "measure", "seconds": 0.1}, {"stage": "wall", "of": "all", "seconds": 12.0}]
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


def test_flags_are_shares(folder: Folder) -> None:
    frame = summaries.flags(tables.read(folder))
    assert ((frame >= 0) & (frame <= 1)).all(axis=None)
    assert "touches_edge" in frame.index


# -- claims --------------------------------------------------------------------------------------------------------

EVERY = (
    *readings.THRESHOLDS,
    readings.GROWING,
    readings.AFFINE,
    readings.ATLAS,
    *readings.MULTI_ATLAS,
    readings.FOREST,
    *readings.NETWORKS,
)
DIFFICULTIES = (
    *("noise", "partial_volume", "bias_field", "anisotropy"),
    *("ghosting", "motion", "spikes", "contrast", "shape"),
)
#: from the least to the most that fabricated values are
SPANS = {
    "betti_0_error": (0.0, 40.0),
    "surface_area_difference": (-3000.0, 3000.0),
    "relative_volume_difference": (-2.0, 4.0),
    "volume_similarity": (0.85, 1.0),
    **dict.fromkeys(("hd", "hd95", "assd"), (1.0, 30.0)),
}
FABRICATED = (
    *("dice", "nsd", "boundary_iou", "precision", "recall"),
    *SPANS,
)
#: what nobody measures, as the method's interface says it
BY_DEFINITION = ("several_atlases_are_automatic", "forests_are_automatic")


class Values:
    """Where fabricated numbers come from: drawn, all of them the least, or all the most; mirrored, the other way."""

    def __init__(self, seed: int, mirrored: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.mirrored = mirrored
        self.all = {0: 0.0, 1: 1.0}.get(seed)
        # what falls with the level, what rises, and whether the best are the most robust
        self.sign = (-1, 1)[seed % 2]
        self.tied = seed % 4 < 2
        self.drawn: dict[object, float] = {}

    def share(self, method: str, level: int, metric: str, difficulty: str) -> float:
        """Give a share between the least and the most, as a method is, and as it minds the level."""
        if self.all is not None:
            return 1 - self.all if self.mirrored else self.all
        good = self.once((method, metric))
        mind = good if self.tied else self.once((method, metric, difficulty))
        found = 0.2 + 0.6 * good + 0.2 * self.sign * level / 5 * mind
        return 1 - found if self.mirrored else found

    def once(self, key: object) -> float:
        """Draw a share once for a key."""
        return self.drawn.setdefault(key, float(self.rng.uniform()) ** 2)

    def of(
        self, low: float, high: float, method: str, level: int, metric: str, difficulty: str = ""
    ) -> float:
        """Give a number in a span."""
        return low + (high - low) * self.share(method, level, metric, difficulty)


def fabricated(seed: int, mirrored: bool = False) -> tables.Tables:
    """Make up what was measured; mirrored, what was large is small."""
    values = Values(seed, mirrored)
    conditions = [("clean", 0), *((name, 5) for name in DIFFICULTIES)]
    rows = [(method, difficulty, level) for method in EVERY for difficulty, level in conditions] + [
        (tables.TRUTH, "rater_noise", 5)
    ]
    scores = pandas.DataFrame(rows, columns=["method", "difficulty", "level"])
    for name in FABRICATED:
        span = SPANS.get(name, (0.0, 1.0))
        scores[name] = [
            values.of(*span, method, level, name, difficulty) for method, difficulty, level in rows
        ]
    same = {"anatomy": "organs", "target": "tissues", "structure": "tumour"}
    scores = scores.assign(**same, subject="test_00", flags="")
    shared = sorted({one for name in EVERY if (one := readings.prepared_by(name))})
    times = [
        {"stage": stage, "method": name, "seconds": 10 ** values.of(-2.0, 2.0, name, 0, stage)}
        for stage, names in (("segment", EVERY), ("prepare", shared))
        for name in names
    ]
    learning = [
        {"anatomy": "organs", "method": name, "step": step, "dice": learned(values, name, step)}
        for name in readings.NETWORKS
        for step in (1, 2, 4, 8)
    ]
    larger = dict.fromkeys(FABRICATED, True) | dict.fromkeys(SPANS, False)
    frames = (pandas.DataFrame(rows) for rows in (times, learning))
    return tables.Tables({}, scores, larger, *frames)


def learned(values: Values, name: str, step: int) -> float:
    """Rise to 1, some methods from the first step on, and some not before the last."""
    return float(min(1.0, step / 8 * 16 ** values.share(name, 0, "dice", "")))


#: of which the reverse is no mirror image: shares, ranks, steps, the best of several, nearness
NOT_MIRRORED = (
    *("robustness_is_no_accuracy", "performance_falls_with_level", "transformers_learn_slower"),
    *("forests_are_shallow", "several_atlases_miss_tumours", "pyramids_stand_beside_unets"),
    *("transformers_fit_into_unets", "raters_disagree", "dice_does_not_see_isolated_voxels"),
    *(
        "thresholds_are_fast",
        "otsus_thresholds_are_fast",
        "partial_volume_spares_the_core",
        "region_growing_is_fast",
    ),
    *("an_atlas_is_a_prior", "lenet_segments", "isolated_voxels_are_seen_by_hd"),
)
DECISIVE = (claims.SHOWN, claims.CONTRADICTED)
TABLES: dict[tuple[int, bool], tables.Tables] = {}


def made_up(seed: int, mirrored: bool = False) -> tables.Tables:
    """Make tables up once."""
    key = (seed, mirrored)
    if key not in TABLES:
        TABLES[key] = fabricated(seed, mirrored)
    return TABLES[key]


@pytest.mark.parametrize(
    "one", [one for one in claims.registry() if one.name not in BY_DEFINITION], ids=lambda x: x.name
)
def test_a_verdict_flips_with_the_numbers(one: claims.Claim) -> None:
    """Both verdicts come out of some numbers, and what is shown by some is not shown by their reverse."""
    seen = set()
    for seed in range(40):
        verdict = claims.judge(one, made_up(seed)).verdict
        reverse = claims.judge(one, made_up(seed, mirrored=True)).verdict
        if seed > 1:  # where all is the same, nothing can be reversed
            assert {verdict, reverse} <= {*DECISIVE, claims.NOT_DECIDED}
            if one.name not in NOT_MIRRORED:
                assert (verdict, reverse) not in [(each, each) for each in DECISIVE], seed
        seen |= {verdict, reverse}
        if set(DECISIVE) <= seen:
            return
    pytest.fail(f"only {seen} in all numbers")


@pytest.mark.parametrize("one", claims.registry(), ids=lambda one: one.name)
def test_a_claim_says_what_it_lacks(one: claims.Claim) -> None:
    found = made_up(0)
    other = found.scores.assign(method="somebody_elses", difficulty="clean", level=0)
    bare = dataclasses.replace(
        found, scores=other, times=pandas.DataFrame(), learning=pandas.DataFrame()
    )
    verdict = claims.judge(one, bare)
    assert verdict.verdict == claims.NOT_MEASURED
    assert verdict.told
    assert math.isnan(verdict.number)


def test_limits_are_applied_in_both_directions() -> None:
    more = claims.Claim("a", "1", "", "", 0.1, 0.0, lambda found: None)  # type: ignore[arg-type]
    less = dataclasses.replace(more, shown=-0.1)
    given = (0.1, 0.05, 0.0, -0.1)
    told = [claims.decided(more, number) for number in given]
    assert told == [claims.SHOWN, claims.NOT_DECIDED, claims.CONTRADICTED, claims.CONTRADICTED]
    assert [claims.decided(less, -number) for number in given] == told
    assert more.rule == "shown ≥ 0.1, contradicted ≤ 0"


def test_every_section_has_its_sentences() -> None:
    found = {one.section for one in claims.registry()}
    wanted = {*(f"2.{number}" for number in range(1, 8)), "3.3.3"}
    wanted |= {"4.1.1", "4.1.2", "4.2.1", "4.2.2", "4.3", "4.4", "4.5.1", "4.5.2"}
    wanted |= {"4.6.2", "4.6.3", "5.1.1", "6.1.3", "6.1.4", "6.1.7", "6.2"}
    assert wanted <= found
    for one in claims.registry():
        assert one.shown != one.contradicted, one.name
        assert one.sentence.endswith((".", "?")), one.name


# -- page ----------------------------------------------------------------------------------------------------------


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
