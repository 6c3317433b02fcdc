"""β of f_beta and the width of boundary_iou's band: what they give, by every way of asking, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import fastseg
from fastseg.__main__ import main
from fastseg.errors import InputError, InputTypeError
from fastseg.metrics.synonyms import one_name
from tests.evaluation.test_blockwise import check

RNG = np.random.default_rng(161)


def blobs(shape: tuple[int, ...]) -> np.ndarray:
    smooth = ndimage.gaussian_filter(RNG.random(shape), 2)
    return np.asarray(smooth > np.quantile(smooth, 0.6)).astype(np.uint8)


def band(mask: np.ndarray, spacing: tuple[float, ...], width: float) -> np.ndarray:
    """Give the voxels of a mask whose centre lies nearer than the width to that of one on its surface."""
    faces = ndimage.generate_binary_structure(mask.ndim, 1)
    surface = mask & ~ndimage.binary_erosion(mask, faces)
    distances = ndimage.distance_transform_edt(~surface, sampling=spacing)
    return np.asarray(mask & (distances < width * (1 - 1e-6)))


def expected(
    reference: np.ndarray, prediction: np.ndarray, spacing: tuple[float, ...], width: float
) -> float:
    first, second = (band(mask.astype(bool), spacing, width) for mask in (reference, prediction))
    return float((first & second).sum() / (first | second).sum())


def chebyshev_band(mask: np.ndarray, iterations: int) -> np.ndarray:
    """Give the band as code of Cheng et al. erodes: by squares of 3 pixels, the image framed by zeros."""
    square = np.ones((3,) * mask.ndim, bool)
    return np.asarray(mask & ~ndimage.binary_erosion(mask, square, iterations=iterations))


@pytest.mark.parametrize("shape", [(24, 31), (14, 17, 12)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_width_of_the_band(shape: tuple[int, ...], order: Any) -> None:
    """From less than a voxel to more than the image, where it is IoU; tolerance and nsd stay as they are."""
    for spacing in ((1.0,) * len(shape), (2.5, 0.7, 1.3)[: len(shape)]):
        first, second = (np.asarray(blobs(shape), order=order) for _ in range(2))
        for width in (0.01, 1, 1.5, 2.5, 4.2, 1000):
            found = fastseg.evaluate(
                first,
                second,
                spacing=spacing,
                boundary_width=width,
                metrics=["boundary_iou", "nsd", "iou"],
            )["1"]
            assert found["boundary_iou"] == expected(first, second, spacing, width)
        assert found["boundary_iou"] == found["iou"]
        plain = fastseg.evaluate(first, second, spacing=spacing, metrics=["nsd", "boundary_iou"])
        assert found["nsd"] == plain["1"]["nsd"]
        same = fastseg.evaluate(
            first, second, spacing=spacing, boundary_width=1.0, metrics="surface"
        )
        assert same["1"]["boundary_iou"] == plain["1"]["boundary_iou"]


def test_two_percent_of_the_diagonal() -> None:
    shape, spacing = (60, 80), (2.0, 1.5)
    first, second = blobs(shape), blobs(shape)
    diagonal = math.hypot(120, 120)
    options: dict[str, Any] = {"spacing": spacing, "metrics": ["boundary_iou"]}
    found = fastseg.evaluate(first, second, boundary_width="diagonal", **options)
    assert found["1"]["boundary_iou"] == expected(first, second, spacing, 0.02 * diagonal)
    by_instance = fastseg.evaluate_instances(
        first, second, boundary_width="diagonal", structure_metrics=["boundary_iou"], **options
    )
    assert by_instance["1"]["boundary_iou"] == found["1"]["boundary_iou"]


def test_what_the_code_of_cheng_et_al_has_otherwise() -> None:
    """A first layer of it holds inner corners too, and further layers are squares: a disc's band is a little wider."""
    y, x = np.indices((41, 41)) - 20
    disc = (x * x + y * y) <= 15**2
    for layers in (1, 3, 6):
        own, theirs = band(disc, (1, 1), layers), chebyshev_band(disc, layers)
        assert not (own & ~theirs).any()
        assert (theirs & ~own).any()
    square = np.pad(np.ones((20, 20), bool), 5)  # without inner corners they are one
    assert (band(square, (1, 1), 3) == chebyshev_band(square, 3)).all()


