"""What is said of a name that is none of the known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from fastseg.errors import InputError
from fastseg.inputs.scalars import shown


def unknown(
    argument: str,
    given: object,
    known: Iterable[object],
    what: str = "",
    also: Iterable[object] = (),
) -> InputError:
    """Make the error for a value that is none of the known ones: it names the nearest of them, or all.

    Parameters
    ----------
    argument : str
        What the caller knows it as.
    given : object
    known : iterable
    what : str
        The kind of value, where the argument's name does not tell it.
    also : iterable
        What is understood too, such as synonyms: named where it is near, not listed otherwise.

    Examples
    --------
    >>> print(unknown("boundary", "voxle", ["voxel", "surfel"]))
    boundary: unknown 'voxle'; did you mean 'voxel'?
    """
    kind = f"{what} " if what else ""
    return InputError(
        f"{argument}: unknown {kind}{shown(given)}; {did_you_mean(given, known, also)}"
    )


def did_you_mean(wrong: object, known: Iterable[object], also: Iterable[object] = ()) -> str:
    """Write the end of an error message: the nearest valid names, or all of the known ones."""
    names = [str(name) for name in known]
    near = [*names, *map(str, also)]
    close = difflib.get_close_matches(str(wrong)[:200], near, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(repr(name) for name in close)}?"
    shown_names = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
    return f"known: {shown_names or 'none'}"
