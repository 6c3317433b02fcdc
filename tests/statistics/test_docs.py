"""What docs/statistics.md shows is what comes out."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


def test_the_page_of_statistics_holds() -> None:
    pytest.importorskip("pandas")
    results = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert results.attempted > 15
    assert results.failed == 0