def test_the_tolerance_is_not_flagged_where_it_is_not_used() -> None:
    first, second = blobs((30, 30)), blobs((30, 30))
    options: dict[str, Any] = {"metrics": ["boundary_iou"], "tolerance": 0.5}
    [row] = fastseg.evaluate(first, second, **options).rows
    assert "tolerance_below_voxel" in str(row.flags)
    [row] = fastseg.evaluate(first, second, boundary_width=2, **options).rows
    assert "tolerance_below_voxel" not in str(row.flags)


def test_a_width_for_each_label() -> None:
    first, second = blobs((20, 20, 20)), blobs((20, 20, 20))
    first, second = first * (1 + (RNG.random(first.shape) < 0.5)), second.astype(np.int64)
    widths: dict[Any, float] = {"one": 1.0, "default": 3.0}
    both = fastseg.evaluate(
        first,
        second,
        labels={"one": 1, "all": (1, 2)},
        boundary_width=widths,
        metrics=["boundary_iou"],
    )
    for name, mask, width in (("one", first == 1, 1.0), ("all", first > 0, 3.0)):
        assert both[name]["boundary_iou"] == expected(mask, second > 0, (1, 1, 1), width)
    with pytest.raises(InputError, match="boundary_width: none given for label '2'"):
        fastseg.evaluate(first, second, labels=[1, 2], boundary_width={1: 2.0})


def test_beta_weighs_recall() -> None:
    reference = np.zeros((10, 10), bool)
    reference[:5] = True  # 50
    prediction = np.zeros_like(reference)
    prediction[:2] = prediction[8:9] = True  # 20 hits, 10 beside
    for beta in (0, 0.5, 1, 2, 3.25):
        square = beta**2
        value = (1 + square) * 20 / ((1 + square) * 20 + square * 30 + 10)
        found = fastseg.evaluate(reference, prediction, metrics=["F-beta"], beta=beta)
        assert found["1"]["f_beta"] == pytest.approx(value, rel=1e-15)
        assert found.settings["beta"] == beta
    several = fastseg.evaluate(reference, prediction, beta=[0.5, 2])
    assert "f_beta" not in several.metrics
    by_name = fastseg.evaluate(reference, prediction, metrics=["f0_5", "f2"])
    assert all(several["1"][name] == by_name["1"][name] for name in ("f0_5", "f2"))
    alone = fastseg.evaluate(reference, prediction, metrics=["f_beta", "f2"], beta=(2, 1, 0.25))
    assert alone.metrics == ("f2", "f1", "f0_25")
    assert one_name("f_beta_score") == "f_beta"


def test_instances_have_them() -> None:
    first, second = blobs((30, 30)), blobs((30, 30))
    found = fastseg.evaluate_instances(
        first, second, metrics=["f_beta", "boundary_iou"], beta=(0.5, 2), boundary_width=2.5
    )
    assert {"f0_5", "matched_f2", "lesionwise_f2", "lesionwise_boundary_iou"} <= {*found.metrics}
    assert "f_beta" not in found.metrics
    [one] = fastseg.evaluate_instances(
        first, second, metrics=["f_beta"], beta=2, matching="any", components="given"
    ).instances()
    assert one["f_beta"] == fastseg.evaluate(first, second, metrics="f2")["1"]["f2"]
    regions = fastseg.evaluate_instances(
        first, second, metrics=["boundary_iou"], boundary_width=100, regions="voronoi"
    )
    same = fastseg.evaluate_instances(first, second, metrics=["iou"], regions="voronoi")
    for row, other in zip(regions.instances(), same.instances(), strict=True):
        assert row["boundary_iou"] == other["iou"]


