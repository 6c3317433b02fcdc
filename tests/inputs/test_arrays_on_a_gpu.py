"""Every public call with an array on a GPU that no kernel is there for: it says how to copy, and copies nothing.

Two kinds of arrays: CuPy's, as the emulator's stand-in has them, and tensors of another library where CuPy is not
installed. What kernels are there for is run in tests/gpu.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import dispatch
from fastseg.errors import BackendNotAvailableError, InputTypeError
from fastseg.metrics import FROM_HISTOGRAM, MEASUREMENTS
from tests.gpu.emulator.cupy_stand_in import emulated

LABELS = np.random.default_rng(7).integers(0, 3, (5, 6, 7)).astype(np.uint8)
MASK = LABELS > 0
FLOATS = np.random.default_rng(8).random((5, 6, 7), dtype=np.float32)
POINTS = np.ones((3, 5))
BOXES = {"pred_boxes": np.ones((1, 4)), "pred_labels": np.ones(1), "pred_scores": np.ones(1)}
TRUTH = {"gt_boxes": np.ones((1, 4)), "gt_classes": np.ones(1)}

Call = Callable[[Any], object]  # of what brings an array onto a GPU


def _by_protocol(protocol: Any) -> Call:
    return lambda on: fastseg.evaluate_protocol(protocol.name, on(LABELS), on(LABELS))


def _with_metrics(group: str) -> Call:
    return lambda on: fastseg.evaluate(on(LABELS), on(LABELS), metrics=group)


def _consensus(method: Any) -> Call:
    return lambda on: fastseg.consensus([LABELS, on(LABELS)], method)


#: for each public function that takes arrays, calls with one on a GPU that there is no kernel for
CALLS: dict[str, list[Call]] = {
    "evaluate": [
        *map(
            _with_metrics,
            ("topology", "shape", "cl_dice", "tree_length_detected", "euler_error_faces"),
        ),
        lambda on: fastseg.evaluate(on(LABELS), LABELS),
        lambda on: fastseg.evaluate(LABELS, on(LABELS)),
        lambda on: fastseg.evaluate(on(LABELS), on(LABELS), backend="numba"),
    ],
    "evaluate_instances": [
        lambda on: fastseg.evaluate_instances(on(LABELS), on(LABELS)),
        lambda on: fastseg.evaluate_instances(LABELS, on(LABELS)),
        lambda on: fastseg.evaluate_instances(LABELS, LABELS, confidence=on(FLOATS)),
        lambda on: fastseg.evaluate_instances(on(LABELS), on(LABELS), regions="voronoi"),
    ],
    "evaluate_partition": [lambda on: fastseg.evaluate_partition(on(LABELS), LABELS)],
    "evaluate_probabilities": [
        lambda on: fastseg.evaluate_probabilities(on(LABELS), on(FLOATS)),
        lambda on: fastseg.evaluate_probabilities(on(MASK), FLOATS),
        lambda on: fastseg.evaluate_probabilities(MASK, on(FLOATS)),
        lambda on: fastseg.evaluate_probabilities(MASK, FLOATS, mask=on(MASK)),
    ],
    "evaluate_raters": [
        lambda on: fastseg.evaluate_raters([on(LABELS), on(LABELS)]),
        lambda on: fastseg.evaluate_raters([LABELS, on(LABELS)]),
        lambda on: fastseg.evaluate_raters([LABELS, LABELS], on(LABELS)),
    ],
    "consensus": [
        *map(_consensus, ("majority", "staple", "simple")),
    ],
    "curvas_scores": [
        lambda on: fastseg.curvas_scores([on(MASK)] * 3, MASK, FLOATS, year=2024),
        lambda on: fastseg.curvas_scores([MASK] * 3, on(MASK), FLOATS, year=2025),
        lambda on: fastseg.curvas_scores([MASK] * 3, MASK, on(FLOATS), year=2024),
    ],
    "evaluate_protocol": [
        *map(_by_protocol, fastseg.list_protocols()),
        lambda on: fastseg.evaluate_protocol("kits23", LABELS, on(LABELS)),
        lambda on: fastseg.evaluate_protocol("picai", MASK, on(FLOATS)),
        lambda on: fastseg.evaluate_protocol("luna16", POINTS, on(POINTS)),
        lambda on: fastseg.evaluate_protocol(
            "nndetection",
            {"gt_boxes": np.ones((1, 4)), "gt_classes": np.ones(1)},
            {name: on(value) for name, value in BOXES.items()},
        ),
        lambda on: fastseg.evaluate_protocol(
            "panopticapi", {"map": on(LABELS[0]), "segments_info": [], "categories": []}, None
        ),
    ],
    "distance_map": [
        lambda on: fastseg.distance_map(on(LABELS), on(LABELS)),
        lambda on: fastseg.distance_map(LABELS, on(LABELS)),
    ],
    "write_image": [lambda on: fastseg.write_image("nowhere.nii", on(LABELS))],
    "connected_components": [lambda on: fastseg.connected_components(on(MASK))],
    "voronoi_regions": [
        lambda on: fastseg.voronoi_regions(on(LABELS)),
        lambda on: fastseg.voronoi_regions(LABELS, within=on(MASK)),
    ],
    "skeletonize": [
        lambda on: fastseg.skeletonize(on(MASK)),
        lambda on: fastseg.skeletonize(on(MASK), method="itk"),
    ],
    "confusion_matrix": [lambda on: fastseg.confusion_matrix(on(LABELS), LABELS)],
    "surface": [],
    "surface_distances": [lambda on: fastseg.surface_distances(on(MASK), MASK)],
    "distance_transform_edt": [
        lambda on: fastseg.distance_transform_edt(MASK, distances=on(np.zeros(MASK.shape)))
    ],
    "accuracy": [
        lambda on: fastseg.accuracy(on(POINTS), 1),
        lambda on: fastseg.accuracy(POINTS, on(POINTS[:, 0])),
    ],
    "repeatability": [lambda on: fastseg.repeatability(on(POINTS))],
    "stress": [lambda on: fastseg.stress(on(LABELS))],
    "explain": [],
}

#: functions that take no array, of those that are public
WITHOUT_ARRAYS = {
    "current_backend",
    "detection_curve",
    "list_stress_errors",
    "report",
    "evaluate_cohort",
    "evaluate_probability_cohort",
    "evaluate_rater_cohort",
    "get_num_threads",
    "list_flags",
    "list_metrics",
    "list_probability_scores",
    "list_protocols",
    "protocol_scores",
    "read_image",
    "read_results",
    "robustness",
    "set_num_threads",
}


class Tensor:
    """A tensor of another library on a GPU, which says how it is copied as torch does."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.ndim, self.dtype = array.shape, array.ndim, array.dtype

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, **options: Any) -> Any:
        raise AssertionError("it was read")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor: use tensor.cpu(), as array.get()")


