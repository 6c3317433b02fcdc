"""Arrays of other libraries: types that NumPy has no name for, and advice that helps where nothing can be shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fastseg
from fastseg.inputs import arrays

MAP: NDArray[np.uint8] = np.random.default_rng(8).integers(0, 4, (5, 6, 7)).astype(np.uint8)


class Tensor:
    """A tensor of a library with types and states of its own, as far as anybody can tell from outside."""

    def __init__(self, values: Any, dtype: str = "torch.float32", error: str = "", **state: Any):
        self.values, self.dtype, self.error = values, dtype, error
        self.shape = np.shape(values)
        self.device = "cpu"
        self.__dict__.update(state)

    def __dlpack__(self, **options: Any) -> Any:
        if self.error:
            raise BufferError(self.error)
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        if self.device == "meta":
            raise ValueError("Unknown device type meta for Dlpack")
        return (1, 0)

    def float(self) -> Tensor:
        if self.error and not self.dtype.endswith("bfloat16"):
            raise NotImplementedError(self.error)
        return Tensor(self.values.astype(np.float32), error=self.error)


class Array:
    """An array whose library converts as NumPy does."""

    def __init__(self, values: Any, dtype: str):
        self.values, self.dtype = values, dtype

    def astype(self, dtype: str) -> Any:
        return self.values.astype(dtype)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1fn"])
def test_short_floats_hold_the_labels_that_they_hold(dtype: str) -> None:
    for given in (Tensor(MAP, f"torch.{dtype}"), Array(MAP, dtype)):
        assert_array_equal(arrays.as_label_map(given, "labels"), MAP)
        assert_array_equal(arrays.as_mask(given, "mask"), MAP != 0)
    found = fastseg.evaluate(Tensor(MAP, f"torch.{dtype}"), MAP)
    assert all(row["dice"] == 1 for row in found)


@pytest.mark.parametrize(("dtype", "wider"), [("int4", np.int8), ("uint2", np.uint8)])
def test_short_integers(dtype: str, wider: Any) -> None:
    labels = arrays.as_label_map(Array(MAP, dtype), "labels")
    assert labels.dtype == wider
    assert_array_equal(labels, MAP)


def test_a_short_float_that_is_no_label_is_refused_as_one() -> None:
    with pytest.raises(ValueError, match="labels must be whole numbers, found 0.5 at"):
        arrays.as_label_map(Tensor(MAP / 2, "torch.bfloat16"), "labels")


def test_a_short_float_that_cannot_be_converted() -> None:
    tensor = Tensor(MAP, "torch.float4_e2m1fn_x2", "copy_ is not implemented")
    told = r"of torch.float4_e2m1fn_x2 could not be converted to float32 \(copy_ is .*\); convert it first"
    with pytest.raises(TypeError, match=rf"^labels: a .*Tensor {told}"):
        arrays.as_label_map(tensor, "labels")


@pytest.mark.parametrize(
    ("state", "helps", "does_not"),
    [
        ({"requires_grad": True}, r"; detach it first, with detach\(\)$", "CPU"),
        ({"dtype": "torch.bfloat16", "requires_grad": True}, "shared with NumPy", "bfloat16"),
        ({"is_meta": True, "device": "meta"}, "; it has a shape but no values: load or", "detach"),
        ({"is_sparse": True}, r"; make it dense first, with to_dense\(\)$", "detach"),
        ({"layout": "torch.sparse_csr"}, r"; make it dense first, with to_dense\(\)$", "detach"),
        ({"is_quantized": True}, r"int_repr\(\), or its values with dequantize\(\)$", "detach"),
        ({"device": "mps:0"}, "; move it to the CPU first", "dense"),
        ({"dtype": "torch.odd"}, "; convert it to a type .* is torch.odd", "detach"),
    ],
)
def test_the_advice_is_what_helps(state: dict[str, Any], helps: str, does_not: str) -> None:
    tensor = Tensor(MAP, **{"error": "cannot be exported", **state})
    with pytest.raises(TypeError, match=helps) as caught:
        arrays.as_array(tensor, "volume")
    message = str(caught.value)
    assert message.startswith("volume: a tests.inputs.test_tensors.Tensor could not be shared")
    assert "cannot be exported" in message
    assert does_not not in message.split(";")[-1]


def test_an_attribute_that_cannot_be_asked_for() -> None:
    """Some libraries' tensors raise for states that they do not have."""

    class Odd(Tensor):
        @property
        def is_meta(self) -> bool:
            raise RuntimeError("not here")

    with pytest.raises(TypeError, match="convert it to a type"):
        arrays.as_array(Odd(MAP, error="no"), "volume")


# ---------------------------------------------------------------------------- the libraries themselves


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"])
def test_ml_dtypes(dtype: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    short = MAP.astype(getattr(ml_dtypes, dtype))
    assert_array_equal(arrays.as_label_map(short, "labels"), MAP)
    ids = np.unique(MAP)[1:].astype(getattr(ml_dtypes, dtype))
    found = fastseg.evaluate(short, MAP, labels=ids, tolerance=short.flat[0] * 0 + ids[0])
    assert [row.label for row in found] == [1, 2, 3]
    assert found.settings["tolerance"] == 1


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "int64"])
def test_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(MAP).to(getattr(torch, dtype))
    assert_array_equal(arrays.as_label_map(tensor, "labels"), MAP)
    three = torch.tensor([0.7, 0.7, 2.5])
    found = fastseg.evaluate(
        tensor,
        torch.from_numpy(MAP[::-1].copy()),
        spacing=three,
        labels={"a": torch.tensor(1), "b": torch.tensor([2, 3])},
        tolerance={"a": torch.tensor(1.5), "default": torch.tensor(2)},
        ignore_label=torch.tensor(9),
        empty={"hd95": torch.tensor(45.0)},
    )
    expected = fastseg.evaluate(
        MAP,
        MAP[::-1],
        spacing=three.double().tolist(),
        labels={"a": 1, "b": (2, 3)},
        tolerance={"a": 1.5, "default": 2},
        ignore_label=9,
        empty={"hd95": 45},
    )
    assert found == expected


def test_torch_tensors_that_cannot_be_shared() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(MAP).float()
    for given, helps in (
        (tensor.clone().requires_grad_(), "detach it first"),
        (tensor.bfloat16().requires_grad_(), "detach it first"),
        (torch.empty(2, 3, device="meta"), "load or compute them on a real device"),
        (tensor.to_sparse(), "to_dense"),
    ):
        with pytest.raises(TypeError, match=helps):
            fastseg.evaluate(given, MAP)
        with pytest.raises(TypeError, match=helps):
            fastseg.surface(given)
