"""What each peer runs in its worker. Peers are imported where they are used: none needs to be there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.comparison.batches import batch
from benchmarks.programs import TOLERANCE, Answer, Pair, Program, describe_components, edt_input


def num_threads() -> int:
    """How many threads this process was started for."""
    return int(os.environ["FASTSEG_NUM_THREADS"])


@dataclass(frozen=True)
class Peer:
    """A library: what imports it, what pip calls it and what it rests on, and what it can run."""

    module: str
    distributions: tuple[str, ...]
    programs: dict[str, Callable[..., Program]]
    before_import: Callable[[], None] = field(default=lambda: None)
    after_import: Callable[[], None] = field(default=lambda: None)


# ------------------------------------------------------------------------------- surface-distance


def _names_of_numpy_1() -> None:
    """surface-distance 0.1 uses two names that NumPy 2 has dropped."""
    for name, value in (("Inf", np.inf), ("NaN", np.nan)):
        if not hasattr(np, name):
            setattr(np, name, value)


def _surface_distance(reference: Any, prediction: Any, spacing: Any) -> Answer:
    import surface_distance as peer

    distances = peer.compute_surface_distances(reference, prediction, spacing)
    there, back = peer.compute_average_surface_distance(distances)
    return {
        "dice": peer.compute_dice_coefficient(reference, prediction),
        "hd": peer.compute_robust_hausdorff(distances, 100),
        "hd95": peer.compute_robust_hausdorff(distances, 95),
        "masd": (there + back) / 2,
        "nsd": peer.compute_surface_dice_at_tolerance(distances, TOLERANCE),
    }


def surface_distance_evaluate(pair: Pair) -> Program:
    """Its distances once, and all that it derives from them."""
    reference, prediction, spacing, _ = pair
    return Program(lambda: _surface_distance(reference, prediction, spacing))


def surface_distance_labels(pair: Pair) -> Program:
    """The same in a loop over the labels of the reference."""
    reference, prediction, spacing, _ = pair

    def call() -> Answer:
        return {
            f"{label} {name}": value
            for label in np.unique(reference)[1:]
            for name, value in _surface_distance(
                reference == label, prediction == label, spacing
            ).items()
        }

    return Program(call)


# ------------------------------------------------------------------------------------------ MedPy


def medpy_evaluate(pair: Pair) -> Program:
    """Four functions, each of which computes its surfaces and distances anew; prediction first."""
    from medpy.metric import binary

    reference, prediction, spacing, _ = pair
    return Program(
        lambda: {
            "dice": binary.dc(prediction, reference),
            "hd": binary.hd(prediction, reference, spacing),
            "hd95": binary.hd95(prediction, reference, spacing),
            "assd": binary.assd(prediction, reference, spacing),
        }
    )


# ------------------------------------------------------------------------------------------ MONAI


def _torch_threads() -> None:
    import torch

    torch.set_num_threads(num_threads())


def monai_evaluate(pair: Pair) -> Program:
    """Five functions, on CPU tensors of one channel; prediction first."""
    import torch
    from monai import metrics

    reference, prediction, spacing, _ = pair
    masks = [torch.from_numpy(mask)[None, None] for mask in (prediction, reference)]
    options: dict[str, Any] = {"include_background": True, "spacing": list(spacing)}

    def call() -> dict[str, Any]:
        return {
            "dice": metrics.compute_dice(*masks),
            "hd": metrics.compute_hausdorff_distance(*masks, **options),
            "hd95": metrics.compute_hausdorff_distance(*masks, percentile=95, **options),
            "assd": metrics.compute_average_surface_distance(*masks, symmetric=True, **options),
            "nsd": metrics.compute_surface_dice(*masks, class_thresholds=[TOLERANCE], **options),
        }

    return Program(call, lambda found: {name: value.item() for name, value in found.items()})


# ----------------------------------------------------------------------------------------- exacta


def exacta_evaluate(pair: Pair) -> Program:
    """All metrics at once, of label maps with a batch axis; prediction first."""
    import torch
    from exacta import functional

    reference, prediction, spacing, _ = pair
    maps = [torch.from_numpy(mask.view(np.uint8))[None] for mask in (prediction, reference)]
    metrics: dict[str, Any] = {
        "dice": {},
        "hausdorff_distance": {},
        "hd95": {},
        "assd": {},
        "nsd": {"tolerance": TOLERANCE},
    }
    options: dict[str, Any] = {"num_classes": 2, "include_background": False, "spacing": spacing}

    def call() -> dict[str, Any]:
        return functional.evaluate(*maps, metrics=metrics, **options)

    def describe(found: dict[str, Any]) -> Answer:
        names = {"hausdorff_distance": "hd"}
        return {names.get(name, name): value.item() for name, value in found.items()}

    return Program(call, describe)


# --------------------------------------------------------------------------------------- mikan-rs


def mikan_evaluate(pair: Pair) -> Program:
    """One evaluator; its spacing is (x, y, z), its arrays (z, y, x)."""
    import mikan

    reference, prediction, spacing, _ = pair
    masks = reference.view(np.uint8), prediction.view(np.uint8)
    names = ["dice", "hd", "hd95", "assd", "masd"]

    def call() -> Answer:
        evaluator = mikan.ArrayEvaluator(*masks, spacing[::-1])
        return dict(zip(names, evaluator.labels(1).metrics(names), strict=True))

    return Program(call)


# -------------------------------------------------------------------------------------- SimpleITK


def _itk_image(array: Any, spacing: Any) -> Any:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(array.view(np.uint8))
    image.SetSpacing(spacing[::-1])
    return image


def itk_overlap(pair: Pair) -> Program:
    """Its overlap measures of two images."""
    import SimpleITK as sitk  # noqa: N813

    images = [_itk_image(array, pair.spacing) for array in pair[:2]]

    def call() -> Answer:
        measures = sitk.LabelOverlapMeasuresImageFilter()
        measures.Execute(*images)
        return {"dice": measures.GetDiceCoefficient(), "iou": measures.GetJaccardCoefficient()}

    return Program(call)


def itk_signed_maurer(pair: Pair) -> Program:
    """Its distance map, float32, negative inside, to the border voxels of the mask."""
    import SimpleITK as sitk  # noqa: N813

    reference, _, spacing, _ = pair
    image = _itk_image(reference, spacing)

    def call() -> Any:
        return sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)

    return Program(call, lambda found: {"distances": np.abs(sitk.GetArrayViewFromImage(found))})


# ------------------------------------------------------------------- scikit-image, edt and SciPy


def skimage_hausdorff(pair: Pair) -> Program:
    """Its Hausdorff distance, of point sets: here the two surfaces, which are made beforehand."""
    from skimage.metrics import hausdorff_distance

    surfaces = [_surface(mask) for mask in pair[:2]]
    return Program(lambda: {"hd": hausdorff_distance(*surfaces)})


def _surface(mask: Any) -> Any:
    """Voxels with a face neighbour outside the mask, for masks that keep away from the image's edge."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        inner &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
    return mask & ~inner


