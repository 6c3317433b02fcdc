"""Drop-ins are tested on hosts that are left as they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fastseg import compat
from fastseg.compat._support import switch as _switch


@pytest.fixture(autouse=True)
def hosts_as_they_were() -> Iterator[None]:
    """No test starts or ends with a patched host."""
    assert not _switch.patched_hosts()
    yield
    left = _switch.patched_hosts()
    compat.unpatch()
    assert not left, f"still patched after the test: {left}"