def forget() -> None:
    dispatch._missing.cache_clear()
    for entry in dispatch.BACKENDS:
        vars(entry).pop("operations", None)
    for name in [name for name in sys.modules if name.startswith("fastseg.backends.cupy")]:
        del sys.modules[name]


@pytest.fixture(params=["cupy", "without cupy"])
def on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Bring an array onto a GPU."""
    forget()
    if request.param == "cupy":
        with emulated() as cupy:
            yield cupy.asarray
    else:
        monkeypatch.setitem(sys.modules, "cupy", None)
        yield Tensor
    forget()


EVERY = [
    pytest.param(call, id=f"{name}-{place}")
    for name, calls in CALLS.items()
    for place, call in enumerate(calls)
]


@pytest.mark.parametrize("call", EVERY)
def test_it_says_how_to_copy(call: Call, on: Any) -> None:
    with pytest.raises((InputTypeError, BackendNotAvailableError)) as told:
        call(on)
    message = str(told.value)
    assert ".get()" in message, message
    assert ".cpu()" in message, message
    assert "\n" not in message


def test_no_public_function_is_left_out() -> None:
    functions = {name for name in fastseg.__all__ if inspect.isfunction(getattr(fastseg, name))}
    left_out = functions - CALLS.keys() - WITHOUT_ARRAYS
    assert not left_out, "give each a call in CALLS, or name it in WITHOUT_ARRAYS"


def test_every_measurement_without_a_kernel_is_called() -> None:
    """What the cupy backend does not measure is refused above, whatever it is."""
    forget()
    with emulated():
        from fastseg.backends import cupy

        without = {
            name
            for name, entry in MEASUREMENTS.items()
            if entry.of == "structures" and name not in FROM_HISTOGRAM and cupy.unsupported(name, 3)
        }
    forget()
    assert without == {"topology", "face_topology", "skeleton_overlap", "tree_overlap", "shape"}
