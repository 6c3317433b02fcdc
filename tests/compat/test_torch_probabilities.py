"""Calibration errors, AUROC and average precision of drop-ins, beside MONAI and TorchMetrics."""

from __future__ import annotations

import importlib
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchmetrics")
pytest.importorskip("monai")

import monai.metrics  # noqa: E402
import torchmetrics.classification as hosts  # noqa: E402
import torchmetrics.functional.classification as functions  # noqa: E402

from fastseg import compat  # noqa: E402
from fastseg.compat import monai as our_monai  # noqa: E402
from fastseg.compat import torchmetrics as ours  # noqa: E402
from fastseg.compat._support import calibration, torch_curves  # noqa: E402
from tests.compat.parity import observed, same_error  # noqa: E402

#: what float32 sums of the hosts are off by, in maps of so few voxels
OFF = 3e-6


def close(actual: Any, expected: Any, off: float = OFF) -> None:
    """Values, dtypes and shapes, of one tensor or of several."""
    if isinstance(expected, tuple):
        for one, other in zip(actual, expected, strict=True):
            close(one, other, off)
        return
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    torch.testing.assert_close(actual, expected, atol=off, rtol=off, equal_nan=True)


def compare(ours_: Any, theirs: Any, *args: Any, off: float = OFF, **kwargs: Any) -> None:
    """Call both, and find the same value, error and warnings."""
    expected, actual = observed(theirs, *args, **kwargs), observed(ours_, *args, **kwargs)
    same_error(actual, expected)
    assert actual.warned == expected.warned
    if expected.error is None:
        close(actual.value, expected.value, off)


def drawn(i: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Probabilities (B, C, spatial axes) with and without ties, 0 and 1, and targets of one kind or both."""
    shape = (*rng.integers(1, 4, 2), *rng.integers(1, 10, int(rng.integers(1, 4))))
    uniform = rng.random(shape)
    p = (
        uniform,
        uniform**10,
        np.round(uniform * 20) / 20,
        1 / (1 + np.exp(-8 * rng.normal(size=shape))),
        rng.integers(0, 2, shape),
        np.where(uniform < 0.5, 0, 1 - uniform**8),
    )[i % 6]
    y = rng.random(shape) < (p if i % 7 else i % 2)
    return torch.from_numpy(p.astype(np.float32)), torch.from_numpy(y.astype(np.int64))


@pytest.mark.parametrize("small", [True, False])
def test_binary(small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether numbers are placed one by one or by bins."""
    if not small:
        monkeypatch.setattr(calibration, "_ONE_BY_ONE", 0)
    rng = np.random.default_rng([100, small])
    for i in range(12):
        p, y = drawn(i, rng)
        n_bins = int(rng.integers(1, 31))
        ignored = (None, None, 0, -1)[i % 4]
        for norm in ("l1", "l2", "max"):
            off = 2e-5 if norm == "l2" else OFF  # a root of what cancels
            compare(
                ours.binary_calibration_error, functions.binary_calibration_error,
                p, y, n_bins, norm, ignored, off=off,
            )  # fmt: skip
        compare(ours.binary_auroc, functions.binary_auroc, p, y, ignore_index=ignored)
        compare(
            ours.binary_average_precision, functions.binary_average_precision, p, y,
            ignore_index=ignored,
        )  # fmt: skip
        for right in (False, True):
            compare(
                our_monai.calibration_binning, monai.metrics.calibration.calibration_binning,
                p, y.float(), n_bins, right,
            )  # fmt: skip


def test_several_classes() -> None:
    rng = np.random.default_rng(101)
    for i in range(12):
        k = int(rng.integers(2, 5))
        shape = (int(rng.integers(1, 4)), k, *rng.integers(1, 9, 2))
        p = torch.from_numpy((rng.normal(size=shape) * 3).astype(np.float32))
        p = p.softmax(1) if i % 2 else p
        y = torch.from_numpy(rng.integers(0, k, (shape[0], *shape[2:])))
        if i % 5 == 0:
            y[y == k - 1] = 0
        average = ("macro", "weighted", "none", None)[i % 4]
        for name in ("auroc", "average_precision"):
            compare(
                getattr(ours, f"multiclass_{name}"), getattr(functions, f"multiclass_{name}"),
                p, y, k, average,
            )  # fmt: skip
        compare(
            ours.multiclass_calibration_error, functions.multiclass_calibration_error, p, y, k,
            int(rng.integers(1, 20)),
        )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["BinaryCalibrationError", "BinaryAUROC", "BinaryAveragePrecision"]
)
def test_binary_metrics_collect_batches(name: str) -> None:
    rng = np.random.default_rng(102)
    mine, theirs = getattr(ours, name)(), getattr(hosts, name)()
    for i in range(4):
        p, y = drawn(i + 1, rng)
        mine.update(p, y)
        theirs.update(p, y)
    close(mine.compute(), theirs.compute())
    close(pickle.loads(pickle.dumps(mine)).compute(), theirs.compute())


