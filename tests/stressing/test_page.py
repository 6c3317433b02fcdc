"""The page of errors is what is made of the code."""

from __future__ import annotations

import pytest

from docs import make_stress


@pytest.mark.slow
def test_the_page_of_errors_is_what_is_made() -> None:
    remedy = "run python docs/make_stress.py"
    expected = make_stress.page(make_stress.result())
    assert make_stress.PAGE.read_text(encoding="utf-8") == expected, remedy
