"""The calls that `compat.py` makes on a host and on its drop-in: a function of a pair of masks for each host."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import volumes

Mask = NDArray[np.bool_]

SPACING = (1.5, 0.8, 0.8)


@dataclass(frozen=True)
class Call:
    """A call that a host and its drop-in both take.

    Attributes
    ----------
    module : str
        The host's module that has the function.
    text : str
        The call, for the table.
    make : callable
        Makes the call on a module, the host's or `fastseg.compat`'s.
    relative, absolute : float
        By how much answers may differ; 0 is equal to the bit.
    """

    module: str
    text: str
    make: Callable[[Any], Any]
    relative: float = 0.0
    absolute: float = 0.0


def scipy_ndimage(reference: Mask, prediction: Mask) -> Iterator[Call]:
    mask = ~reference
    home, name = "scipy.ndimage", "distance_transform_edt"
    # of two nearest voxels that tie, SciPy may take the one whose sum rounds one unit higher
    yield Call(home, f"{name}(mask)", lambda m: m.distance_transform_edt(mask))
    yield Call(
        home,
        f"{name}(mask, sampling)",
        lambda m: m.distance_transform_edt(mask, SPACING),
        relative=3e-16,
    )
    yield Call(
        home,
        f"{name}(mask, sampling, return_indices=True)",
        lambda m: m.distance_transform_edt(mask, SPACING, return_indices=True)[0],
        relative=3e-16,
    )


def edt(reference: Mask, prediction: Mask) -> Iterator[Call]:
    outside = ~reference
    labels = reference.astype(np.uint8) + prediction
    cells = volumes.dense_100(reference.shape)[0]
    yield Call("edt", "edt(mask)", lambda m: m.edt(outside))
    yield Call(
        "edt",
        "edt(mask, anisotropy, black_border=True)",
        lambda m: m.edt(outside, SPACING, True),
        relative=1e-6,  # the host's own error
    )
    yield Call("edt", "edtsq(mask)", lambda m: m.edtsq(outside))
    yield Call("edt", "sdf(mask)", lambda m: m.sdf(outside))
    yield Call("edt", "edt(labels), 2 labels", lambda m: m.edt(labels))
    yield Call("edt", "edt(labels), 100 labels", lambda m: m.edt(cells))


def skimage(reference: Mask, prediction: Mask) -> Iterator[Call]:
    home = "skimage.metrics"
    cells = [labels.astype(np.int64) for labels in volumes.dense_100(reference.shape)]
    yield Call(home, "hausdorff_distance", lambda m: m.hausdorff_distance(reference, prediction))
    yield Call(home, "adapted_rand_error, 100 labels", lambda m: m.adapted_rand_error(*cells))
    yield Call(
        home,
        "variation_of_information, 100 labels",
        lambda m: m.variation_of_information(*cells),
        relative=1e-9,
    )

    mask = reference.astype(np.uint8)
    yield Call("skimage.measure", "label(mask), bool", lambda m: m.label(reference))
    yield Call("skimage.measure", "label(mask), uint8", lambda m: m.label(mask))
    yield Call("skimage.measure", "label(labels), 100 labels", lambda m: m.label(cells[0]))
    yield Call("skimage.measure", "euler_number(mask)", lambda m: m.euler_number(reference))
    yield Call("skimage.morphology", "skeletonize(mask)", lambda m: m.skeletonize(reference))


def cc3d(reference: Mask, prediction: Mask) -> Iterator[Call]:
    home, mask = "cc3d", reference.astype(np.uint8)
    organs, cells = (make(reference.shape)[0] for make in (volumes.organs_21, volumes.cells_2500))
    for name, labels in (
        ("mask, bool", reference),
        ("mask, uint8", mask),
        ("labels, 21 organs", organs),
        ("labels, 2500 cells", cells),
    ):
        yield Call(
            home,
            f"connected_components({name})",
            lambda m, labels=labels: m.connected_components(labels),
        )
        yield Call(
            home, f"statistics({name})", lambda m, labels=labels: m.statistics(labels)["centroids"]
        )
    yield Call(home, "dust(mask, 1000), uint8", lambda m: m.dust(mask, 1000))
    yield Call(home, "largest_k(mask, 1), uint8", lambda m: m.largest_k(mask, 1))


def stardist(reference: Mask, prediction: Mask) -> Iterator[Call]:
    home = "stardist.matching"
    large, small = (volumes.cells_of_a_plane(side * reference.shape[0]) for side in (8, 1))
    for name, cells in (("large plane", large), ("small plane", small)):
        yield Call(
            home,
            f"matching, 2025 cells in a {name}",
            lambda m, cells=cells: m.matching(*cells)[1:],
        )
    yield Call(
        home,
        "matching(thresh=(0.5, …, 0.9)), 2025 cells",
        lambda m: [each[1:] for each in m.matching(*large, thresh=(0.5, 0.6, 0.7, 0.8, 0.9))],
    )
    yield Call(
        home,
        "matching(report_matches=True), 2025 cells",
        lambda m: m.matching(*large, report_matches=True)[1:],
    )


def simpleitk(reference: Mask, prediction: Mask) -> Iterator[Call]:
    import SimpleITK

    images = [
        SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (reference, prediction)
    ]
    for image in images:
        image.SetSpacing(SPACING[::-1])

    def hausdorff(m: Any) -> tuple[float, float]:
        measured = m.HausdorffDistanceImageFilter()
        measured.Execute(*images)
        return measured.GetHausdorffDistance(), measured.GetAverageHausdorffDistance()

    def overlap(m: Any) -> tuple[float, float]:
        measured = m.LabelOverlapMeasuresImageFilter()
        measured.Execute(*images)
        return measured.GetDiceCoefficient(), measured.GetFalsePositiveError(1)

    yield Call("SimpleITK", "HausdorffDistanceImageFilter", hausdorff, relative=1e-6)
    yield Call("SimpleITK", "LabelOverlapMeasuresImageFilter", overlap)


def monai(reference: Mask, prediction: Mask) -> Iterator[Call]:
    import torch

    y, y_pred = (torch.from_numpy(mask)[None, None].float() for mask in (reference, prediction))
    home = "monai.metrics"

    def distances(m: Any) -> list[Any]:
        return [
            m.compute_hausdorff_distance(y_pred, y, True),
            m.compute_surface_dice(y_pred, y, [1.0], True),
        ]

    yield Call(home, "hausdorff_distance and surface_dice", distances)
    for text, keywords in (
        ("compute_hausdorff_distance", {"percentile": 95}),
        ("compute_average_surface_distance", {"symmetric": True}),
        ("compute_surface_dice", {"class_thresholds": [1.0]}),
        ("compute_surface_dice", {"class_thresholds": [1.0], "use_subvoxels": True}),
        ("compute_dice", {"num_classes": 1}),
        ("compute_iou", {}),
        ("compute_generalized_dice", {}),
        ("get_confusion_matrix", {}),
    ):
        shown = ", ".join(f"{name}={value}" for name, value in keywords.items())
        yield Call(
            home,
            f"{text}({shown})",
            lambda m, text=text, keywords=keywords: getattr(m, text)(
                y_pred, y, include_background=True, **keywords
            ),
            relative=5e-7,
        )

    noise = torch.from_numpy(np.random.default_rng(0).random(reference.shape, np.float32))
    likely = (0.8 * y_pred + 0.2 * noise).clip(0, 1)
    yield Call(
        home,
        "CalibrationErrorMetric()",
        lambda m: m.CalibrationErrorMetric()(likely, y),
        absolute=1e-3,
    )


def torchmetrics(reference: Mask, prediction: Mask) -> Iterator[Call]:
    import torch

    target, preds = (torch.from_numpy(mask)[None].long() for mask in (reference, prediction))
    home, keywords = "torchmetrics.functional.segmentation", {"input_format": "index"}
    yield Call(home, "dice_score(labels)", lambda m: m.dice_score(preds, target, 2, **keywords))
    yield Call(home, "mean_iou(labels)", lambda m: m.mean_iou(preds, target, 2, **keywords))
    # every other pixel of a slice: TorchMetrics keeps all pairs of pixels, and takes no volumes
    images = [each[:, each.shape[1] // 2, ::2, ::2].contiguous() for each in (preds, target)]
    yield Call(
        home,
        "hausdorff_distance(labels), 128²",
        lambda m: m.hausdorff_distance(*images, 2, **keywords),
        relative=1e-7,
    )
    noise = torch.from_numpy(np.random.default_rng(0).random(reference.shape, np.float32))
    likely = (0.8 * preds + 0.2 * noise[None]).clip(0, 1)
    home = "torchmetrics.functional.classification"
    for name in ("binary_calibration_error", "binary_auroc", "binary_average_precision"):
        yield Call(
            home,
            f"{name}(probabilities)",
            lambda m, name=name: getattr(m, name)(likely, target, validate_args=False),
            absolute=1e-3,
        )


def surface_distance(reference: Mask, prediction: Mask) -> Iterator[Call]:
    def measures(m: Any) -> Any:
        surfaces = m.compute_surface_distances(reference, prediction, SPACING)
        return (
            m.compute_robust_hausdorff(surfaces, 95),
            m.compute_surface_dice_at_tolerance(surfaces, 1.0),
            m.compute_average_surface_distance(surfaces),
        )

    home = "surface_distance.metrics"
    yield Call(home, "compute_surface_distances and three metrics", measures, relative=1e-13)
    yield Call(
        home,
        "compute_dice_coefficient",
        lambda m: m.compute_dice_coefficient(reference, prediction),
    )


def medpy(reference: Mask, prediction: Mask) -> Iterator[Call]:
    for name in ("hd95", "assd", "dc"):
        keywords = {} if name == "dc" else {"voxelspacing": SPACING}
        yield Call(
            "medpy.metric.binary",
            name,
            lambda m, name=name, keywords=keywords: getattr(m, name)(
                prediction, reference, **keywords
            ),
            relative=1e-15,
        )


def metrics_reloaded(reference: Mask, prediction: Mask) -> Iterator[Call]:
    masks = [mask.astype(np.uint8) for mask in (prediction, reference)]
    for names in (
        ["hd", "hd_perc", "assd", "masd", "nsd"],
        ["boundary_iou"],
        ["dsc", "iou", "sensitivity"],
    ):
        yield Call(
            "MetricsReloaded.metrics.pairwise_measures",
            ", ".join(names),
            lambda m, names=names: m.BinaryPairwiseMeasures(
                *masks, names, pixdim=SPACING
            ).to_dict_meas(),
            relative=1e-6,  # the host counts in float32
        )


def nnunet(reference: Mask, prediction: Mask) -> Iterator[Call]:
    """Reading two .nii.gz files included, as nnU-Net reads them."""
    import SimpleITK
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{name}.nii.gz" for name in ("reference", "prediction")]
        for file, labels in zip(files, volumes.organs(reference.shape), strict=True):
            SimpleITK.WriteImage(SimpleITK.GetImageFromArray(labels), file)
        yield Call(
            "nnunetv2.evaluation.evaluate_predictions",
            "compute_metrics, 100 labels",
            lambda m: m.compute_metrics(*files, SimpleITKIO(), list(range(1, 101)))["metrics"],
        )


def panoptica(reference: Mask, prediction: Mask) -> Iterator[Call]:
    home = "panoptica.metrics"
    for name in ("_compute_hausdorff_distance95", "_compute_normalized_surface_dice"):
        yield Call(
            home,
            name,
            lambda m, name=name: getattr(m, name)(reference, prediction, SPACING),
            relative=1e-15,
        )
    for name in ("_compute_dice_coefficient", "_compute_iou"):
        yield Call(home, name, lambda m, name=name: getattr(m, name)(reference, prediction))
    yield Call(
        "panoptica",
        "Panoptica_Evaluator.evaluate, semantic",
        lambda m: _evaluated(m, reference.view(np.uint8), prediction.view(np.uint8)),
    )


def _evaluated(module: Any, reference: Mask, prediction: Mask) -> dict[str, Any]:
    """What panoptica's evaluator gives of two semantic maps."""
    evaluator = module.Panoptica_Evaluator(
        expected_input=module.InputType.SEMANTIC,
        instance_approximator=module.ConnectedComponentsInstanceApproximator(),
        instance_matcher=module.NaiveThresholdMatching(),
    )
    found = evaluator.evaluate(prediction, reference, voxelspacing=SPACING)["ungrouped"].to_dict()
    return {name: value for name, value in found.items() if value is not None}


HOSTS: dict[str, Callable[[Mask, Mask], Iterator[Call]]] = {
    "scipy_ndimage": scipy_ndimage,
    "edt": edt,
    "medpy": medpy,
    "surface_distance": surface_distance,
    "metrics_reloaded": metrics_reloaded,
    "panoptica": panoptica,
    "nnunet": nnunet,
    "monai": monai,
    "torchmetrics": torchmetrics,
    "skimage": skimage,
    "cc3d": cc3d,
    "stardist": stardist,
    "simpleitk": simpleitk,
}
