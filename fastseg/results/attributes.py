"""What is known of a case beside its maps, as a mapping that does not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Attributes(Mapping[str, str]):
    """A mapping of names to texts that never changes, and can be pickled and hashed."""

    __slots__ = ("_held",)

    def __init__(self, held: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._held = dict(held)

    def __getitem__(self, name: str) -> str:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __hash__(self) -> int:
        return hash(frozenset(self._held.items()))

    def __repr__(self) -> str:
        return repr(self._held)


NO_ATTRIBUTES = Attributes()
