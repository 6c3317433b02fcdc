"""Several algorithms against one folder of references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastseg.cohort.folders import StrPath, nfc, printable
from fastseg.cohort.outcomes import Case
from fastseg.cohort.pair_table import is_table
from fastseg.cohort.pairing import Missing, Pairing, find_pairs, natural
from fastseg.errors import InputError


def pair_algorithms(
    reference: StrPath,
    predictions: Mapping[str, StrPath],
    *,
    missing: Missing = "worst",
    **how: Any,
) -> Pairing:
    """Pair one folder of references with the predictions of each of several algorithms.

    Parameters
    ----------
    reference : str or path-like
        A folder.
    predictions : mapping of str to path
        The name of an algorithm, and the folder of its predictions.
    missing : {"worst", "skip", "error"}
    **how
        As for :func:`fastseg.cohort.pairing.find_pairs`.

    Returns
    -------
    Pairing
        Its cases are ordered by references, so that each may be read once for all algorithms. Those of
        one reference stand in the order of the algorithms.

    Raises
    ------
    ValueError
        If an algorithm has no name, if two have the same, or none is given; and as `find_pairs` does.
    """
    if is_table(reference):
        raise InputError(
            f"{reference}: a table of pairs names the algorithms in its column algorithm, and takes no folders"
        )
    if not predictions:
        raise InputError("prediction: expected at least one algorithm and its folder")
    whole: list[Case] = []
    lonely: list[Case] = []
    notes: list[str] = []
    extra = []
    for name, folder in predictions.items():
        algorithm = printable(nfc(str(name))).strip()
        if not algorithm:
            raise InputError(f"prediction: the algorithm of {folder} has no name")
        if any(case.algorithm == algorithm for case in whole):
            raise InputError(f"prediction: two algorithms are called {algorithm!r:.200}")
        try:
            found = find_pairs(reference, folder, missing=missing, **how)
        except InputError as error:
            raise InputError(f"{algorithm}: {error}") from error
        cases = [case._replace(algorithm=algorithm) for case in found.cases]
        whole += cases
        lonely += [case._replace(algorithm=algorithm) for case in found.missing]
        notes += [f"{algorithm}: {note}" for note in found.notes]
        extra += found.only_prediction
    # stable: algorithms stay in their order within a case
    ordered = sorted(whole, key=lambda case: natural(case.name))
    return Pairing(ordered, lonely, extra, notes, missing)
