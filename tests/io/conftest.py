"""What reading is tested with: either library that unzips."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(params=["zlib-ng", "standard library"])
def unzip(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unzip with what is installed, and then with Python's own."""
    if request.param == "standard library":
        monkeypatch.setitem(sys.modules, "zlib_ng.gzip_ng", None)
