"""What a protocol is run with: its organiser's values unless overridden, and which of its quirks hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Options:
    """Values by name, ``options["dilation"]``, and quirks, ``options.quirk("false-positives-any-size")``.

    Attributes
    ----------
    values : mapping
    quirks : mapping of str to bool
        All that the protocol has, and whether each holds.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    quirks: Mapping[str, bool] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def quirk(self, name: str) -> bool:
        """Tell whether a quirk holds."""
        return self.quirks[name]