def edt_edt(pair: Pair, of: str) -> Program:
    """The float32 transform of package edt."""
    from edt import edt

    mask, spacing = edt_input(pair, of), pair.spacing
    return Program(
        lambda: edt(mask, anisotropy=spacing, parallel=num_threads()),
        lambda found: {"distances": found},
    )


def scipy_edt(pair: Pair, of: str, indices: bool = False) -> Program:
    """The float64 transform of SciPy."""
    from scipy.ndimage import distance_transform_edt

    mask, spacing = edt_input(pair, of), pair.spacing

    def call() -> Any:
        return distance_transform_edt(mask, spacing, return_indices=indices)

    def describe(found: Any) -> Answer:
        distances = found[0] if indices else found
        return {"distances": distances, "distances by index": distances}

    return Program(call, describe)


# ------------------------------------------------------------------------------------------- cc3d


def cc3d_components(pair: Pair, connectivity: int = 26) -> Program:
    """The components of a mask, or of each label of a label map, as uint32."""
    import cc3d

    labels = pair.reference
    options: dict[str, Any] = {"connectivity": connectivity, "out_dtype": np.uint32}
    options["binary_image"] = labels.dtype == bool
    return Program(lambda: cc3d.connected_components(labels, **options), describe_components)


PEERS = {
    "surface-distance": Peer(
        "surface_distance",
        ("surface-distance", "scipy"),
        {"evaluate": surface_distance_evaluate, "labels": surface_distance_labels},
        before_import=_names_of_numpy_1,
    ),
    "MedPy": Peer("medpy.metric", ("medpy", "scipy"), {"evaluate": medpy_evaluate}),
    "MONAI": Peer(
        "monai.metrics",
        ("monai", "torch", "scipy"),
        {"evaluate": monai_evaluate, "batch": batch("monai.metrics")},
        after_import=_torch_threads,
    ),
    "fastseg.compat.monai": Peer(
        "fastseg.compat.monai",
        ("fastseg-metrics", "torch"),
        {"batch": batch("fastseg.compat.monai")},
        after_import=_torch_threads,
    ),
    "exacta": Peer(
        "exacta.functional",
        ("exacta", "torch"),
        {"evaluate": exacta_evaluate},
        after_import=_torch_threads,
    ),
    "mikan-rs": Peer("mikan", ("mikan-rs",), {"evaluate": mikan_evaluate}),
    "SimpleITK": Peer(
        "SimpleITK",
        ("SimpleITK",),
        {"overlap": itk_overlap, "signed Maurer map": itk_signed_maurer},
    ),
    "scikit-image": Peer(
        "skimage.metrics", ("scikit-image", "scipy"), {"hausdorff_distance": skimage_hausdorff}
    ),
    "edt": Peer("edt", ("edt",), {"edt": edt_edt}),
    "cc3d": Peer("cc3d", ("connected-components-3d",), {"connected_components": cc3d_components}),
    "SciPy": Peer("scipy.ndimage", ("scipy",), {"edt": scipy_edt}),
}
