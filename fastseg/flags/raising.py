"""Flags raised of the structures of a case: when somebody looks, and then of all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastseg.flags.facts import CaseFacts
from fastseg.flags.raised import NO_FLAGS, RaisedFlag, RaisedFlags
from fastseg.flags.registry import Chosen, find


def flags_of(facts: Callable[[], CaseFacts], chosen: Chosen, n: int) -> list[RaisedFlags]:
    """Give the flags of each of n structures; nothing is measured before one of them is looked at."""
    if not chosen:
        return [NO_FLAGS] * n
    find = _Found(facts, chosen).of
    return [RaisedFlags((), find, place) for place in range(n)]


class _Found:
    """The flags of a case, found at once."""

    def __init__(self, facts: Callable[[], CaseFacts], chosen: Chosen) -> None:
        self._facts: Callable[[], CaseFacts] | None = facts
        self._chosen, self._raised = chosen, list[list[RaisedFlag]]()

    def of(self, place: int) -> Sequence[RaisedFlag]:
        """Give those of one structure."""
        known = self._facts
        if known is not None:
            facts = known()
            raised: list[list[RaisedFlag]] = [[] for _ in facts.structures]
            for name, threshold in self._chosen:
                measured = find(name).function(facts)
                for row in (measured > threshold).nonzero()[0].tolist():
                    raised[row].append(RaisedFlag.of(name, measured[row]))
            # what was measured may be large, and is let go; two threads that come here at once find the same
            self._raised, self._facts = raised, None
        return self._raised[place]
