"""compat.py itself: what differs is loud, what is absent is skipped, every host has calls."""

from types import SimpleNamespace

import numpy as np
import pytest

import fastseg
from benchmarks import compat
from benchmarks.compat_calls import HOSTS, Call


@pytest.fixture(autouse=True)
def threads_as_they_were():
    yield
    fastseg.set_num_threads(None)


def test_what_differs_is_an_error():
    exact, loose = (Call("", "f", lambda m: m.f(), relative=bound) for bound in (0.0, 1e-6))
    assert compat.agreement(exact, [1.0, np.nan], (1.0, np.nan)) == "equal to the bit"
    assert compat.agreement(loose, 1.0, 1.0 + 1e-7) == "within 1e-06"
    for call, theirs, ours in (
        (exact, 1.0, 1.0 + 1e-15),
        (loose, 1.0, 1.1),
        (loose, 1.0, np.nan),
        (loose, [], []),
        (loose, np.zeros(2), np.zeros(3)),
    ):
        with pytest.raises(AssertionError):
            compat.agreement(call, theirs, ours)
    with pytest.raises(ValueError, match="shorter"):
        compat.agreement(loose, [1.0, 2.0], [1.0])


def test_an_absent_host_is_skipped(monkeypatch):
    def calls(*masks):
        yield Call("no_such_host", "f", lambda m: m.f())

    monkeypatch.setitem(compat.HOSTS, "edt", calls)
    [line] = compat.rows(["edt"], side=8, seconds=0)
    assert line == "edt is skipped: No module named 'no_such_host'"


def test_a_run_writes_the_table(tmp_path):
    compat.main(
        ["--only", "scipy_ndimage", "--side", "16", "--seconds", "0", "--output", str(tmp_path)]
    )
    page = (tmp_path / "compat-part.md").read_text(encoding="utf-8")
    assert page.count("\n| scipy_ndimage | `distance_transform_edt(") == 3
    assert "scipy 1." in page


def test_every_host_has_calls_and_its_time_is_the_median(monkeypatch):
    assert set(HOSTS) == set(fastseg.compat.HOSTS)
    times = iter([5.0, 1.0, 9.0, 3.0, 7.0, 2.0])
    monkeypatch.setattr(compat, "timed", lambda call, module: next(times))
    monkeypatch.setattr(compat, "PAIRS", 3)
    monkeypatch.setattr(
        compat.importlib, "import_module", lambda name: SimpleNamespace(f=lambda: 1)
    )
    row = compat.measure("edt", Call("edt", "f", lambda m: m.f()), seconds=60)
    assert (row.theirs, row.ours, row.agreement) == (7.0, 2.0, "equal to the bit")
