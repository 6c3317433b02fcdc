"""Patching hosts: explicit, reversible, all or nothing, from any number of threads."""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fastseg import compat
from fastseg.compat._support import patching as _patching
from fastseg.compat._support import switch as _switch
from fastseg.compat._support.patching import (
    Host,
    NotCovered,
    Patch,
    falls_back_to,
    release,
    rest_of,
)

ROW = ("host.inner", "f")


@falls_back_to(*ROW)
def f(x: Any) -> tuple[str, Any]:
    """A drop-in that covers positive numbers."""
    if x < 0:
        raise NotCovered("negative numbers")
    return ("ours", x)


def method(self: object) -> str:
    return "ours"


def host_f(x: Any) -> tuple[str, Any]:
    return ("theirs", x)


class Class:
    """Of the host."""

    def method(self) -> str:
        return "theirs"


class Derived(Class):
    pass


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A host with a package and a module that it imports from, and drop-ins for three places in it."""
    inner: Any = ModuleType("host.inner")
    outer: Any = ModuleType("host")
    inner.f = outer.f = host_f
    inner.Class, inner.Derived = Class, Derived
    outer.inner = inner
    monkeypatch.setitem(sys.modules, "host", outer)
    monkeypatch.setitem(sys.modules, "host.inner", inner)
    monkeypatch.setattr(Host, "version", lambda self: "1.2.3")
    rows = (
        Patch("host.inner", "f", f),
        Patch("host", "f", f),
        Patch("host.inner", "Class.method", method),
    )
    install(monkeypatch, "medpy", Host("host", "1.2", "1.3", rows))
    return outer


def install(monkeypatch: pytest.MonkeyPatch, name: str, patches: Host) -> None:
    """Make a module of drop-ins out of a table."""
    drop_ins: Any = ModuleType(f"fastseg.compat.{name}")
    drop_ins.PATCHES = patches
    monkeypatch.setitem(sys.modules, drop_ins.__name__, drop_ins)


def is_patched(host: Any) -> bool:
    places = {host.f is f, host.inner.f is f, vars(Class)["method"] is method}
    assert len(places) == 1, "patched in part"
    assert _patching.originals.keys() == (
        {("host.inner", "f"), ("host", "f"), ("host.inner", "Class.method")}
        if True in places
        else set()
    )
    return places.pop()


def test_patch_and_unpatch_are_idempotent(host: Any) -> None:
    compat.patch("medpy")
    compat.patch("medpy", "medpy")
    assert is_patched(host)
    assert (host.f(1), Class().method(), Derived().method()) == (("ours", 1), "ours", "ours")
    compat.unpatch("edt")
    assert is_patched(host)
    compat.unpatch("medpy")
    compat.unpatch("medpy")
    compat.unpatch()
    assert not is_patched(host)
    assert host.f is host_f
    assert (host.f(1), Class().method()) == (("theirs", 1), "theirs")


def test_what_a_drop_in_does_not_cover_goes_to_the_host(host: Any) -> None:
    assert f(-1) == ("theirs", -1)
    with compat.patched("medpy"):
        assert host.f(1) == ("ours", 1)
        assert host.f(-1) == f(-1) == ("theirs", -1)
    assert f(-1) == ("theirs", -1)


def test_without_the_host_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportError, match="does not cover negative numbers.*install host"):
        f(-1)
    assert f(1) == ("ours", 1)
    incomplete: Any = ModuleType("host.inner")
    monkeypatch.setitem(sys.modules, "host", ModuleType("host"))
    monkeypatch.setitem(sys.modules, "host.inner", incomplete)
    with pytest.raises(ImportError, match=r"host\.inner has no f"):
        f(-1)
    incomplete.f = f  # by hand, so that nobody knows what was there
    with pytest.raises(ImportError, match="replaced by hand"):
        f(-1)


def test_a_drop_in_pickles_by_the_name_of_its_own_module(host: Any) -> None:
    with compat.patched("medpy"):
        assert b"test_patching" in pickle.dumps(host.f)
        assert pickle.loads(pickle.dumps(host.f)) is f
    assert (f.__name__, f.__doc__) == ("f", "A drop-in that covers positive numbers.")


def test_with_restores_what_was_before(host: Any) -> None:
    with compat.patched("medpy"):
        with compat.patched("medpy"):
            assert is_patched(host)
        assert is_patched(host)
    assert not is_patched(host)
    compat.patch("medpy")
    with compat.patched("medpy"):
        pass
    assert is_patched(host)
    compat.unpatch()


def test_no_patch_outlives_its_with(host: Any) -> None:
    with pytest.raises(KeyError), compat.patched("medpy"):
        raise KeyError
    assert not is_patched(host)
    with compat.patched("medpy"):
        compat.unpatch()
        assert not is_patched(host)
    assert not is_patched(host)


def test_blocks_may_overlap_and_end_in_any_order(host: Any) -> None:
    first, second = compat.patched("medpy"), compat.patched("medpy")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert is_patched(host)
    second.__exit__(None, None, None)
    assert not is_patched(host)


def test_threads_patch_at_once(host: Any) -> None:
    n, barrier = 8, threading.Barrier(8)

    def work(i: int) -> None:
        barrier.wait()
        for _ in range(200):
            with compat.patched("medpy"):
                assert host.f is f
                assert host.f(-1) == ("theirs", -1)
            assert host.f(i)[1] == i

    with ThreadPoolExecutor(n) as pool:
        list(pool.map(work, range(n)))
    assert not is_patched(host)


class Stubborn(ModuleType):
    """A module in which one name cannot be set."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "g" and name in vars(self):
            raise RuntimeError("not g")
        super().__setattr__(name, value)


