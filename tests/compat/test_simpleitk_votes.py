"""Drop-in for SimpleITK's STAPLE, MultiLabelSTAPLE and LabelVoting: images, getters and errors of its filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.compat.parity import outcome
from tests.raters import naive_raters as naive

sitk = pytest.importorskip("SimpleITK")

from fastseg.compat import simpleitk as ours  # noqa: E402 - derives from its classes

# Of STAPLE: ITK's sums over voxels are rounded otherwise, up to 6e-12 where few voxels leave much open.
ATOL = 1e-10
NAMES = ("STAPLE", "MultiLabelSTAPLE", "LabelVoting")
theirs = {
    name: getattr(sitk, name)
    for name in (*NAMES, *(f"{one}ImageFilter" for one in NAMES))
}  # fmt: skip


def images(maps: Any, **about: Any) -> list[Any]:
    made = [sitk.GetImageFromArray(np.ascontiguousarray(one)) for one in maps]
    for one in made:
        for name, value in about.items():
            getattr(one, f"Set{name}")(value)
    return made


def filters(name: str) -> list[Any]:
    """The host's filter and ours."""
    return [theirs[name](), getattr(ours, name)()]


def same(mine: Any, host: Any, atol: float = 0.0) -> None:
    about = ("GetSize", "GetPixelID", "GetSpacing", "GetOrigin", "GetDirection")
    for name in about:
        assert getattr(mine, name)() == getattr(host, name)()
    first, second = sitk.GetArrayFromImage(mine), sitk.GetArrayFromImage(host)
    if atol:
        np.testing.assert_allclose(first, second, rtol=0, atol=atol)
    else:
        np.testing.assert_array_equal(first, second)