def test_cohorts_files_and_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = [blobs((12, 13, 14)), blobs((12, 13, 14))]
    for folder, own in zip(("r", "p"), maps, strict=True):
        (tmp_path / folder).mkdir()
        for case in ("a", "b"):
            np.save(tmp_path / folder / f"{case}.npy", own)
    places = str(tmp_path / "r"), str(tmp_path / "p")
    options: dict[str, Any] = {"metrics": ["f_beta", "boundary_iou"], "beta": 2.0}
    cohort = fastseg.evaluate_cohort(*places, boundary_width="diagonal", **options)
    one = fastseg.evaluate(*maps, boundary_width="diagonal", **options)
    assert dict(cohort["a", "1"]) == dict(one["1"])
    assert cohort.summary()["f_beta"].mean == one["1"]["f_beta"]
    out = tmp_path / "out.json"

    def run(*options: str) -> str:
        assert main(["evaluate", *places, *options]) == 0
        return capsys.readouterr().out

    asked = "--metrics", "f_beta,boundary_iou", "--beta", "2"
    text = run(*asked, "--boundary-width", "diagonal", "--output", str(out))
    assert "f_beta: beta is 2" in text
    assert "the width of the band is 2 % of the image's diagonal" in text
    found = fastseg.Evaluation.from_json(out.read_text(encoding="utf-8"))
    assert dict(found["a", "1"]) == dict(one["1"])
    assert json.loads(out.read_text(encoding="utf-8"))["settings"]["beta"] == 2
    asked = "--metrics", "f_beta,nsd,boundary_iou", "--beta", "0.5,2"
    text = run(*asked, "--boundary-width", "1=2,default=3")
    assert "f0_5" in text
    assert "boundary_iou: the width of the band is set by label" in text
    assert "nsd: the tolerance is 1" in text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"boundary_width": 0}, "above 0, got 0: the band is empty"),
        ({"boundary_width": {"1": 0, 2: 1}}, "above 0, got 0"),
        ({"boundary_width": -1}, "boundary_width: expected a finite number"),
        ({"boundary_width": "diag"}, "did you mean 'diagonal'"),
        ({"boundary_width": {"x": 1}}, "boundary_width: 'x' is no label that is evaluated"),
        ({"beta": -1}, "beta: expected a number of at least 0"),
        ({"beta": math.inf}, "beta: expected a number of at least 0"),
        ({"beta": "2"}, "beta: expected a number, or several, got '2'"),
        ({"beta": []}, "beta: expected a number of at least 0, or several"),
        ({"beta": (2, 2.0)}, "beta: each number once"),
        ({"beta": 1 / 3}, "up to six decimal places"),
        ({"beta": True}, "beta: expected a number"),
    ],
)
def test_what_is_refused_before_anything_is_read(options: dict[str, Any], told: str) -> None:
    for evaluate in (fastseg.evaluate, fastseg.evaluate_instances):
        with pytest.raises((InputError, InputTypeError), match=told):
            evaluate("nowhere.nii", "nowhere.nii", labels=[1, 2], **options)


@pytest.mark.parametrize("width", [0.4, 3.0, "diagonal", {"default": 2.0, 2: 5.5}])
def test_maps_in_pieces_have_the_same_bands(width: Any) -> None:
    """Whether a structure is taken whole, or block by block with margins as wide as its band."""
    reference = blobs((20, 24, 30)) + blobs((20, 24, 30))
    prediction = np.roll(reference, 1, axis=2)
    for budget in (1 << 14, 1 << 26):
        check(
            reference,
            prediction,
            budget,
            metrics=["boundary_iou", "f_beta"],
            boundary_width=width,
            beta=2,
            spacing=(2.0, 1.0, 0.5),
        )
