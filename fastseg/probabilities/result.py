"""What ``evaluate_probabilities()`` returns: rows as of any evaluation, and two curves of each structure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastseg.inputs.structures import Label
from fastseg.results import Evaluation

Records = list[dict[str, Any]]


class Curves(NamedTuple):
    """The curves of a structure, as rows of two tables."""

    reliability: Records
    dice: Records


@dataclass(frozen=True)
class ProbabilityEvaluation(Evaluation):
    """Scores of the probabilities of each structure.

    Attributes
    ----------
    rows, metrics, settings, failures
        As of any :class:`Evaluation`; `counts` are those of p ≥ 0.5.
    curves : mapping
        Of each structure by its name; :meth:`reliability` and :meth:`dice_curve` look them up.
    """

    curves: Mapping[str, Curves] = field(default_factory=dict, compare=False)

    def reliability(self, structure: Label | str | None = None) -> Records:
        """Give the reliability table: how often voxels of each range of probability are in the structure.

        Parameters
        ----------
        structure : str, int or tuple of int, optional
            Its name or label; not needed where there is one.

        Returns
        -------
        list of dict
            A row each range: ``low``, ``high``, ``voxels``, ``positives``, ``confidence`` (mean probability) and
            ``frequency`` (share of positives), both nan where there is no voxel.

        Raises
        ------
        KeyError
            If there is no such structure.
        """
        return self._curves(structure).reliability

    def dice_curve(self, structure: Label | str | None = None) -> Records:
        """Give the Dice coefficient of p ≥ threshold for thresholds 0, 1/128, …, 1, with exact counts.

        Parameters
        ----------
        structure : str, int or tuple of int, optional
            Its name or label; not needed where there is one.

        Returns
        -------
        list of dict
            ``threshold``, ``dice``, ``tp``, ``fp``, ``fn``.

        Raises
        ------
        KeyError
            If there is no such structure.
        """
        return self._curves(structure).dice

    def _curves(self, structure: Label | str | None) -> Curves:
        if structure is None:
            if len(self.rows) != 1:
                names = ", ".join(repr(row.name) for row in self.rows)
                raise KeyError(f"{len(self.rows)} structures, {names[:200]}; name one of them")
            return self.curves[self.rows[0].name]
        return self.curves[self.row(structure).name]


def ratio(part: float, whole: float) -> float:
    """Divide; nan where there is nothing to divide by."""
    return part / whole if whole else math.nan
