"""What was raised of a row: the names of flags, and what each of them measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


def rounded(measured: float) -> float:
    """Round what a flag measured to four digits, as tables have it."""
    return float(f"{measured:.4g}")


class RaisedFlag(NamedTuple):
    """A flag that was raised of a row.

    Attributes
    ----------
    name : str
        See :func:`fastseg.list_flags`, which tells what is measured and what it means.
    measured : float
        Beyond the threshold, rounded to four digits.
    """

    name: str
    measured: float

    @classmethod
    def of(cls, name: str, measured: float) -> RaisedFlag:
        """Round what was measured."""
        return cls(name, rounded(measured))

    def __str__(self) -> str:
        return f"{self.name}={self.measured:g}"


class RaisedFlags:
    """The flags of a row, which are found when somebody looks; equal, hashed and pickled as what was found.

    Parameters
    ----------
    held : iterable of RaisedFlag
    find : callable, optional
        Gives them instead, once, for a place among others.
    place : int

    Examples
    --------
    >>> flags = RaisedFlags([RaisedFlag("small_structure", 0.04)])
    >>> str(flags), "small_structure" in flags, RaisedFlags.from_text(str(flags)) == flags
    ('small_structure=0.04', True, True)
    """

    __slots__ = ("_find", "_held", "_place")

    def __init__(
        self,
        held: Iterable[RaisedFlag] = (),
        find: Callable[[int], Iterable[RaisedFlag]] | None = None,
        place: int = 0,
    ) -> None:
        self._held, self._find, self._place = tuple(held), find, place

    def _found(self) -> tuple[RaisedFlag, ...]:
        find = self._find  # another thread may be done with it meanwhile, and has found the same
        if find is not None:
            self._held, self._find = tuple(find(self._place)), None
        return self._held

    def __getitem__(self, place: int) -> RaisedFlag:
        return self._found()[place]

    def __len__(self) -> int:
        return len(self._found())

    def __iter__(self) -> Iterator[RaisedFlag]:
        return iter(self._found())

    def __contains__(self, flag: object) -> bool:
        """Tell whether a flag was raised, by its name or as a whole."""
        return any(flag in (one, one.name) for one in self._found())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RaisedFlags) and self._found() == other._found()

    def __hash__(self) -> int:
        return hash(self._found())

    def __repr__(self) -> str:
        return f"RaisedFlags({list(self._found())!r})"

    def __str__(self) -> str:
        return " ".join(map(str, self._found()))

    def __reduce__(self) -> tuple[Any, ...]:
        return RaisedFlags, (self._found(),)

    @classmethod
    def from_text(cls, text: str) -> RaisedFlags:
        """Read what ``str`` gave.

        Raises
        ------
        ValueError
            For any other text.
        """
        if not text:
            return NO_FLAGS
        parts = [part.partition("=") for part in text.split(" ")]
        return cls(RaisedFlag(name, float(measured)) for name, _, measured in parts)


NO_FLAGS = RaisedFlags()
