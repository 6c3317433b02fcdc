"""The drop-in for nnU-Net's evaluation: case by case, folders on a spawn pool, the same summary.json."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import math
import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import compat
from fastseg.compat import nnunet as ours
from fastseg.results import Evaluation
from fastseg.results.writers.nnunet import write as write_summary
from fastseg.results.writers.writer import WriteOptions
from tests.compat.cases import extreme_pairs, filled_pairs, label_maps
from tests.compat.parity import same
from tests.compat.readers import NumpyReader

if importlib.util.find_spec("nnunetv2") is None:
    host: Any = None
else:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        host = importlib.import_module("nnunetv2.evaluation.evaluate_predictions")

needs_host = pytest.mark.skipif(host is None, reason="nnunetv2 is not installed")

WANTED: list[Any] = [1, 2, (1, 2), (3,), (4, 1, 7), 0, np.int64(3), 9, (8, 9)]


def naive(
    reference: Any, prediction: Any, wanted: list[Any], ignore: int | None
) -> dict[Any, dict[str, float]]:
    """The definition, voxel by voxel."""
    scores = {}
    counted = np.ones(reference.shape, bool) if ignore is None else reference != ignore
    for label in wanted:
        values = label if isinstance(label, tuple) else (label,)
        first, second = np.isin(reference, values)[counted], np.isin(prediction, values)[counted]
        tp, fp, fn = (first & second).sum(), (~first & second).sum(), (first & ~second).sum()
        scores[label] = {
            "Dice": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else np.nan,
            "IoU": tp / (tp + fp + fn) if tp + fp + fn else np.nan,
            "FP": fp,
            "TP": tp,
            "FN": fn,
            "TN": (~first & ~second).sum(),
            "n_pred": second.sum(),
            "n_ref": first.sum(),
        }
    return scores


def maps() -> list[tuple[Any, Any]]:
    """Label maps as readers give them, and some that they should not."""
    found: list[tuple[Any, Any]] = list(label_maps())
    found += [(a[None].astype(np.float32), b[None].astype(np.float32)) for a, b in label_maps(1)]
    found += [(a.astype(np.int16), np.asfortranarray(b)) for a, b in label_maps(2)]
    found += [
        (pair.reference.astype(np.uint8), pair.prediction.astype(np.float64))
        for pair in extreme_pairs()
    ]
    odd = label_maps(3)[1][0].astype(np.float32)
    broken = odd.copy()
    broken[odd == 2], broken[0, 0, :5] = 1.5, np.nan
    return [*found, (odd, broken), (broken, odd)]


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., tuple[str, str]]:
    def write(*arrays: Any) -> tuple[str, str]:
        paths = tmp_path / "reference.npy", tmp_path / "prediction.npy"
        for path, array in zip(paths, arrays, strict=True):
            np.save(path, array)
        return str(paths[0]), str(paths[1])

    return write


def same_results(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(found) == list(expected)
    assert found["reference_file"] == expected["reference_file"]
    assert found["prediction_file"] == expected["prediction_file"]
    assert list(found["metrics"]) == list(expected["metrics"])
    for label, scores in expected["metrics"].items():
        assert list(found["metrics"][label]) == list(scores)
        for name, value in scores.items():
            same(found["metrics"][label][name], value)


@pytest.mark.parametrize("ignore", [None, 0, 3, 77])
@pytest.mark.parametrize("pair", maps(), ids=lambda pair: f"{pair[0].dtype}{pair[0].shape}")
def test_a_case(pair: Any, ignore: int | None, files: Any) -> None:
    arguments: tuple[Any, ...] = *files(*pair), NumpyReader(), WANTED, ignore
    found = ours.compute_metrics(*arguments)
    reference, prediction = pair
    for label, scores in naive(reference, prediction, WANTED, ignore).items():
        for name, value in scores.items():
            np.testing.assert_equal(found["metrics"][label][name], value, err_msg=f"{label} {name}")
    if host is not None:
        same_results(found, host.compute_metrics(*arguments))


def test_shapes_that_numpy_would_broadcast_are_an_error(files: Any) -> None:
    reference, prediction = files(np.zeros((4, 5, 6)), np.zeros((1, 5, 6)))
    with pytest.raises(ValueError, match="prediction.npy must have one shape"):
        ours.compute_metrics(reference, prediction, NumpyReader(), [1])


@needs_host
@pytest.mark.parametrize("pair", filled_pairs() + extreme_pairs(), ids=lambda pair: pair.name)
def test_counts_of_masks(pair: Any) -> None:
    masks = pair.reference, pair.prediction
    for ignored in (None, pair.reference ^ pair.prediction, np.ones(pair.reference.shape, bool)):
        same(ours.compute_tp_fp_fn_tn(*masks, ignored), host.compute_tp_fp_fn_tn(*masks, ignored))


@needs_host
@pytest.mark.parametrize("label", [1, (1,), (1, 3), 9, np.int64(2), [1, 3], np.array([1, 3]), ()])
def test_masks(label: Any) -> None:
    for reference, _ in label_maps():
        same(
            ours.region_or_label_to_mask(reference, label),
            host.region_or_label_to_mask(reference, label),
        )


@needs_host
def test_no_label_is_no_mask() -> None:
    wrong: Any = None
    for module in (ours, host):
        with pytest.raises(TypeError, match="'NoneType' object is not iterable"):
            module.region_or_label_to_mask(np.zeros((3, 4)), wrong)


@pytest.mark.parametrize("label", [0, 12, (1,), (1, 2, 30)])
def test_keys(label: Any) -> None:
    key = ours.label_or_region_to_key(label)
    assert ours.key_to_label_or_region(key) == label
    if host is not None:
        assert key == host.label_or_region_to_key(label)
        assert host.key_to_label_or_region(key) == label


# ------------------------------------------------------------------------------------- folders


def write_folders(place: Path, save: Callable[[Path, Any], None], ending: str) -> tuple[str, str]:
    """Three cases, one of them without label 3, and a reference that nobody predicted."""
    folders = place / "references", place / "predictions"
    for folder in folders:
        folder.mkdir()
    cases = [label_maps(seed)[1] for seed in range(3)]
    first, second = (np.where(array == 3, 0, array).astype(np.uint8) for array in cases[1])
    cases[1] = first, second
    for i, arrays in enumerate(cases):
        for folder, array in zip(folders, arrays, strict=True):
            save(folder / f"case_{i}{ending}", array)
    save(folders[0] / f"unpredicted{ending}", cases[0][0])
    return str(folders[0]), str(folders[1])


def test_a_folder(tmp_path: Path) -> None:
    folders = write_folders(tmp_path, np.save, ".npy")
    wanted: list[int | tuple[int, ...]] = [1, 3, (1, 2), 0]
    arguments = (NumpyReader(), ".npy", wanted, 4)
    file = tmp_path / "summary.json"
    compute: Any = ours.compute_metrics_on_folder
    summary = compute(*folders, str(file), *arguments, num_processes=2)
    assert [Path(case["prediction_file"]).name for case in summary["metric_per_case"]] == [
        "case_0.npy",
        "case_1.npy",
        "case_2.npy",
    ]
    scores = [case["metrics"] for case in summary["metric_per_case"]]
    assert math.isnan(scores[1][3]["Dice"])
    assert summary["mean"][3]["Dice"] == np.mean([scores[i][3]["Dice"] for i in (0, 2)])
    assert summary["foreground_mean"]["TP"] == np.mean(
        [summary["mean"][w]["TP"] for w in wanted[:3]]
    )
    text = file.read_text()
    assert set(json.loads(text)["mean"]) == {"1", "3", "(1, 2)", "0"}
    again = ours.load_summary_json(str(file))
    assert again["mean"].keys() == set(wanted)
    np.testing.assert_equal(again, summary)
    if host is None:
        return
    expected = host.compute_metrics_on_folder(*folders, str(file), *arguments, num_processes=1)
    assert file.read_text() == text
    np.testing.assert_equal(summary, expected)
    with compat.patched("nnunet"):
        found = host.compute_metrics_on_folder(*folders, str(file), *arguments, num_processes=1)
    assert file.read_text() == text
    np.testing.assert_equal(found, expected)


@needs_host
@pytest.mark.slow
@pytest.mark.parametrize("wanted", [[1, 3, (1, 2)], [(2, 1), 9, 1, 2, 3, (1,), (2,), (3,), 0]])
def test_the_writer_of_summaries_writes_nnunets_file(wanted: list[Any], tmp_path: Path) -> None:
    """``nnunet:summary.json`` of `fastseg evaluate` is the same file, byte by byte."""
    folders = write_folders(tmp_path, np.save, ".npy")
    names = sorted(path.name for path in Path(folders[1]).iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a label that no case has
        host.compute_metrics_on_folder(
            *folders, str(tmp_path / "theirs.json"), NumpyReader(), ".npy", wanted, 4, 1
        )
    files = {("", name): tuple(f"{folder}/{name}" for folder in folders) for name in names}
    evaluation = Evaluation.joined(
        fastseg.evaluate(
            *map(np.load, files["", name]),
            labels={str(label): label for label in wanted},
            metrics=["dice", "iou"],
            ignore_label=4,
            case=name,
        )
        for name in names
    )
    settings = {k: v for k, v in evaluation.settings.items() if k != "unlisted_labels"}
    options = WriteOptions(files)  # type: ignore[arg-type]
    write_summary(replace(evaluation, settings=settings), tmp_path / "ours.json", options)
    assert (tmp_path / "ours.json").read_bytes() == (tmp_path / "theirs.json").read_bytes()


def test_a_folder_must_be_complete_unless_chill(tmp_path: Path) -> None:
    folders = write_folders(tmp_path, np.save, ".npy")
    with pytest.raises(AssertionError, match="unpredicted"):
        ours.compute_metrics_on_folder(*folders, None, NumpyReader(), ".npy", [1], chill=False)
    with pytest.raises(AssertionError, match="json"):
        ours.compute_metrics_on_folder(*folders, "summary.txt", NumpyReader(), ".npy", [1])


@needs_host
def test_the_patch_reaches_spawned_processes(tmp_path: Path) -> None:
    """nnU-Net broadcasts these shapes; the drop-in tells, from within the pool."""
    folders = [tmp_path / name for name in ("references", "predictions")]
    for folder, size in zip(folders, (4, 1), strict=True):
        folder.mkdir()
        np.save(folder / "case.npy", np.ones((size, 5, 6), np.uint8))
    with compat.patched("nnunet"):
        assert b"fastseg.compat.nnunet" in pickle.dumps(host.compute_metrics)
        with pytest.raises(ValueError, match="must have one shape"):
            host.compute_metrics_on_folder(
                *map(str, folders), None, NumpyReader(), ".npy", [1], num_processes=1
            )
    assert b"fastseg" not in pickle.dumps(host.compute_metrics)


@needs_host
def test_folders_with_nnunets_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader, the regions and the ignore label come from nnU-Net; both write the same."""
    sitk = pytest.importorskip("SimpleITK")
    folders = write_folders(
        tmp_path, lambda path, array: sitk.WriteImage(sitk.GetImageFromArray(array), path), ".nrrd"
    )
    Path(folders[0], "unpredicted.nrrd").unlink()
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2], "ignore": 4}
    dataset = {"file_ending": ".nrrd", "labels": labels, "regions_class_order": [1, 2]}
    plans = {"label_manager": "LabelManager"}
    paths = []
    for name, content in (("dataset.json", dataset), ("plans.json", plans)):
        paths.append(str(tmp_path / name))
        Path(paths[-1]).write_text(json.dumps(content))
    runs: list[Callable[[Any], None]] = [
        lambda module: module.compute_metrics_on_folder2(*folders, *paths, num_processes=1),
        lambda module: module.compute_metrics_on_folder_simple(*folders, [1, 2], num_processes=1),
    ]
    for run in runs:
        summary = Path(folders[1], "summary.json")
        texts = []
        for module in (ours, host):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run(module)
            texts.append(summary.read_text())
            summary.unlink()
        assert texts[0] == texts[1]
        assert len(json.loads(texts[0])["metric_per_case"]) == 3


@needs_host
@pytest.mark.parametrize("name", ours.__all__)
def test_signatures(name: str) -> None:
    expected = inspect.signature(getattr(host, name)).parameters.values()
    found = inspect.signature(getattr(ours, name)).parameters.values()
    assert [(p.name, p.default) for p in found] == [(p.name, p.default) for p in expected]


WITHOUT = """
import sys
sys.modules["nnunetv2"] = None  # importing it fails
from fastseg.compat import nnunet
try: nnunet.compute_metrics_on_folder_simple(".", ".", [1])
except ImportError as error: print(error)
"""


def test_choosing_a_reader_needs_nnunet(run_python: Callable[..., str]) -> None:
    assert "install nnunetv2" in run_python(WITHOUT)
