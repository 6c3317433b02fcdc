"""What docs/plots.md draws can be drawn, and it draws every figure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fastseg import plots

PAGE = Path(__file__).parents[2] / "docs" / "plots.md"


@pytest.mark.slow
def test_the_page_of_figures_holds() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    blocks = re.findall(r"```\{fastseg-figure\}\n(.*?)```", text, flags=re.DOTALL)
    for block in blocks:
        exec(block, names)
        assert plots.figure_svg(names["ax"].figure).startswith("<svg")
    assert len(blocks) == 9
    [last] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(last, names)
    assert "Dice of two organs" in names["svg"]
