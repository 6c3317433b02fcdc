"""Names of structures and algorithms where a format takes few characters: changed, and still told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable


def safe_names(names: Iterable[str], allowed: str = r"\w.\- ") -> dict[str, str]:
    r"""Give each name as it may be written, with ``_`` for what may not; two names never become one.

    Parameters
    ----------
    names : iterable of str
    allowed : str
        The characters that may stand, as within brackets of a regular expression.

    Examples
    --------
    >>> safe_names(["liver", "1+2", "1_2", ""])
    {'liver': 'liver', '1+2': '1_2_2', '1_2': '1_2', '': '_'}
    """
    different = list(dict.fromkeys(names))
    found = {name: re.sub(f"[^{allowed}]", "_", name) or "_" for name in different}
    taken = {name for name in different if found[name] == name}  # these stay as they are
    for name, written in found.items():
        if written == name:
            continue
        unique, count = written, 1
        while unique in taken:
            count += 1
            unique = f"{written}_{count}"
        taken.add(unique)
        found[name] = unique
    return found
