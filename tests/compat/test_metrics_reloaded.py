"""The drop-in for MetricsReloaded against its formulas, the paper's figures, and the package where it is installed.

It is on no package index, so what runs everywhere is the formulas: `formulas` writes them down with SciPy.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import math
import pickle
import sys
import warnings
from collections.abc import Callable
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from fastseg import compat
from fastseg.compat._support import reloaded
from fastseg.compat._support.patching import Host
from fastseg.compat.metrics_reloaded import BinaryPairwiseMeasures
from tests.compat.cases import Pair, extreme_pairs, filled_pairs, has_empty, with_spacings
from tests.compat.parity import count_calls, observed
from tests.oracle.trees import trees

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
        "lr+": sensitivity / (1 - specificity) if fp else math.nan,
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
    with pytest.warns(UserWarning, match="(?i)empty"):
        BinaryPairwiseMeasures(nothing, nothing, [name]).to_dict_meas()


NOTHING, BLOCK, FULL = np.zeros((6, 7), int), np.zeros((6, 7), int), np.ones((6, 7), int)
BLOCK[2:4, 2:5] = 1

#: reference, prediction, measure, value, and the words by which MetricsReloaded's tests and users' filters know it
UNDEFINED = [
    (NOTHING, BLOCK, "sensitivity", math.nan, "reference empty, sensitivity not defined"),
    (FULL, BLOCK, "specificity", math.nan, "reference all positive, specificity not defined"),
    (NOTHING, BLOCK, "recall", math.nan, "reference is empty, recall not defined"),
    (BLOCK, NOTHING, "recall", 0, "prediction is empty but ref not, recall not defined but set to 0"),
    (NOTHING, NOTHING, "positive_predictive_value", math.nan, "ref and prediction empty ppv not defined"),
    (BLOCK, NOTHING, "positive_predictive_value", 0, "prediction empty, ppv not defined but set to 0"),
    (FULL, FULL, "negative_predictive_value", math.nan, "NPV not defined and set to nan"),
    (BLOCK, FULL, "negative_predictive_value", 0, "NPV not defined but set to 0"),
    (NOTHING, BLOCK, "intersection_over_reference", math.nan, "IoR not defined - Empty reference"),
    (NOTHING, NOTHING, "intersection_over_union", math.nan, "Both reference and prediction are empty"),
    (NOTHING, NOTHING, "dsc", 1, "Both Prediction and Reference are empty - set to 1"),
    (NOTHING, NOTHING, "fbeta", 1, "reference is empty, recall not defined"),
    (BLOCK, BLOCK, "positive_likelihood_ratio", math.nan, "likelihood ratio not defined"),
    (NOTHING, BLOCK, "positive_likelihood_ratio", math.nan, "reference empty - sensitivity not defined"),
    (FULL, BLOCK, "positive_likelihood_ratio", math.nan, "reference all positive, specificity not defined"),
    (NOTHING, BLOCK, "absolute_volume_difference_ratio", math.nan, "volume difference ratio not defined"),
    (NOTHING, NOTHING, "measured_distance", (0, 0, 0, 0), "distances set to 0"),
    (NOTHING, BLOCK, "com_ref", -1, "Empty reference - centre of mass not defined"),
    (BLOCK, NOTHING, "com_pred", -1, "Empty prediction - centre of mass not defined"),
    (BLOCK, NOTHING, "com_dist", -1, "Impossible to calculate distance between centre of masses"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "prediction", "name", "value", "words"), UNDEFINED)
def test_words_and_values_of_what_is_undefined(
    reference: Any, prediction: Any, name: str, value: Any, words: str
) -> None:
    found = observed(getattr(BinaryPairwiseMeasures(prediction, reference), name))
    np.testing.assert_equal(found.value, value)
    assert any(words in text for kind, text in found.warned if kind is UserWarning)


def test_a_band_without_voxels_is_told() -> None:
    measures = BinaryPairwiseMeasures(BLOCK, BLOCK, dict_args={"boundary_dist": 0})
    with pytest.warns(UserWarning, match="Union empty for boundary iou"):
        assert math.isnan(measures.boundary_iou())


def test_a_likelihood_ratio_without_false_positives_is_undefined() -> None:
    inside = np.zeros_like(BLOCK)
    inside[2, 2:5] = 1
    for prediction in (BLOCK, inside, NOTHING):
        measures = BinaryPairwiseMeasures(prediction, BLOCK, ["lr+"])
        with pytest.warns(UserWarning, match="likelihood ratio"):
            assert math.isnan(measures.to_dict_meas()["lr+"])
    assert BinaryPairwiseMeasures(FULL, BLOCK).positive_likelihood_ratio() == 1


def test_names_of_both_generations() -> None:
    measures = BinaryPairwiseMeasures(FILLED[0].prediction * 1, FILLED[0].reference * 1)
    for name in ("positive_predictive_value", "negative_predictive_value"):
        one, other = getattr(measures, name)(), getattr(measures, f"{name}s")()
        assert 0 < one == other


def test_centres_of_mass() -> None:
    first, second = block((14, 14), (0, 5, 0, 5)), block((14, 14), (2, 5, 3, 8))
    measures = BinaryPairwiseMeasures(first, second, pixdim=(2, 0.5))
    assert measures.com_pred() == (2, 2)
    assert measures.com_ref() == (3, 5)
    assert measures.com_dist() == pytest.approx(math.hypot(2, 1.5))
    assert BinaryPairwiseMeasures(first, second).com_dist() == pytest.approx(math.hypot(1, 3))
    assert BinaryPairwiseMeasures(first, second, pixdim=2).com_dist() == pytest.approx(40**0.5)
    assert measures.pred_in_ref() == 1
    assert BinaryPairwiseMeasures(first, second * 0).pred_in_ref() == 0
    assert BinaryPairwiseMeasures(first, np.roll(first, 5)).pred_in_ref() == 0
    assert (measures.flag_empty_ref, measures.flag_empty_pred) == (False, False)
    found = measures.expected_matching_ck()
    assert found == pytest.approx((25 * 15 + 171 * 181) / 196**2)


def test_options_are_the_callers_own_mapping() -> None:
    options: dict[str, Any] = {}
    measures = BinaryPairwiseMeasures(
        block((9, 9), (2, 5, 2, 5)), block((9, 9), (2, 5, 4, 7)), dict_args=options
    )
    options["nsd"] = 2
    assert measures.normalised_surface_distance() == 1
    measures.dict_args = {"nsd": 0}
    assert measures.normalised_surface_distance() < 1


def test_a_tolerance_is_compared_as_it_is() -> None:
    """0.8 as a float32 header has it lies beyond 0.8; the boundary's width is a strict bound, to the bit too."""
    spacing = float(np.float32(0.8))
    first, second = block((9, 9), (2, 7, 2, 7)), block((9, 9), (3, 8, 2, 7))

    def nsd(tolerance: float) -> float:
        options = {"nsd": tolerance}
        measures = BinaryPairwiseMeasures(first, second, pixdim=(spacing, 1), dict_args=options)
        return measures.normalised_surface_distance()

    assert nsd(0.8) == 0.5
    assert nsd(spacing) == 1
    outer, inner = block((11, 11), (1, 10, 1, 10)), block((11, 11), (2, 9, 2, 9))
    for width, overlap in ((1.0, 0), (np.nextafter(1.0, 2.0), 24 / 72)):
        measures = BinaryPairwiseMeasures(outer, inner, dict_args={"boundary_dist": width})
        assert measures.boundary_iou() == overlap


