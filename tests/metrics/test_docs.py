"""What docs/shape.md and docs/accuracy.md show is what comes out."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["shape.md", "accuracy.md"])
def test_the_page_holds(page: str) -> None:
    results = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert results.attempted > 4
    assert results.failed == 0
