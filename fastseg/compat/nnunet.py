"""Drop-in for ``nnunetv2.evaluation.evaluate_predictions``, nnU-Net's evaluation of folders of segmentations.

The names, arguments, results and summary.json of nnU-Net v2::

    from fastseg.compat.nnunet import compute_metrics_on_folder

or ``fastseg.compat.patch("nnunet")``, which also reaches nnU-Net's own evaluation after a training: nnU-Net hands
:func:`compute_metrics` to a pool of spawned processes by name, and so they import this module.

All numbers are nnU-Net's to the bit: one pass over both label maps counts every label and region, where nnU-Net goes
through the volumes some 14 times for each. What differs on purpose: segmentations of different shapes are always a
ValueError; nnU-Net broadcasts them where NumPy can.

Files are read by the reader that is given (``nnunetv2.imageio``, or anything else with a ``read_seg``). nnU-Net need
not be installed but for :func:`compute_metrics_on_folder2` and :func:`compute_metrics_on_folder_simple`, which choose
that reader.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.compat._support.masks import check_one_shape, joint_histogram, pair_counts
from fastseg.compat._support.patching import Host, Patch, host_function, rest_of
from fastseg.inputs.arrays import as_label_map
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.results.writers.nnunet import scores_of_counts

__all__ = [
    "compute_metrics",
    "compute_metrics_on_folder",
    "compute_metrics_on_folder2",
    "compute_metrics_on_folder_simple",
    "compute_tp_fp_fn_tn",
    "key_to_label_or_region",
    "label_or_region_to_key",
    "labels_to_list_of_regions",
    "load_summary_json",
    "region_or_label_to_mask",
    "save_summary_json",
]

_HOST = "nnunetv2.evaluation.evaluate_predictions"
_READERS = "nnunetv2.imageio.reader_writer_registry"
_PLANS = "nnunetv2.utilities.plans_handling.plans_handler"
_CHOOSING = "choosing a reader and reading plans"

__getattr__ = rest_of(_HOST)

LabelOrRegion = int | tuple[int, ...]

default_num_processes = int(os.environ.get("nnUNet_def_n_proc", "8"))  # noqa: SIM112 - nnU-Net's name


# ------------------------------------------------------------------------------------ one case


def compute_metrics(
    reference_file: str,
    prediction_file: str,
    image_reader_writer: Any,
    labels_or_regions: Sequence[LabelOrRegion],
    ignore_label: int | None = None,
) -> dict[str, Any]:
    """Count and score one predicted segmentation.

    Parameters
    ----------
    reference_file, prediction_file : str
    image_reader_writer : object
        Its ``read_seg(file)`` gives an array and its properties.
    labels_or_regions : sequence of int or tuple of int
        What to score; a tuple is a region, the union of its labels.
    ignore_label : int, optional
        Voxels with this label in the reference do not count.

    Returns
    -------
    dict
        "reference_file", "prediction_file", and "metrics": for each label or region Dice, IoU, FP, TP, FN, TN,
        n_pred and n_ref; Dice and IoU are nan where neither has it.

    Raises
    ------
    ValueError
        For segmentations of different shapes.
    """
    reference, prediction = (
        image_reader_writer.read_seg(file)[0] for file in (reference_file, prediction_file)
    )
    check_one_shape(reference, prediction, (str(reference_file), str(prediction_file)))
    histogram, code_of = _joint_histogram(reference, prediction)
    if ignore_label is not None and ignore_label in code_of:
        histogram = histogram.without(code_of[ignore_label])
    scores = {}
    for wanted in labels_or_regions:
        labels = (wanted,) if np.isscalar(wanted) else tuple(wanted)  # type: ignore[arg-type]
        codes = dict.fromkeys(code_of[label] for label in labels if label in code_of)
        scores[wanted] = scores_of_counts(*map(np.int64, histogram.pair_counts(tuple(codes))))
    return {
        "reference_file": reference_file,
        "prediction_file": prediction_file,
        "metrics": scores,
    }


def _joint_histogram(
    reference: NDArray[Any], prediction: NDArray[Any]
) -> tuple[JointHistogram, dict[Hashable, int]]:
    """The joint histogram, and under which label of it each value of the maps stands."""
    rows = (-1, reference.shape[-1])  # readers give (channel, z, y, x); counting does not mind
    maps = [reference.reshape(rows), prediction.reshape(rows)]
    try:
        maps = [as_label_map(array, "segmentation") for array in maps]
    except ValueError:  # fractions or nan, which equal no label but count as voxels
        values, codes = np.unique(np.stack(maps), return_inverse=True)
        codes = codes.reshape(2, *maps[0].shape)
        return joint_histogram(*codes), {value: code for code, value in enumerate(values.tolist())}
    histogram = joint_histogram(*maps)
    return histogram, {label: label for label in histogram.labels}


def region_or_label_to_mask(
    segmentation: NDArray[Any], region_or_label: LabelOrRegion
) -> NDArray[np.bool_]:
    """The mask of a label, or of the union of several."""
    if np.isscalar(region_or_label):
        return np.asarray(segmentation == region_or_label)
    return np.isin(segmentation, tuple(region_or_label))  # type: ignore[arg-type]


def compute_tp_fp_fn_tn(
    mask_ref: NDArray[np.bool_],
    mask_pred: NDArray[np.bool_],
    ignore_mask: NDArray[np.bool_] | None = None,
) -> tuple[np.int64, np.int64, np.int64, np.int64]:
    """Voxel counts of two bool masks of one shape, but for the voxels of a third one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.nnunet import compute_tp_fp_fn_tn
    >>> counts = compute_tp_fp_fn_tn(np.array([True, True, False]), np.array([False, True, False]))
    >>> [int(count) for count in counts]
    [1, 0, 1, 1]
    """
    check_one_shape(mask_ref, mask_pred, ("mask_ref", "mask_pred"))
    if ignore_mask is not None:
        check_one_shape(mask_ref, ignore_mask, ("mask_ref", "ignore_mask"))
        mask_ref, mask_pred = mask_ref[~ignore_mask], mask_pred[~ignore_mask]
    tp, fp, fn, tn = pair_counts(mask_ref, mask_pred)
    return np.int64(tp), np.int64(fp), np.int64(fn), np.int64(tn)


# ------------------------------------------------------------------------------------- folders


def compute_metrics_on_folder(
    folder_ref: str,
    folder_pred: str,
    output_file: str | None,
    image_reader_writer: Any,
    file_ending: str,
    regions_or_labels: Sequence[LabelOrRegion],
    ignore_label: int | None = None,
    num_processes: int = default_num_processes,
    chill: bool = True,
) -> dict[str, Any]:
    """Score every segmentation of a folder, on a pool of spawned processes.

    Parameters
    ----------
    folder_ref, folder_pred : str
        Files of a case have one name in both.
    output_file : str or None
        Where to write the summary, a .json file.
    image_reader_writer, regions_or_labels, ignore_label
        As :func:`compute_metrics` has them.
    file_ending : str
        Of the files to take, ".nii.gz" for example.
    num_processes : int
    chill : bool
        Whether references without a prediction are passed over.

    Returns
    -------
    dict
        "metric_per_case"; "mean" over the cases for each label, leaving nan out; "foreground_mean" of these over
        all labels but 0, which is nan if one of them is.

    Raises
    ------
    AssertionError
        For an output_file that is no .json, and for a missing prediction unless `chill`.
    """
    assert output_file is None or output_file.endswith(".json"), "output_file should end with .json"
    names = _files(folder_pred, file_ending)
    if not chill:
        missing = [name for name in _files(folder_ref, file_ending) if name not in names]
        assert not missing, f"Not all files in folder_ref exist in folder_pred: {missing}"
    tasks = [
        (
            os.path.join(folder_ref, name),
            os.path.join(folder_pred, name),
            image_reader_writer,
            regions_or_labels,
            ignore_label,
        )
        for name in names
    ]
    one_each = max(1, threads.get_num_threads() // num_processes)
    with multiprocessing.get_context("spawn").Pool(
        num_processes, threads.set_num_threads, (one_each,)
    ) as pool:
        cases = pool.starmap(compute_metrics, tasks)
    means = _means(cases, regions_or_labels)
    foreground = {
        metric: np.mean([means[label][metric] for label in means if label not in (0, "0")])
        for metric in next(iter(means.values()))
    }
    summary: dict[str, Any] = _plain(
        {"metric_per_case": cases, "mean": means, "foreground_mean": foreground}
    )
    if output_file is not None:
        save_summary_json(summary, output_file)
    return summary


def _files(folder: str, ending: str) -> list[str]:
    return sorted(
        name
        for name in os.listdir(folder)
        if name.endswith(ending) and os.path.isfile(os.path.join(folder, name))
    )


def _means(
    cases: list[dict[str, Any]], labels: Iterable[LabelOrRegion]
) -> dict[LabelOrRegion, dict[str, Any]]:
    return {
        label: {
            metric: np.nanmean([case["metrics"][label][metric] for case in cases])
            for metric in cases[0]["metrics"][label]
        }
        for label in labels
    }


def _plain(value: Any) -> Any:
    """Python's own numbers in place of NumPy's, which JSON does not know."""
    if isinstance(value, dict):
        return {_plain(key): _plain(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_plain(held) for held in value]
    return value.item() if isinstance(value, np.generic) else value


def compute_metrics_on_folder2(
    folder_ref: str,
    folder_pred: str,
    dataset_json_file: str,
    plans_file: str,
    output_file: str | None = None,
    num_processes: int = default_num_processes,
    chill: bool = False,
) -> None:
    """Score a folder with the labels, regions and file type that nnU-Net's dataset.json and plans.json name.

    Writes to summary.json in `folder_pred` unless `output_file` is given. Needs nnU-Net.
    """
    reader_for = host_function(_READERS, "determine_reader_writer_from_dataset_json", _CHOOSING)
    plans_manager = host_function(_PLANS, "PlansManager", _CHOOSING)
    dataset = json.loads(Path(dataset_json_file).read_text(encoding="utf-8"))
    ending = dataset["file_ending"]
    example = os.path.join(folder_ref, _files(folder_ref, ending)[0])
    known = plans_manager(plans_file).get_label_manager(dataset)
    compute_metrics_on_folder(
        folder_ref,
        folder_pred,
        output_file or os.path.join(folder_pred, "summary.json"),
        reader_for(dataset, example)(),
        ending,
        known.foreground_regions if known.has_regions else known.foreground_labels,
        known.ignore_label,
        num_processes,
        chill=chill,
    )


def compute_metrics_on_folder_simple(
    folder_ref: str,
    folder_pred: str,
    labels: Sequence[int],
    output_file: str | None = None,
    num_processes: int = default_num_processes,
    ignore_label: int | None = None,
    chill: bool = False,
) -> None:
    """Score a folder without dataset.json and plans.json: the labels are given, the first file tells the type.

    Writes to summary.json in `folder_pred` unless `output_file` is given. Needs nnU-Net.
    """
    reader_for = host_function(_READERS, "determine_reader_writer_from_file_ending", _CHOOSING)
    example = os.path.join(folder_ref, _files(folder_ref, "")[0])
    ending = os.path.splitext(example)[-1]
    reader = reader_for(ending, example, allow_nonmatching_filename=True, verbose=False)()
    compute_metrics_on_folder(
        folder_ref,
        folder_pred,
        output_file or os.path.join(folder_pred, "summary.json"),
        reader,
        ending,
        labels,
        ignore_label=ignore_label,
        num_processes=num_processes,
        chill=chill,
    )


# ------------------------------------------------------------------------------------- summary


def label_or_region_to_key(label_or_region: LabelOrRegion) -> str:
    """A label or region as a key of JSON: "1", "(1, 2)"."""
    return str(label_or_region)


def key_to_label_or_region(key: str) -> LabelOrRegion:
    """The label or region that a key of JSON stands for.

    Examples
    --------
    >>> from fastseg.compat.nnunet import key_to_label_or_region
    >>> key_to_label_or_region("3"), key_to_label_or_region("(1, 2)")
    (3, (1, 2))
    """
    try:
        return int(key)
    except ValueError:
        return tuple(int(part) for part in key.strip("()").split(",") if part)


def labels_to_list_of_regions(labels: Sequence[int]) -> list[tuple[int, ...]]:
    """Each label as a region of its own."""
    return [(label,) for label in labels]


def save_summary_json(results: dict[str, Any], output_file: str) -> None:
    """Write what :func:`compute_metrics_on_folder` returns."""
    text = json.dumps(_with_keys(results, label_or_region_to_key), sort_keys=True, indent=4)
    Path(output_file).write_text(text, encoding="utf-8")


def load_summary_json(filename: str) -> dict[str, Any]:
    """Read what :func:`save_summary_json` has written."""
    return _with_keys(
        json.loads(Path(filename).read_text(encoding="utf-8")), key_to_label_or_region
    )


def _with_keys(results: dict[str, Any], converted: Any) -> dict[str, Any]:
    """A copy with the labels of "mean" and of each case's "metrics" converted."""

    def convert(by_label: dict[Any, Any]) -> dict[Any, Any]:
        return {converted(label): values for label, values in by_label.items()}

    cases = [{**case, "metrics": convert(case["metrics"])} for case in results["metric_per_case"]]
    return {**results, "mean": convert(results["mean"]), "metric_per_case": cases}


PATCHES = Host(
    distribution="nnunetv2",
    since="2.8",
    until="2.9",
    rows=(Patch(_HOST, "compute_metrics", compute_metrics),),
)