def test_arguments_of_another_branch() -> None:
    for name in ("axis", "smooth_dr"):
        unknown: dict[str, Any] = {name: 0}
        with pytest.raises(TypeError, match=f"'{name}'.*branch main.*monai-support"):
            BinaryPairwiseMeasures(BLOCK, BLOCK, **unknown)


def test_pickle_and_copy() -> None:
    measures = BinaryPairwiseMeasures(BLOCK, BLOCK)
    for again in (
        pickle.loads(pickle.dumps(measures)),
        copy.copy(measures),
        copy.deepcopy(measures),
    ):
        assert again.dsc() == 1
        assert again.to_dict_meas() == {}


# ------------------------------------------------------------------------- beside a MetricsReloaded


class Main:
    """What main's class is known by, and what is left to it."""

    def __init__(
        self, pred: Any, ref: Any, measures: Any = (), connectivity_type: int = 1,
        pixdim: Any = None, empty: bool = False, dict_args: Any = None,
    ) -> None:  # fmt: skip
        self.given = pred, ref, measures, connectivity_type, pixdim, empty, dict_args
        self.pred, self.ref = pred, ref
        self.pixdim, self.dict_args, self.unpicklable = pixdim, dict_args, lambda: None

    def tp(self) -> int:
        return -1

    def fp(self) -> int:
        return -1

    def fn(self) -> int:
        return -1

    def tn(self) -> int:
        return -1

    def measured_distance(self) -> int:
        return -1

    def normalised_surface_distance(self) -> int:
        return -1

    def boundary_iou(self) -> int:
        return -1

    def positive_predictive_value(self) -> int:
        return -1

    def absolute_volume_difference_ratio(self) -> int:
        return -1

    def skeleton_versions(self) -> int:
        return -1

    def border_distance(self) -> Any:
        return self.given, self.dict_args


class Support(Main):
    """The branch monai-support takes more."""

    def __init__(self, *args: Any, axis: Any = None, smooth_dr: float = 0) -> None:
        super().__init__(*args)


