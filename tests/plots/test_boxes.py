"""Boxes of a metric: quartiles with infinite values among them, points, clouds, and what is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import plots
from fastseg.errors import InputError, InputTypeError
from fastseg.plots.boxes import POINTS_OF_GROUP, cloud
from tests.plots.conftest import pandas, scores, texts


def boxes(ax: Any) -> list[tuple[float, float]]:
    """First and third quartile of each group."""
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]


def test_a_box_for_each_algorithm_with_its_quartiles_and_n(three: Any) -> None:
    ax = plots.box(three, "dice")
    found = boxes(ax)
    assert len(found) == 3
    for (low, high), (_, part) in zip(
        found, three.groupby("algorithm", sort=False)["dice"], strict=True
    ):
        np.testing.assert_allclose((low, high), np.quantile(part, [0.25, 0.75]))
    shown = texts(ax)
    assert shown.count("n = 40") == 3
    assert {"unet", "nn$U$-<Net>", "swin & co"} <= set(shown)
    assert ax.get_xlabel() == "dice, larger is better"


def test_infinite_values_count_and_undefined_ones_are_told() -> None:
    frame = scores(one=[0.1, 0.2, 0.3, np.inf, np.inf, np.inf, np.nan])
    ax = plots.box(frame.rename(columns={"dice": "hd95"}), "hd95")
    [(low, high)] = boxes(ax)
    assert low == pytest.approx(0.225)
    assert high > 0.3  # the third quartile is infinite, and drawn where infinite ones are
    assert "n = 6, 3 infinite, 1 undefined" in texts(ax)
    assert "∞" in [label.get_text() for label in ax.get_xticklabels()]
    assert ax.get_xlabel() == "hd95 [mm or voxels], smaller is better"


def test_units_are_those_of_the_evaluation() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[2:6, 2:6, 2:6] = True
    cases = [
        fastseg.evaluate(mask, np.roll(mask, n, 0), spacing=(1, 1, 1), case=str(n))
        for n in range(3)
    ]
    joined = fastseg.Evaluation.joined(cases)
    assert plots.box(joined, "hd95").get_xlabel() == "hd95 [mm], smaller is better"
    assert plots.box({"a": joined}, "hd95").get_xlabel() == "hd95 [mm], smaller is better"
    assert joined.plot(metric="hd").get_xlabel() == "hd [mm], smaller is better"
    assert joined.plot("box").get_xlabel() == "dice, larger is better"


@pytest.mark.parametrize("values", [[0.5], [np.nan], [np.inf], [np.inf, -np.inf], [1e300, -1e300]])
def test_odd_values_are_drawn(values: list[float]) -> None:
    ax = plots.box(scores(a=values), "dice")
    ax.figure.canvas.draw()
    n = int(np.sum(~np.isnan(values)))
    assert any(text.startswith(f"n = {n}") for text in texts(ax))


def test_many_values_are_a_cloud_without_points() -> None:
    draws = np.random.default_rng(0).random(POINTS_OF_GROUP + 1)
    few, many = (plots.box(scores(a=held), "dice") for held in (draws[:-1], draws))
    assert len(few.collections) == len(many.collections) == 1  # the clouds
    assert len(few.lines) == len(many.lines) + 1


def test_two_hundred_labels_and_failures() -> None:
    rows = [{"case": f"c{c}", "name": f"label {n}", "dice": 0.5} for n in range(200) for c in "ab"]
    assert len(plots.box(pandas.DataFrame(rows)).get_yticks()) == 200
    mask = np.ones((3, 3, 3), bool)
    one = fastseg.evaluate(mask, mask, case="a", metrics="dice")
    from fastseg.results import Failure

    lost = fastseg.Evaluation(
        one.rows, one.metrics, one.settings, (Failure("b", "unreadable", "OSError"),)
    )
    assert "1 case failed or without a prediction" in texts(plots.box(lost))


def test_a_cloud_is_where_the_values_are() -> None:
    draws = np.random.default_rng(0).normal(size=4000)
    where, thick = cloud(draws)
    expected = np.exp(-(where**2) / 2)
    assert thick.max() == 1
    np.testing.assert_allclose(thick, expected / expected.max(), atol=0.1)


def test_wrong_input_is_told(three: Any) -> None:
    with pytest.raises(InputError, match="did you mean 'dice'"):
        plots.box(three, "dise")
    with pytest.raises(InputTypeError, match="expected axes of matplotlib, got str"):
        plots.box(three, "dice", ax="here")  # type: ignore[arg-type]
    with pytest.raises(InputTypeError):
        plots.box(3)