def test_a_failure_half_way_leaves_the_hosts_untouched(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = Stubborn("stubborn")
    stubborn.f, stubborn.g = host_f, host_f
    monkeypatch.setitem(sys.modules, "stubborn", stubborn)
    rows = (Patch("stubborn", "f", f), Patch("stubborn", "g", f))
    install(monkeypatch, "edt", Host("stubborn", "1", "2", rows))
    with pytest.raises(RuntimeError, match="not g"):
        compat.patch("medpy", "edt")
    assert not is_patched(host)
    assert stubborn.f is host_f
    assert not _switch.patched_hosts()


@pytest.mark.parametrize(
    ("module", "attribute", "missing"),
    [
        ("host.no_such", "f", "host.no_such"),
        ("host", "g", "host has no g"),
        ("host.inner", "Class.no_such", "has no Class.no_such"),
        ("host.inner", "NoClass.method", "has no NoClass.method"),
    ],
)
def test_a_missing_place_is_told_before_anything_is_set(
    host: Any, monkeypatch: pytest.MonkeyPatch, module: str, attribute: str, missing: str
) -> None:
    rows = (Patch("host", "f", f), Patch(module, attribute, f))
    install(monkeypatch, "edt", Host("host", "1", "2", rows))
    with pytest.raises(ImportError, match=missing):
        compat.patch("medpy", "edt")
    assert not is_patched(host)


def test_an_untested_version_is_refused_unless_asked_for(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.3", "1.3.0", "1.1.9", "2", "0"):
        monkeypatch.setattr(Host, "version", lambda self, version=version: version)
        with pytest.raises(compat.UntestedVersionError, match=r"tested with >=1\.2, <1\.3"):
            compat.patch("medpy")
        assert not is_patched(host)
    with compat.patched("medpy", any_version=True):
        assert is_patched(host)
    for version in ("1.2", "1.2.0", "1.2.99", "1.2+cpu", "1.2.post1"):
        monkeypatch.setattr(Host, "version", lambda self, version=version: version)
        with compat.patched("medpy"):
            assert is_patched(host)


def test_versions_compare_by_their_numbers() -> None:
    assert release("1.10.0") == (1, 10) > release("1.9.3")
    assert release("2.13.0+cpu") == (2, 13)
    assert release("0.6rc1") == (0, 6)
    assert release("unknown") == ()


def test_errors_name_what_was_given(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in (compat.patch, compat.unpatch, compat.status):
        with pytest.raises(ValueError, match=r"unknown host 'medpi'; did you mean 'medpy'\?"):
            call("medpi")
    with pytest.raises(ValueError, match="name the hosts"):
        compat.patch()
    with pytest.raises(ValueError, match="name the hosts"), compat.patched():
        pass
    monkeypatch.setattr(Host, "version", lambda self: None)
    with pytest.raises(ImportError, match="medpy cannot be patched: host is not installed"):
        compat.patch("medpy")


def test_a_host_whose_classes_are_needed_and_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    monkeypatch.delitem(sys.modules, "fastseg.compat.simpleitk", raising=False)
    with pytest.raises(ImportError, match="simpleitk cannot be patched: .*SimpleITK"):
        compat.patch("simpleitk")
    [row] = compat.status("simpleitk")
    assert (row.patched, row.version) == (False, "")
    assert "SimpleITK" in row.replaces


def test_a_host_that_is_another_than_it_calls_itself(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Patch("host.inner", "f", f)
    said: list[str | None] = ["it is a fork"]
    install(monkeypatch, "medpy", Host("host", "1.2", "1.3", (row,), differs=lambda: said[0]))
    with pytest.raises(
        compat.UntestedVersionError, match="medpy is not patched: it is a fork; any_"
    ):
        compat.patch("medpy")
    assert host.inner.f is host_f
    with compat.patched("medpy", any_version=True):
        assert host.inner.f is f
    said[0] = None
    with compat.patched("medpy"):
        assert host.inner.f is f


def test_a_host_whose_function_takes_more(host: Any) -> None:
    def forked(x: Any, axis: int = 0, **others: Any) -> Any:
        return ("fork", x)

    host.inner.f = forked
    with pytest.raises(
        compat.UntestedVersionError, match=r"host\.inner\.f takes axis, which its drop-in does not"
    ):
        compat.patch("medpy")
    assert host.inner.f is forked
    with compat.patched("medpy", any_version=True):
        assert host.inner.f is f
    host.inner.f = lambda x, *rest, **others: ("wrapped", x)
    with compat.patched("medpy"):
        assert host.inner.f is f


def test_a_table_of_the_hosts_knows_the_drop_in(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[Any, str] = {host_f: "what it can do"}
    rows = (
        Patch("host.inner", "f", f, lambda: table),
        Patch("host.inner", "Class.method", method, lambda: table),
        Patch("host", "f", f, lambda: None),
    )
    install(monkeypatch, "medpy", Host("host", "1.2", "1.3", rows))
    with compat.patched("medpy"):
        assert table == {host_f: "what it can do", f: "what it can do"}
    assert table == {host_f: "what it can do"}


def test_what_someone_else_has_put_there_stays(host: Any) -> None:
    def other(x: Any) -> str:
        return "other"

    compat.patch("medpy")
    host.f = other
    with pytest.warns(RuntimeWarning, match=r"host\.f was replaced by something else"):
        compat.unpatch()
    assert host.f is other
    assert host.inner.f is host_f
    assert not _patching.originals


def test_a_warning_that_is_an_error_leaves_nothing_behind(host: Any) -> None:
    compat.patch("medpy")
    host.inner.f = host_f
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            compat.unpatch()
    assert not is_patched(host)


def test_inherited_and_lazy_names_are_given_back_to_where_they_come_from(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.__getattr__ = lambda name: {"lazy": host_f}[name]
    rows = (Patch("host", "lazy", f), Patch("host.inner", "Derived.method", method))
    install(monkeypatch, "edt", Host("host", "1", "2", rows))
    with compat.patched("edt"):
        assert host.lazy is f
        assert (Derived().method(), Class().method()) == ("ours", "theirs")
    assert "lazy" not in vars(host)
    assert "method" not in vars(Derived)
    assert host.lazy is host_f


def test_status_tells_what_is_there(host: Any) -> None:
    assert [row.patched for row in compat.status("medpy")] == [False] * 3
    with compat.patched("medpy"):
        rows = compat.status("medpy")
        assert [row.patched for row in rows] == [True] * 3
        assert rows[0] == ("medpy", "host.inner.f", True, "1.2.3", ">=1.2, <1.3")
        host.f = host_f
        assert [row.patched for row in compat.status("medpy")] == [True, False, True]
        host.f = f
    lines = str(rows).splitlines()
    assert lines[0].split() == ["host", "replaces", "patched", "version", "tested"]
    assert lines[1].split() == ["medpy", "host.inner.f", "yes", "1.2.3", ">=1.2,", "<1.3"]


def test_other_names_come_from_the_host(host: Any) -> None:
    get = rest_of("host")
    host.g = 5
    assert get("g") == 5
    for missing in ("h", "__path__"):
        with pytest.raises(AttributeError):
            get(missing)
    with pytest.raises(AttributeError, match="no drop-in for no_such_host.g.*cannot be imported"):
        rest_of("no_such_host")("g")


# ---------------------------------------------------------------------------- the real ones


def drop_ins_of(name: str, installed: bool = True) -> Host:
    """The table of a host, where it is installed, or where its drop-ins can be imported."""
    try:
        patches: Host = importlib.import_module(f"fastseg.compat.{name}").PATCHES
    except ModuleNotFoundError as error:
        pytest.skip(f"{name}: {error}")
    if installed and patches.version() is None:
        pytest.skip(f"{patches.distribution} is not installed")
    return patches


def test_there_is_a_module_for_each_host_and_no_other() -> None:
    files = {path.stem for path in Path(compat.__path__[0]).glob("[!_]*.py")}
    assert files == set(compat.HOSTS)
    assert set(compat.HOSTS) <= set(dir(compat))
    assert compat.edt is importlib.import_module("fastseg.compat.edt")
    with pytest.raises(AttributeError, match="no attribute 'scipy'"):
        _ = compat.scipy


@pytest.mark.parametrize("name", compat.HOSTS)
def test_each_row_replaces_what_there_is_and_puts_it_back(name: str) -> None:
    patches = drop_ins_of(name)
    # SciPy comes with fastseg and may be newer than its drop-in was tested with
    version = patches.version()
    assert version is not None
    any_version = not patches.covers(version)
    assert name == "scipy_ndimage" or not any_version
    assert patches.rows
    places = [_patching.place(row.module, row.attribute) for row in patches.rows]
    before = [vars(owner).get(attribute, None) for owner, attribute in places]
    with compat.patched(name, any_version=any_version):
        for row, (owner, attribute) in zip(patches.rows, places, strict=True):
            assert vars(owner)[attribute] is row.replacement
            assert row.replacement.__module__.startswith("fastseg.compat.")  # so it pickles
    assert [vars(owner).get(attribute, None) for owner, attribute in places] == before


def test_importing_fastseg_and_compat_imports_no_host_and_changes_nothing(
    run_python: Callable[..., str],
) -> None:
    out = run_python(
        "import sys, scipy.ndimage\n"
        "before = scipy.ndimage.distance_transform_edt\n"
        "import fastseg, fastseg.compat\n"
        "from fastseg.compat import scipy_ndimage, edt, skimage\n"
        "assert scipy.ndimage.distance_transform_edt is before\n"
        "print(*sys.modules)\n"
    )
    assert not set(out.split()) & {"edt", "skimage", "SimpleITK", "torch", "monai", "medpy"}


@pytest.mark.parametrize("name", compat.HOSTS)
def test_the_documentation_has_a_row_with_the_tested_versions(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "compat.md").read_text(encoding="utf-8")
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    assert drop_ins_of(name, installed=False).tested in row
