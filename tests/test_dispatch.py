"""Which backend runs: the one asked for, or an error; a slower one only with a word."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastseg
from fastseg import BackendFallbackWarning, BackendNotAvailableError, dispatch
from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.protocol import Backend, Operations
from fastseg.metrics import FROM_HISTOGRAM, MEASUREMENTS

MASKS = np.eye(6, dtype=bool), np.eye(6, dtype=bool)[::-1]
FOUR = np.ones((2, 2, 2, 2), bool)
OFFERED = (
    *("joint_histogram", "measure", "surface", "surface_distances", "distance_transform_edt"),
    "connected_components",
    "skeletonize",
    "voronoi_regions",
)
OTHER = {"numba": "scipy", "scipy": "numba"}

CALLS: dict[str, Callable[..., Any]] = {
    "joint_histogram": lambda: fastseg.confusion_matrix(*MASKS),
    "surface": lambda: fastseg.surface(MASKS[0]),
    "surface_distances": lambda: fastseg.surface_distances(*MASKS),
    "distance_transform_edt": lambda: fastseg.distance_transform_edt(MASKS[0]),
    "connected_components": lambda: fastseg.connected_components(MASKS[0]),
    "skeletonize": lambda: fastseg.skeletonize(MASKS[0]),
    "voronoi_regions": lambda: fastseg.voronoi_regions(MASKS[0]),
}
METRICS = ["dice", "hd95", "boundary_iou"]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The functions of each backend that have been called."""
    record: dict[str, set[str]] = {"numba": set(), "scipy": set()}

    def listen(backend: str, module: ModuleType, name: str) -> None:
        function = getattr(module, name)

        def spy(*args: Any, **options: Any) -> Any:
            record[backend].add(name)
            return function(*args, **options)

        monkeypatch.setattr(module, name, spy)

    for name in OFFERED:
        listen("numba", numba_backend, name)
        listen("scipy", scipy_backend, name)
    return record


@pytest.fixture
def no_numba(monkeypatch: pytest.MonkeyPatch) -> str:
    """As if numba could not be imported."""
    missing = dispatch._missing
    why = "ImportError: no numba here"
    monkeypatch.setattr(
        dispatch, "_missing", lambda entry: why if entry.name == "numba" else missing(entry)
    )
    return why


