"""The drop-in for MetricsReloaded against its formulas, the paper's figures, and the package where it is installed.

It is on no package index, so what runs everywhere is the formulas: `formulas` writes them down with SciPy.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from fastseg import compat
from fastseg.compat.metrics_reloaded import BinaryPairwiseMeasures
from tests.compat.cases import Pair, extreme_pairs, filled_pairs, has_empty, with_spacings
from tests.compat.parity import count_calls

if importlib.util.find_spec("MetricsReloaded") is None:
    host: Any = None
else:
    host = importlib.import_module("MetricsReloaded.metrics.pairwise_measures")

needs_host = pytest.mark.skipif(host is None, reason="MetricsReloaded is not installed")

DISTANCES = ["hd", "hd_perc", "assd", "masd", "nsd", "boundary_iou"]
COUNTS = [
    "numb_ref", "numb_pred", "numb_tp", "numb_fp", "numb_fn", "accuracy", "nb", "ec", "ba", "cohens_kappa", "lr+",
    "iou", "fbeta", "dsc", "youden_ind", "ppv", "npv", "ior", "sensitivity", "specificity", "mcc", "avdr",
]  # fmt: skip
ALL = COUNTS + DISTANCES

FILLED = filled_pairs()
EXTREME = extreme_pairs()
CASES = list(with_spacings(FILLED + [pair for pair in EXTREME if not has_empty(pair)]))
IDS = [f"{pair.name}-{spacing}" for pair, spacing in CASES]
OPTIONS: dict[str, Any] = {"hd_perc": 80, "nsd": 1.5, "boundary_dist": 2, "beta": 2,
                           "exchange_rate": 1 / 9, "cost_fn": 3, "cost_fp": 0.5}  # fmt: skip


def measured(
    kind: Any, pair: Pair, names: list[str], spacing: Any = None, options: Any = None
) -> dict[str, Any]:
    """All measures of one class, warnings aside."""
    masks = pair.prediction.astype(np.int16), pair.reference.astype(np.int16)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return dict(
            kind(*masks, names, pixdim=spacing, dict_args=options or {}).to_dict_meas().items()
        )


def formulas(
    prediction: Any, reference: Any, spacing: Any, options: dict[str, Any]
) -> dict[str, float]:
    """The measures of two masks that are neither empty nor full, after the Metrics Reloaded papers."""
    tp, fp = int((prediction & reference).sum()), int((prediction & ~reference).sum())
    fn, n = int((reference & ~prediction).sum()), reference.size
    tn = n - tp - fp - fn
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    precision = tp / (tp + fp)
    square = options.get("beta", 1) ** 2
    f_denominator = square * precision + sensitivity
    agreed = Fraction(tp + tn, n)
    chance = Fraction((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn), n**2)
    foreground, background = (tp + fn) / n, (tn + fp) / n
    cost_fn = options.get("cost_fn", 1 / (2 * foreground))
    cost_fp = options.get("cost_fp", 1 / (2 * background))
    missed, invented = cost_fn * foreground * fn / (tp + fn), cost_fp * background * fp / (tn + fp)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    border = [mask ^ ndimage.binary_erosion(mask) for mask in (prediction, reference)]
    to = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in border]
    there, back = to[1][border[0]], to[0][border[1]]
    width, tolerance = options.get("boundary_dist", 1), options.get("nsd", 1)
    percent = options.get("hd_perc", 95)
    bands = [
        mask & (ndimage.distance_transform_edt(~edge) < width)
        for mask, edge in zip((prediction, reference), border, strict=True)
    ]
    return {
        "numb_ref": tp + fn, "numb_pred": tp + fp, "numb_tp": tp, "numb_fp": fp, "numb_fn": fn,
        "accuracy": float(agreed),
        "nb": tp / n - fp / n * options.get("exchange_rate", 1),
        "ec": (missed + invented) / min(cost_fn * foreground, cost_fp * background),
        "ba": (sensitivity + specificity) / 2,
        "cohens_kappa": float((agreed - chance) / (1 - chance)),
        "lr+": sensitivity / (1 - specificity) if fp else math.inf,
        "iou": tp / (tp + fp + fn),
        "fbeta": (1 + square) * precision * sensitivity / f_denominator if tp else 0.0,
        "dsc": 2 * tp / (2 * tp + fp + fn),
        "youden_ind": sensitivity + specificity - 1,
        "ppv": precision, "npv": tn / (tn + fn), "ior": sensitivity,
        "sensitivity": sensitivity, "specificity": specificity,
        "mcc": (tp * tn - fp * fn) / math.sqrt(product),
        "avdr": abs(fp - fn) / (tp + fn),
        "hd": max(there.max(), back.max()),
        "hd_perc": max(np.percentile(there, percent), np.percentile(back, percent)),
        "assd": np.concatenate([there, back]).mean(),
        "masd": (there.mean() + back.mean()) / 2,
        "nsd": (np.concatenate([there, back]) <= tolerance).mean(),
        "boundary_iou": (bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum(),
    }  # fmt: skip


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["default", "options"])
@pytest.mark.parametrize(("pair", "spacing"), list(with_spacings(FILLED)),
                         ids=[f"{p.name}-{s}" for p, s in with_spacings(FILLED)])  # fmt: skip
def test_formulas(pair: Pair, spacing: Any, options: Any) -> None:
    expected = formulas(pair.prediction, pair.reference, spacing, options)
    found = measured(BinaryPairwiseMeasures, pair, ALL, spacing, options)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-13, atol=1e-15, err_msg=name)


@needs_host
@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["default", "options"])
@pytest.mark.parametrize(("pair", "spacing"), CASES, ids=IDS)
def test_values_are_those_of_the_host(pair: Pair, spacing: Any, options: Any) -> None:
    known = host.BinaryPairwiseMeasures(pair.prediction * 1, pair.reference * 1).measures_dict
    names = [name for name in ALL if name in known]
    expected = measured(host.BinaryPairwiseMeasures, pair, names, spacing, options)
    found = measured(BinaryPairwiseMeasures, pair, names, spacing, options)
    for name, value in expected.items():
        # the host's counts and what it makes of them carry float32's rounding
        exact = {"hd": 1e-15, "hd_perc": 1e-15, "nsd": 0, "boundary_iou": 0}
        rtol = exact.get(name, 1e-13 if name in ("assd", "masd") else 1e-5)
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=1e-5 * (rtol == 1e-5))


#: name: both masks empty, prediction empty, reference empty
EMPTIES: dict[str, tuple[float, float, float]] = {
    "hd": (0, math.nan, math.nan),
    "hd_perc": (0, math.nan, math.nan),
    "assd": (0, math.nan, math.nan),
    "masd": (0, math.nan, math.nan),
    "nsd": (1, 0, 0),
    "boundary_iou": (1, 0, 0),
    "dsc": (1, 0, 0),
    "fbeta": (1, 0, 0),
    "iou": (math.nan, 0, 0),
    "sensitivity": (math.nan, 0, math.nan),
    "ior": (math.nan, 0, math.nan),
    "avdr": (math.nan, 1, math.nan),
    "ppv": (math.nan, 0, 0),
    "mcc": (math.nan, math.nan, math.nan),
}


@pytest.mark.parametrize("name", EMPTIES)
def test_empty_masks(name: str) -> None:
    nothing, block = np.zeros((6, 7), bool), np.zeros((6, 7), bool)
    block[2:4, 2:5] = True
    cases = [("both", nothing, nothing), ("pred", block, nothing), ("ref", nothing, block)]
    found = [measured(BinaryPairwiseMeasures, Pair(*case), [name])[name] for case in cases]
    np.testing.assert_equal(found, list(EMPTIES[name]))


def test_full_masks() -> None:
    full, block = np.ones((6, 7), bool), np.zeros((6, 7), bool)
    block[2:4, 2:5] = True
    for reference, prediction, specificity, npv in (
        (full, full, math.nan, math.nan),
        (full, block, math.nan, 0),
        (block, full, 0, 0),
    ):
        found = measured(
            BinaryPairwiseMeasures, Pair("", reference, prediction), ["specificity", "npv"]
        )
        np.testing.assert_equal(found, {"specificity": specificity, "npv": npv})


@pytest.mark.parametrize("name", ["dsc", "iou", "sensitivity", "ppv", "ior"])
def test_what_is_undefined_is_told(name: str) -> None:
    nothing = np.zeros((3, 3), int)
    with pytest.warns(UserWarning, match="empty"):
        BinaryPairwiseMeasures(nothing, nothing, [name]).to_dict_meas()


def block(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> Any:
    mask = np.zeros(shape, int)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = 1
    return mask


def test_figures_of_the_metrics_pitfalls_paper() -> None:
    """arXiv 2302.01790: SN 2.10, 5c, SN 2.12, to the digits that are printed."""
    reference = block((14, 14), (5, 9, 5, 9))
    names = ["numb_tp", "numb_fp", "numb_fn", "hd", "masd", "assd", "nsd"]
    for box, expected in (
        ((6, 8, 6, 8), [4, 0, 12, 1.41, 1.07, 1.10, 0.75]),
        ((4, 10, 4, 10), [16, 20, 0, 1.41, 1.04, 1.05, 0.875]),
    ):
        found = BinaryPairwiseMeasures(block((14, 14), box), reference, names).to_dict_meas()
        np.testing.assert_allclose(list(found.values()), expected, atol=0.005)
    distant = block((14, 14), (9, 12, 9, 12), (1, 2, 1, 2))
    found = BinaryPairwiseMeasures(
        block((14, 14), (9, 12, 9, 12)), distant, ["hd", "hd_perc"]
    ).to_dict_meas()
    np.testing.assert_allclose(list(found.values()), [11.31, 6.79], atol=0.005)
    for width, overlap in ((1, 0.59551), (2, 0.77483)):
        measures = BinaryPairwiseMeasures(
            block((22, 22), (3, 21, 2, 21)), block((22, 22), (2, 21, 2, 21)),
            dict_args={"boundary_dist": width},
        )  # fmt: skip
        assert measures.boundary_iou() == pytest.approx(overlap, abs=5e-6)


def test_the_order_of_measured_distance_and_one_computation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fastseg.compat import metrics_reloaded

    searches = count_calls(monkeypatch, metrics_reloaded, "border_distances")
    measures = BinaryPairwiseMeasures(FILLED[0].prediction, FILLED[0].reference, None)
    names = [name for name in measures.measures_dict if name != "cldice"]
    found = BinaryPairwiseMeasures(FILLED[0].prediction, FILLED[0].reference, names).to_dict_meas()
    distances = measures.measured_distance()
    assert distances == tuple(found[name] for name in ("hd", "assd", "hd_perc", "masd"))
    assert len(searches) == 2, "one search for each object"
    assert len(set(distances)) == 4


def test_masks_of_any_number_and_nothing_else() -> None:
    ones = FILLED[0].prediction * 1, FILLED[0].reference * 1
    expected = BinaryPairwiseMeasures(*ones, ALL).to_dict_meas()
    for factor in (2, 255.0, np.float32(1)):
        first, second = (mask * factor for mask in ones)
        assert BinaryPairwiseMeasures(first, second, ALL).to_dict_meas() == expected
    for wrong in (0.5, np.nan):
        with pytest.raises(ValueError, match="pred: .*threshold"):
            BinaryPairwiseMeasures(ones[0] * wrong, ones[1]).dsc()


def test_wrong_input() -> None:
    mask = np.ones((3, 4), int)
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(1, 4\)"):
        BinaryPairwiseMeasures(mask[:1], mask).dsc()
    with pytest.raises(RuntimeError, match="length equal to input rank"):
        BinaryPairwiseMeasures(mask, mask, pixdim=(1, 2, 3)).measured_distance()
    with pytest.raises(ValueError, match="pixdim"):
        BinaryPairwiseMeasures(mask, mask, pixdim=(1, 0)).measured_distance()
    with pytest.raises(KeyError):
        BinaryPairwiseMeasures(mask, mask, ["dice"]).to_dict_meas()


@pytest.mark.skipif(host is not None, reason="MetricsReloaded is installed")
def test_cldice_is_left_to_the_host() -> None:
    mask = np.ones((3, 4), int)
    with pytest.raises(ImportError, match="install MetricsReloaded"):
        BinaryPairwiseMeasures(mask, mask, ["cldice"]).to_dict_meas()


@needs_host
def test_patching_the_class_of_the_host() -> None:
    pair = FILLED[0]
    theirs = host.BinaryPairwiseMeasures
    expected = measured(theirs, pair, DISTANCES, (0.7, 1.3, 2.0))
    ratios = measured(theirs, pair, ["dsc", "mcc", "iou", "specificity"])
    with compat.patched("metrics_reloaded"):
        found = measured(theirs, pair, DISTANCES, (0.7, 1.3, 2.0))
        assert vars(theirs(pair.prediction * 1, pair.reference * 1)).get("_fastseg") is None
        assert measured(theirs, pair, ["dsc", "mcc", "iou", "specificity"]) == pytest.approx(ratios)
        empty = Pair("", pair.reference, np.zeros_like(pair.reference))
        assert math.isnan(measured(theirs, empty, ["hd"])["hd"])
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-13)
    assert theirs.tp is not BinaryPairwiseMeasures.tp


WITHOUT = """
import numpy as np
from fastseg.compat.metrics_reloaded import BinaryPairwiseMeasures
import sys
print("MetricsReloaded" in sys.modules, BinaryPairwiseMeasures(np.eye(3), np.eye(3), ["dsc"]).to_dict_meas())
"""


def test_the_host_is_not_imported(run_python: Callable[..., str]) -> None:
    assert run_python(WITHOUT).startswith("False {'dsc': np.float64(1.0)}")
