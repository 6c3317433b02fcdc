"""Lines of C libraries are kept off the terminal, and those of others are not."""

from __future__ import annotations

import os
import re

import pytest

from fastseg.io.quiet import without_lines


def test_only_lines_of_the_library_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), without_lines(re.compile("library:")):
        os.write(2, b"library: something is wrong\nsomebody else\nlibrary: again\n")
        raise KeyError
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "somebody else\nafterwards\n"


def test_a_closed_terminal_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(descriptor: int) -> int:
        raise OSError(descriptor)

    monkeypatch.setattr(os, "dup", closed)
    with without_lines(re.compile("x")):
        pass