class Earlier:
    """What was there before a name lost its plural."""

    def __init__(
        self, pred: Any, ref: Any, measures: Any = (), connectivity_type: int = 1,
        pixdim: Any = None, empty: bool = False, dict_args: Any = None,
    ) -> None:  # fmt: skip
        pass

    def positive_predictive_values(self) -> float:
        return 0.5


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Let MetricsReloaded hold a class of the tests."""

    def hold(kind: Any) -> None:
        name, module = "MetricsReloaded", None
        for part in ("", ".metrics", ".metrics.pairwise_measures"):
            module = ModuleType(name + part)
            monkeypatch.setitem(sys.modules, name + part, module)
        monkeypatch.setattr(module, "BinaryPairwiseMeasures", kind, raising=False)
        monkeypatch.setattr(Host, "version", lambda self: "0.1.0")

    return hold


def test_what_is_not_here_is_left_to_the_host(beside: Callable[[Any], None]) -> None:
    beside(Main)
    options = {"nsd": 2}
    measures = BinaryPairwiseMeasures(BLOCK, FULL, ["dsc"], 2, (1, 2), True, options)
    given, _ = measures.border_distance()
    assert given[0] is BLOCK
    assert given[1] is FULL
    assert given[2:] == (["dsc"], 2, (1, 2), True, options)
    measures.dict_args = {"nsd": 3}
    assert measures.border_distance()[1] == {"nsd": 3}
    assert measures.tp() == 6
    with pytest.raises(AttributeError, match="dice"):
        measures.dice()
    assert not hasattr(measures, "worse_dist")
    assert pickle.loads(pickle.dumps(measures)).tp() == 6


@pytest.mark.skipif(host is not None, reason="MetricsReloaded is installed")
def test_what_is_nowhere_says_where_it_would_be() -> None:
    measures = BinaryPairwiseMeasures(BLOCK, FULL)
    for name in ("border_distance", "fppi", "list_labels"):
        with pytest.raises(AttributeError, match=f"does not cover .*{name}.*branch main"):
            getattr(measures, name)
        assert not hasattr(measures, name)


def test_patching_main(beside: Callable[[Any], None]) -> None:
    beside(Main)
    with compat.patched("metrics_reloaded"):
        assert Main(BLOCK, FULL).tp() == 6
    assert Main(BLOCK, FULL).tp() == -1


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (Support, r"takes \(args, axis, smooth_dr\);"),
        (Earlier, "lacks measured_distance, positive_predictive_value, absolute"),
        (object, r"takes \(\) and lacks measured_distance"),
    ],
)
def test_what_is_not_main_is_not_patched(
    beside: Callable[[Any], None], kind: Any, found: str
) -> None:
    beside(kind)
    with pytest.raises(compat.UntestedVersionError, match=f"branch main .*same version.*{found}"):
        compat.patch("metrics_reloaded")
    if kind is Support:
        with compat.patched("metrics_reloaded", any_version=True):
            assert Support(BLOCK, FULL).tp() == 6


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
    searches = count_calls(monkeypatch, reloaded, "border_distances")
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


@pytest.mark.parametrize("axes", [2, 3])
def test_skeletons_are_scikit_images(axes: int) -> None:
    morphology = pytest.importorskip("skimage.morphology")
    for reference, prediction in trees(300, axes, axes=(axes,)):
        masks = reference.astype(int), prediction.astype(int)
        measures = BinaryPairwiseMeasures(masks[1], masks[0])
        first, second = map(morphology.skeletonize, masks)
        found = measures.skeleton_versions()
        np.testing.assert_array_equal(found[0], first)
        np.testing.assert_array_equal(found[1], second)
        with np.errstate(invalid="ignore"):
            precision = np.sum(second * masks[0]) / np.sum(second)
            sensitivity = np.sum(first * masks[1]) / np.sum(first)
            expected = 2 * sensitivity * precision / (sensitivity + precision)
            values = measures.topology_precision(), measures.topology_sensitivity()
            np.testing.assert_array_equal(values, (precision, sensitivity))
            np.testing.assert_array_equal(measures.centreline_dsc(), expected)


def test_skeletons_of_volumes_need_no_host() -> None:
    line = np.zeros((3, 3, 9), int)
    line[1, 1, 1:8] = 1
    half = line.copy()
    half[..., 4:] = 0
    measures = BinaryPairwiseMeasures(half, line, ["cldice"])
    assert measures.to_dict_meas() == {"cldice": 2 * (3 / 7) / (1 + 3 / 7)}
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert math.isnan(BinaryPairwiseMeasures(0 * line, line).centreline_dsc())


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


@pytest.mark.slow
def test_the_host_is_not_imported(run_python: Callable[..., str]) -> None:
    assert run_python(WITHOUT).startswith("False {'dsc': np.float64(1.0)}")
