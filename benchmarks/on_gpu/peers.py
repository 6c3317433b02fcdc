"""What the peers run, on CUDA tensors and CuPy arrays. Each is imported where it is used: none needs to be there."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.on_gpu.cases import Subject
from benchmarks.on_gpu.timing import AbsentError
from benchmarks.programs import TOLERANCE, Answer, Pair, Program

WHERE = "cuda"  # torch's name of the device
MOST_CHANNELS = 64  # of a one-hot tensor: 2500 of them would not fit anywhere


def module(name: str) -> Any:
    """A module of a peer."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = error.name or name
        raise AbsentError(f"{missing} is not installed") from error


# --------------------------------------------------------------------------- distance transforms


def sampling(spacing: tuple[float, ...]) -> list[float] | None:
    """Spacing as they take it; none where it is 1, which is the shorter way."""
    return None if set(spacing) == {1.0} else list(spacing)


def cupy_edt(device: Any, foreground: Any, spacing: tuple[float, ...], dtype: Any) -> Program:
    """CuPy's transform (PBA+)."""
    ndimage = module("cupyx.scipy.ndimage")
    call = lambda: ndimage.distance_transform_edt(  # noqa: E731
        foreground, sampling(spacing), float64_distances=np.dtype(dtype) == np.float64
    )
    return Program(call, lambda found: {"distances": device.cupy.asnumpy(found)})


def cupy_edt_indices(
    device: Any, foreground: Any, spacing: tuple[float, ...], dtype: Any
) -> Program:
    """The same with indices, of which its own distances are compared."""
    ndimage = module("cupyx.scipy.ndimage")
    call = lambda: ndimage.distance_transform_edt(  # noqa: E731
        foreground,
        sampling(spacing),
        return_indices=True,
        float64_distances=np.dtype(dtype) == np.float64,
    )
    return Program(call, lambda found: {"distances": device.cupy.asnumpy(found[0])})


def cucim_edt(device: Any, foreground: Any, spacing: tuple[float, ...], dtype: Any) -> Program:
    """cuCIM's transform, float32 whatever is asked for."""
    morphology = module("cucim.core.operations.morphology")
    call = lambda: morphology.distance_transform_edt(foreground, sampling(spacing))  # noqa: E731
    return Program(call, lambda found: {"distances": device.cupy.asnumpy(found)})


def cucim_edt_indices(
    device: Any, foreground: Any, spacing: tuple[float, ...], dtype: Any
) -> Program:
    """The same with indices."""
    morphology = module("cucim.core.operations.morphology")
    call = lambda: morphology.distance_transform_edt(  # noqa: E731
        foreground, sampling(spacing), return_indices=True
    )
    return Program(call, lambda found: {"distances": device.cupy.asnumpy(found[0])})


def exacta_edt(device: Any, foreground: Any, spacing: tuple[float, ...], dtype: Any) -> Program:
    """exacta's squared transform in Triton, float64, and a square root."""
    edt = module("exacta._triton_edt")
    if not edt.available():
        raise AbsentError("Triton is not installed")
    torch = module("torch")
    features = torch.from_dlpack((~foreground).view(np.uint8)).bool()
    return Program(
        lambda: edt.edt_sq(features, spacing).sqrt_(),
        lambda found: {"distances": found.cpu().numpy()},
    )


TRANSFORMS: dict[str, Callable[..., Program]] = {
    "CuPy": cupy_edt,
    "cuCIM": cucim_edt,
    "exacta": exacta_edt,
}
TRANSFORMS_WITH_INDICES: dict[str, Callable[..., Program]] = {
    "CuPy": cupy_edt_indices,
    "cuCIM": cucim_edt_indices,
}


# --------------------------------------------------------------------------------------- metrics


def cuda_tensor(array: Any) -> Any:
    """A tensor on the GPU."""
    torch = module("torch")
    if WHERE == "cuda" and not torch.cuda.is_available():
        raise AbsentError("torch sees no CUDA device")
    return torch.from_numpy(np.ascontiguousarray(array)).to(WHERE)


def monai_evaluate(subject: Subject, pair: Pair) -> Program:
    """Five functions on one-hot tensors; prediction first. Edges and distances on the GPU need cuCIM."""
    metrics = module("monai.metrics")
    if subject.labels > MOST_CHANNELS:
        raise AbsentError(f"{subject.labels} one-hot channels are too many")
    if WHERE == "cuda" and importlib.util.find_spec("cucim") is None:
        raise AbsentError("cuCIM is not installed, without which MONAI computes on the CPU")
    masks = [_one_hot(cuda_tensor(labels), subject.labels) for labels in (pair[1], pair[0])]
    options: dict[str, Any] = {"include_background": True, "spacing": list(pair.spacing)}

    def call() -> dict[str, Any]:
        thresholds = [TOLERANCE] * subject.labels
        return {
            "dice": metrics.compute_dice(*masks),
            "hd": metrics.compute_hausdorff_distance(*masks, **options),
            "hd95": metrics.compute_hausdorff_distance(*masks, percentile=95, **options),
            "assd": metrics.compute_average_surface_distance(*masks, symmetric=True, **options),
            "nsd": metrics.compute_surface_dice(*masks, class_thresholds=thresholds, **options),
        }

    return Program(call, lambda found: named(found, subject.labels))


def exacta_evaluate(subject: Subject, pair: Pair) -> Program:
    """All metrics at once, of label maps with a batch axis; prediction first."""
    functional = module("exacta.functional")
    if subject.labels > MOST_CHANNELS:
        raise AbsentError(f"a transform for each of {subject.labels} labels takes too long")
    maps = [cuda_tensor(labels.view(np.uint8))[None] for labels in (pair[1], pair[0])]
    metrics: dict[str, Any] = {
        "dice": {},
        "hausdorff_distance": {},
        "hd95": {},
        "assd": {},
        "nsd": {"tolerance": TOLERANCE},
    }
    options: dict[str, Any] = {
        "num_classes": subject.labels + 1,
        "include_background": False,
        "spacing": pair.spacing,
    }

    def describe(found: dict[str, Any]) -> Answer:
        names = {"hausdorff_distance": "hd"}
        return named(
            {names.get(name, name): value for name, value in found.items()}, subject.labels
        )

    return Program(lambda: functional.evaluate(*maps, metrics=metrics, **options), describe)


def _one_hot(labels: Any, count: int) -> Any:
    torch = module("torch")
    return torch.stack([labels == label for label in range(1, count + 1)])[None]


def named(found: dict[str, Any], count: int) -> Answer:
    """Tensors (1, labels) as the names that our answers have."""
    answer: Answer = {}
    for name, values in found.items():
        listed = values.detach().cpu().reshape(-1).tolist()
        for label, value in enumerate(listed, start=1):
            answer[name if count == 1 else f"{label} {name}"] = value
    return answer


EVALUATIONS: dict[str, Callable[[Subject, Pair], Program]] = {
    "MONAI": monai_evaluate,
    "exacta": exacta_evaluate,
}