@pytest.mark.parametrize("name", ["CalibrationError", "AUROC", "AveragePrecision"])
def test_metrics_of_several_classes_collect_batches(name: str) -> None:
    rng = np.random.default_rng(103)
    mine = getattr(ours, f"Multiclass{name}")(num_classes=3)
    theirs = getattr(hosts, f"Multiclass{name}")(num_classes=3)
    for _ in range(3):
        p = torch.from_numpy(rng.random((2, 3, 4, 5), np.float32)).softmax(1)
        y = torch.from_numpy(rng.integers(0, 3, (2, 4, 5)))
        mine.update(p, y)
        theirs.update(p, y)
    close(mine.compute(), theirs.compute())


@pytest.mark.parametrize("kind", ["expected", "average", "maximum"])
@pytest.mark.parametrize("include_background", [True, False])
def test_monai_metric(kind: str, include_background: bool) -> None:
    rng = np.random.default_rng(104)
    options: dict[str, Any] = {
        "calibration_reduction": kind,
        "include_background": include_background,
        "metric_reduction": "none",
    }
    mine = our_monai.CalibrationErrorMetric(**options)
    theirs = monai.metrics.CalibrationErrorMetric(**options)
    for _ in range(3):
        p = torch.from_numpy(rng.random((2, 3, 6, 5, 4), np.float32))
        y = (torch.rand_like(p) < p).float()
        mine(p, y)
        theirs(p, y)
    close(mine.aggregate(), theirs.aggregate())


def test_what_is_left_to_the_hosts() -> None:
    """No probabilities, other dtypes, thresholds, parts of a curve, one class alone, soft targets."""
    p = torch.tensor([[[0.1, 0.9, 0.4, 0.6]]])
    y = torch.tensor([[[0, 1, 0, 1]]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for preds in (p * 4 - 2, p.double(), p.half()):
            compare(ours.binary_auroc, functions.binary_auroc, preds, y)
            compare(ours.binary_calibration_error, functions.binary_calibration_error, preds, y)
    for options in ({"thresholds": 5}, {"max_fpr": 0.5}):
        compare(ours.binary_auroc, functions.binary_auroc, p, y, **options)
    for target in (y * 0, y * 0 + 1):
        compare(ours.binary_auroc, functions.binary_auroc, p, target)
        compare(ours.binary_average_precision, functions.binary_average_precision, p, target)
    theirs = monai.metrics.calibration.calibration_binning
    nan = torch.full_like(p, torch.nan)
    for args in ((p, y * 0.5), (p * 2 - 0.5, y), (nan, y), (p[0], y[0]), (p, y[0]), (p, y, 0)):
        compare(our_monai.calibration_binning, theirs, *args)


def test_confidences_of_0_and_1_are_in_ranges() -> None:
    """0 was once put into the last range (TorchMetrics' issue 1646); 1 has a range of its own."""
    p = torch.tensor([0.0, 0.0, 1.0, 0.95])
    y = torch.tensor([0, 1, 1, 0])
    assert float(ours.binary_calibration_error(p, y, 10)) == pytest.approx((2 * 0.5 + 0.95) / 4)
    compare(ours.binary_calibration_error, functions.binary_calibration_error, p, y, 10)


@pytest.mark.slow
def test_large_counts_are_exact() -> None:
    """The hosts' float32 counts stop at 2²⁴."""
    n = (1 << 24) + (1 << 20)
    p, y = torch.full((1, 1, n), 0.25), torch.zeros(1, 1, n)
    means, shares, counts = our_monai.calibration_binning(p, y, 2)
    assert means[0, 0, 0] == 0.25
    assert shares[0, 0, 0] == 0
    assert counts[0, 0, 0] == n


def test_patched() -> None:
    p = torch.tensor([[[0.1, 0.9, 0.4, 0.6]]])
    y = torch.tensor([[[0, 1, 1, 1]]])
    both = torch.cat([1 - p, p], dim=1)
    expected = functions.binary_auroc(p, y)
    of_classes = functions.multiclass_calibration_error(both, y[:, 0], 2)
    with compat.patched("torchmetrics", "monai"):
        auroc = importlib.import_module("torchmetrics.functional.classification.auroc")
        assert auroc._binary_auroc_compute is torch_curves.binary_auroc_compute
        close(functions.binary_auroc(p, y), expected)
        close(functions.multiclass_calibration_error(both, y[:, 0], 2), of_classes)
        found = monai.metrics.calibration.calibration_binning
        assert found is our_monai.calibration_binning