# ---------------------------------------------------------------------------- the one asked for


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize("how", ["use_backend", "with", "environment"])
def test_the_backend_asked_for_is_the_one_that_runs(
    backend: str, function: str, how: str, ran: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_forced", None)
    if how == "environment":
        monkeypatch.setenv("FASTSEG_BACKEND", backend)
        CALLS[function]()
    elif how == "use_backend":
        fastseg.use_backend(backend)
        CALLS[function]()
    else:
        with fastseg.use_backend(backend):
            CALLS[function]()
    assert function in ran[backend]
    assert not ran[OTHER[backend]]


@pytest.mark.parametrize("name", OTHER)
def test_evaluate_runs_the_backend_of_its_argument(name: str, ran: dict[str, set[str]]) -> None:
    with fastseg.use_backend(OTHER[name]):  # overruled
        fastseg.evaluate(*MASKS, metrics=METRICS, backend=name)
    assert ran[name] >= {"joint_histogram", "measure"}
    assert not ran[OTHER[name]]


@pytest.mark.parametrize("function", CALLS)
def test_numba_is_the_default(function: str, ran: dict[str, set[str]]) -> None:
    CALLS[function]()
    assert function in ran["numba"]
    assert not ran["scipy"]
    assert fastseg.current_backend() == "numba"


def test_the_reference_backend_uses_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an exception from inside a kernel reaches the caller: nothing falls back on it."""
    from fastseg_kernels import _jit

    def explode(self: Any, *args: Any) -> None:
        raise ZeroDivisionError("from inside a kernel")

    monkeypatch.setattr(_jit.Kernel, "__call__", explode)
    with fastseg.use_backend("scipy"):
        for call in CALLS.values():
            call()
        fastseg.evaluate(*MASKS, metrics=METRICS)
    for call in CALLS.values():
        with pytest.raises(ZeroDivisionError, match="from inside a kernel"):
            call()


@pytest.mark.parametrize("error", [ImportError, MemoryError, NotImplementedError, TypeError])
@pytest.mark.parametrize("function", CALLS)
def test_exceptions_of_a_backend_are_never_hidden(
    backend: str, function: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*args: Any, **options: Any) -> None:
        raise error("inside")

    module = {"numba": numba_backend, "scipy": scipy_backend}[backend]
    monkeypatch.setattr(module, function, explode)
    with pytest.raises(error, match="inside"):
        CALLS[function]()


def test_every_backend_offers_the_same_operations() -> None:
    """With the parameters of the protocol, which mypy compares as well."""
    for entry in dispatch.BACKENDS:
        if entry.memory != "cpu":  # it cannot be imported everywhere: tests/gpu calls its functions
            continue
        for name in (*OFFERED, "unsupported"):
            parameters = list(inspect.signature(getattr(Operations, name)).parameters)
            found = inspect.signature(getattr(entry.operations, name)).parameters
            assert list(found) == parameters[1:], f"{entry.name}.{name}"
        measured = set(MEASUREMENTS) - FROM_HISTOGRAM
        for operation in (set(OFFERED) - {"measure"}) | measured:
            assert entry.operations.unsupported(operation, 3) is None
        assert "has no skeletons" in str(entry.operations.unsupported("skeletons", 3))


# ---------------------------------------------------------------------------- use_backend


def test_use_backend_holds_until_the_next() -> None:
    fastseg.use_backend("scipy")
    assert fastseg.current_backend() == "scipy"
    fastseg.use_backend("numba")
    assert fastseg.current_backend() == "numba"
    fastseg.use_backend("scipy")
    fastseg.use_backend(None)
    assert fastseg.current_backend() == "numba"


def test_use_backend_as_a_context_restores() -> None:
    with fastseg.use_backend("scipy"):
        with fastseg.use_backend("numba"):
            assert fastseg.current_backend() == "numba"
        assert fastseg.current_backend() == "scipy"
        with fastseg.use_backend(None):
            assert fastseg.current_backend() == "numba"
        assert fastseg.current_backend() == "scipy"
    assert fastseg.current_backend() == "numba"


def test_use_backend_restores_after_an_error() -> None:
    with pytest.raises(KeyError), fastseg.use_backend("scipy"):
        raise KeyError
    assert fastseg.current_backend() == "numba"


def test_use_backend_overrules_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSEG_BACKEND", "numba")
    with fastseg.use_backend("scipy"):
        assert fastseg.current_backend() == "scipy"
    monkeypatch.setenv("FASTSEG_BACKEND", "scipy")
    assert fastseg.current_backend() == "scipy"
    monkeypatch.setenv("FASTSEG_BACKEND", "")
    assert fastseg.current_backend() == "numba"


# ---------------------------------------------------------------------------- unknown names


@pytest.mark.parametrize(
    ("name", "told"),
    [("nunba", "did you mean 'numba'"), ("cuda", "known: numba, scipy"), ("", "known")],
)
def test_unknown_names(name: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=f"^use_backend: unknown backend '{name}'; {told}"):
        fastseg.use_backend(name)
    with pytest.raises(ValueError, match=f"^backend: unknown backend '{name}'; {told}"):
        fastseg.evaluate(*MASKS, backend=name)
    if name:
        monkeypatch.setenv("FASTSEG_BACKEND", name)
        for call in (*CALLS.values(), fastseg.current_backend, fastseg.explain):
            with pytest.raises(
                ValueError, match=f"^FASTSEG_BACKEND: unknown backend '{name}'; {told}"
            ):
                call()
    assert dispatch._forced is None


def test_a_name_that_is_no_text() -> None:
    name: Any = 3
    with pytest.raises(ValueError, match="^use_backend: unknown backend 3"):
        fastseg.use_backend(name)


# ---------------------------------------------------------------------------- not available


def test_an_unavailable_backend_raises(no_numba: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = f"the numba backend is not available here \\({no_numba}\\); pip install numba"
    with pytest.raises(BackendNotAvailableError, match=f"^use_backend: {told}"):
        fastseg.use_backend("numba")
    with pytest.raises(BackendNotAvailableError, match=f"^backend: {told}"):
        fastseg.evaluate(*MASKS, backend="numba")
    monkeypatch.setenv("FASTSEG_BACKEND", "numba")
    for call in CALLS.values():
        with pytest.raises(BackendNotAvailableError, match=f"^FASTSEG_BACKEND: {told}"):
            call()


def test_the_default_falls_back_and_says_so_once(no_numba: str, ran: dict[str, set[str]]) -> None:
    with pytest.warns(BackendFallbackWarning, match=f"numba.*not available.*{no_numba}") as caught:
        for call in (*CALLS.values(), *CALLS.values()):
            call()
    assert len(caught) == 1
    assert caught[0].filename == __file__  # where the user called
    assert not ran["numba"]
    assert set(CALLS) <= ran["scipy"]


def test_nothing_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_missing", lambda entry: f"ImportError: no {entry.name}")
    with (
        pytest.warns(BackendFallbackWarning),
        pytest.raises(BackendNotAvailableError, match="no backend can run surface for arrays of 2"),
    ):
        fastseg.surface(MASKS[0])


def test_a_module_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is kept; any error but ImportError is a fault, and is not hidden."""
    entry = Backend("fpga", "fastseg.backends.fpga", "pip install fpga")
    monkeypatch.setattr(dispatch, "BACKENDS", (entry, *dispatch.BACKENDS))
    with pytest.raises(BackendNotAvailableError, match=r"No module named 'fastseg.backends.fpga'"):
        fastseg.use_backend("fpga")

    def explode(name: str) -> None:
        raise OSError("a library is damaged")

    monkeypatch.setattr("fastseg.backends.protocol.importlib.import_module", explode)
    damaged = Backend("damaged", "fastseg.backends.damaged", "pip install damaged")
    monkeypatch.setattr(dispatch, "BACKENDS", (damaged, *dispatch.BACKENDS))
    with pytest.raises(OSError, match="a library is damaged"):
        fastseg.use_backend("damaged")


# ---------------------------------------------------------------------------- not supported


@pytest.mark.parametrize("forced", [None, "numba"])
def test_four_axes_fall_back_and_say_so_once(forced: str | None, ran: dict[str, set[str]]) -> None:
    fastseg.use_backend(forced)
    told = "surface_distances falls back from the numba backend: .* up to 3 axes, not 4"
    with pytest.warns(BackendFallbackWarning, match=told) as caught:
        fastseg.surface_distances(FOUR, FOUR)
        fastseg.surface_distances(FOUR, FOUR)
    assert len(caught) == 1
    with pytest.warns(BackendFallbackWarning, match="surface falls back") as caught:
        fastseg.surface(FOUR)
        fastseg.surface(FOUR)
    assert len(caught) == 1
    assert ran == {"numba": set(), "scipy": {"surface_distances", "surface"}}


def test_four_axes_on_a_backend_that_takes_them(ran: dict[str, set[str]]) -> None:
    """Without a word: the transform on numba, everything on scipy."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastseg.distance_transform_edt(FOUR)
        assert ran["numba"] == {"distance_transform_edt"}
        with fastseg.use_backend("scipy"):
            fastseg.surface(FOUR)
            fastseg.surface_distances(FOUR, FOUR)


def test_a_backend_of_ones_own_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a backend is one module and one entry."""
    module: Any = ModuleType("stand_in.fpga")
    module.unsupported = lambda function, ndim: None if function == "surface" else "surface only"
    module.surface = lambda mask, connectivity, edge: ("fpga", connectivity, edge)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = Backend("fpga", module.__name__, "pip install fpga")
    monkeypatch.setattr(dispatch, "BACKENDS", (entry, *dispatch.BACKENDS))
    found: Any = fastseg.surface(MASKS[0], connectivity=2, edge="ignore")
    assert found == ("fpga", 2, "ignore")
    with pytest.warns(BackendFallbackWarning, match="from the fpga backend: surface only"):
        assert fastseg.current_backend() == "numba"
    assert fastseg.explain().splitlines() == [
        "fpga: not taken: surface only",
        "numba: runs",
        "scipy: fallback",
    ]


# ---------------------------------------------------------------------------- explain


def test_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fastseg.explain() == "numba: runs\nscipy: fallback"
    assert fastseg.explain(MASKS[0]) == "numba: runs\nscipy: fallback"
    assert fastseg.explain(FOUR) == (
        "numba: not taken: numba kernels take up to 3 axes, not 4\nscipy: runs"
    )
    with fastseg.use_backend("scipy"):
        assert fastseg.explain() == "scipy: runs (asked for by use_backend)\nnumba: fallback"
    monkeypatch.setenv("FASTSEG_BACKEND", "numba")
    assert fastseg.explain() == "numba: runs (asked for by FASTSEG_BACKEND)\nscipy: fallback"
    with pytest.raises(TypeError, match="^array: "):
        fastseg.explain("volume.nii")


def test_explain_what_is_not_available(no_numba: str) -> None:
    assert fastseg.explain() == (
        f"numba: not available: {no_numba}; pip install numba\nscipy: runs"
    )


# ---------------------------------------------------------------------------- really without numba

WITHOUT_NUMBA = """
import warnings
import numpy as np
import fastseg

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    mask = np.zeros((9, 9, 9), bool)
    mask[2:7, 2:7, 2:7] = True
    print(fastseg.surface(mask).sum(), fastseg.surface(mask).sum())
    print(fastseg.surface_distances(mask, np.roll(mask, 2, 0), spacing=(3, 1, 1)).hausdorff())
    print(fastseg.confusion_matrix(mask, np.roll(mask, 2, 0)).tolist())
    print(fastseg.distance_transform_edt(mask).max(), fastseg.current_backend())
    print(fastseg.evaluate(mask, np.roll(mask, 1, 2), metrics=["dice"])[1]["dice"])
print(len(caught), caught[0].category.__name__, "broken on purpose" in str(caught[0].message))
print(fastseg.explain().splitlines()[0])
"""


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ImportError", "ModuleNotFoundError"])
def test_a_process_in_which_numba_cannot_be_imported(
    error: str, run_python: Callable[..., str], tmp_path: Path
) -> None:
    package = tmp_path / "broken" / "numba"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"raise {error}('broken on purpose')\n")
    out = run_python(WITHOUT_NUMBA, first_on_path=[package.parent])
    assert out.splitlines() == [
        "98 98",
        "6.0",
        "[[554, 50], [50, 75]]",
        "3.0 scipy",
        "0.8",
        "1 BackendFallbackWarning True",
        f"numba: not available: {error}: broken on purpose; pip install numba",
    ]
    asked = (
        "import fastseg\n"
        "try: fastseg.surface([1])\n"
        "except fastseg.BackendNotAvailableError as error: print(error)\n"
    )
    out = run_python(asked, first_on_path=[package.parent], FASTSEG_BACKEND="numba")
    assert out.startswith("FASTSEG_BACKEND: the numba backend is not available here")
    assert "broken on purpose" in out


@pytest.mark.slow
def test_a_process_without_scipy(run_python: Callable[..., str], tmp_path: Path) -> None:
    """The default backend does not need the other one."""
    package = tmp_path / "broken" / "scipy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('broken on purpose')\n")
    script = (
        "import fastseg\nprint(fastseg.surface([1, 1, 1]).tolist())\nprint(fastseg.explain())\n"
    )
    out = run_python(script, first_on_path=[package.parent]).splitlines()
    assert out[:2] == ["[True, False, True]", "numba: runs"]
    assert out[2].startswith("scipy: not available: ImportError: broken on purpose")


def test_results_are_the_same_whoever_is_asked() -> None:
    results = []
    for name in ("numba", "scipy"):
        with fastseg.use_backend(name):
            results.append(
                [np.asarray(CALLS[function]()) for function in ("joint_histogram", "surface")]
            )
    for one, other in zip(*results, strict=True):
        assert_array_equal(one, other)