def compare(rng: np.random.Generator, number: int) -> None:
    """One random case: masks and labels, with ties, of every type and weight, by filter and by function."""
    shape = tuple(int(one) for one in rng.integers(2, 8, int(rng.choice([2, 3]))))
    raters = int(rng.integers(1, 9))
    maps = naive.noisy(rng, shape, raters, int(rng.integers(2, 6)))
    dtype = rng.choice(["uint8", "uint16", "uint32", "uint64"])
    maps = [one.astype(dtype) for one in maps]
    if number % 40 == 0:
        maps[0][:] = 0
    given = images(maps, Spacing=(0.5, 2.0, 1.5)[: len(shape)])
    weight, value = float(rng.choice([0.5, 1.0, 1.3])), float(rng.integers(0, 4))
    both = filters("STAPLEImageFilter")
    for one in both:
        one.SetConfidenceWeight(weight)
        one.SetForegroundValue(value)
        one.SetMaximumIterations(4 if number % 5 == 0 else 2**32 - 1)
    host, mine = (one.Execute(given) for one in both)
    same(mine, host, ATOL)
    for name in ("GetSensitivity", "GetSpecificity"):
        first, second = (getattr(one, name)() for one in both)
        np.testing.assert_allclose(first, second, rtol=0, atol=ATOL)
    assert both[0].GetElapsedIterations() == both[1].GetElapsedIterations()
    same(ours.STAPLE(given, weight, value), theirs["STAPLE"](given, weight, value), ATOL)

    both = filters("MultiLabelSTAPLEImageFilter")
    prior = rng.random(6).tolist()
    for one in both:
        if number % 3 == 0:
            one.SetLabelForUndecidedPixels((0, 7, 200)[number // 3 % 3])
        if number % 4 == 0:
            one.SetMaximumNumberOfIterations(number % 3)
        if number % 7 == 0:
            one.SetPriorProbabilities(prior)
        if number % 6 == 0:
            one.SetTerminationUpdateThreshold(1e-2)
    host, mine = (one.Execute(given) for one in both)
    same(mine, host)
    for k in range(raters):
        first, second = (one.GetConfusionMatrix(k) for one in both)
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-12)
    same(ours.MultiLabelSTAPLE(given), theirs["MultiLabelSTAPLE"](given))
    same(ours.LabelVoting(*given[:5]), theirs["LabelVoting"](*given[:5]))
    undecided = int(rng.integers(0, 300))
    same(ours.LabelVoting(given, undecided), theirs["LabelVoting"](given, undecided))


def test_a_few_random_cases() -> None:
    rng = np.random.default_rng(0)
    for number in range(30):
        compare(rng, number)


@pytest.mark.slow
def test_many_random_cases() -> None:
    rng = np.random.default_rng(1)
    for number in range(600):
        compare(rng, number)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_nobody_or_everybody(name: str, value: int) -> None:
    given = images([np.full((2, 3), value, np.uint8)] * 3)
    host, mine = theirs[name](given), getattr(ours, name)(given)
    same(mine, host)


def test_a_largest_label_that_fills_its_type() -> None:
    given = images([np.array([[255, 1, 0]], np.uint8), np.array([[0, 1, 255]], np.uint8)])
    same(ours.LabelVoting(given), theirs["LabelVoting"](given))
    given = images(np.array([[[255, 1, 0]], [[255, 1, 0]], [[255, 1, 1]]], np.uint8))
    made = sitk.GetArrayFromImage(ours.MultiLabelSTAPLE(given))  # ITK's loops for ever
    assert made.tolist() == [[255, 1, 0]]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("STAPLE", ()),
        ("STAPLE", ([],)),
        ("STAPLE", ("x",)),
        ("STAPLE", ("a", "b", "x")),
        ("STAPLE", (["a", "small"],)),
        ("STAPLE", (["a", "elsewhere"],)),
        ("STAPLE", (["f", "f"],)),
        ("STAPLE", (["s", "s"],)),
        ("STAPLE", ("a", "b", 1.0, 1.5)),
        ("STAPLE", ("a", "b", 1.0, 1.0, 3, 4)),
        ("MultiLabelSTAPLE", (["s", "s"],)),
        ("MultiLabelSTAPLE", (["a", "b"], 9, 1e-5, 100, [0.5])),
        ("MultiLabelSTAPLE", (["a", "b"], 9, 1e-5, 100, [0.5, 0.1, 0.1])),
        ("MultiLabelSTAPLE", (["a", "b"], -1)),
        ("LabelVoting", (["a", "f"],)),
        ("LabelVoting", ("a", "b", 2.5)),
        ("LabelVoting", (["a", "b"], 300)),
    ],
)
def test_what_is_given_and_what_is_refused(name: str, arguments: tuple[Any, ...]) -> None:
    a, b = images(
        [np.array([[0, 1, 1], [2, 2, 0]], np.uint8), np.array([[0, 1, 2], [2, 1, 0]], np.uint8)]
    )
    [elsewhere] = images([np.zeros((2, 3), np.uint8)], Origin=(5.0, 5.0))
    named = {
        "a": a,
        "b": b,
        "small": images([np.zeros((2, 2), np.uint8)])[0],
        "elsewhere": elsewhere,
        "f": images([np.zeros((2, 3), np.float32)])[0],
        "s": images([np.array([[0, -1, 1], [1, -1, 0]], np.int16)])[0],
    }

    def put(one: Any) -> Any:
        if isinstance(one, list):
            return [put(each) for each in one]
        return named.get(one, one) if isinstance(one, str) else one

    args = put(list(arguments))
    host, mine = outcome(theirs[name], *args), outcome(getattr(ours, name), *args)
    if isinstance(host, sitk.Image):
        same(mine, host, 1e-12 if name == "STAPLE" else 0.0)
    else:
        assert type(mine) is type(host)


def test_filters_forget_what_they_found_before() -> None:
    host, filtered = filters("STAPLEImageFilter")
    given = images([np.array([[0, 1, 1]], np.uint8), np.array([[0, 1, 0]], np.uint8)])
    filtered.Execute(given)
    assert len(filtered.GetSensitivity()) == 2
    nothing = images([np.zeros((1, 3), np.uint8)] * 3)
    filtered.Execute(nothing)
    host.Execute(nothing)
    np.testing.assert_array_equal(filtered.GetSensitivity(), host.GetSensitivity())
    assert filtered.GetElapsedIterations() == host.GetElapsedIterations()
