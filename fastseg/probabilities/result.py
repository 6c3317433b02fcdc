"""What ``evaluate_probabilities()`` returns: rows as of any evaluation, and two curves of each structure."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from fastseg.inputs.figures import draw
from fastseg.inputs.structures import Label
from fastseg.results import Evaluation
from fastseg.results.files import csv_text, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Records = list[dict[str, Any]]

_OF_RELIABILITY = ("low", "high", "voxels", "positives", "confidence", "frequency")


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
        Of each structure by the name of its case and its own; :meth:`reliability` and :meth:`dice_curve` look them up.
    pooled : ProbabilityEvaluation or None
        Of a cohort: the voxels of all its cases as if they were of one.
    """

    curves: Mapping[tuple[str, str], Curves] = field(default_factory=dict, compare=False)
    pooled: ProbabilityEvaluation | None = field(default=None, compare=False)

    def reliability(
        self, structure: Label | str | None = None, *, case: str | None = None
    ) -> Records:
        """Give the reliability table: how often voxels of each range of probability are in the structure.

        Parameters
        ----------
        structure : str, int or tuple of int, optional
            Its name or label; not needed where there is one.
        case : str, optional
            Of a cohort, the name of a case.

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
        return self._curves(structure, case).reliability

    def dice_curve(
        self, structure: Label | str | None = None, *, case: str | None = None
    ) -> Records:
        """Give the Dice coefficient of p ≥ threshold for thresholds 0, 1/128, …, 1, with exact counts.

        Parameters
        ----------
        structure : str, int or tuple of int, optional
            Its name or label; not needed where there is one.
        case : str, optional
            Of a cohort, the name of a case.

        Returns
        -------
        list of dict
            ``threshold``, ``dice``, ``tp``, ``fp``, ``fn``.

        Raises
        ------
        KeyError
            If there is no such structure.
        """
        return self._curves(structure, case).dice

    @property
    def undefined(self) -> tuple[tuple[str, str, str, str], ...]:
        """Case, structure, score and reason of what is nan because the reference has voxels of one kind alone."""
        found = []
        for row in self.rows:
            tp, fp, fn, tn = row.counts
            nobody = not (tp or fn), not (fp or tn)
            why = "no voxel that counts is "
            if all(nobody):
                found.append((row.case, row.name, "all", "no voxel counts"))
            elif nobody[0]:
                names = ("roc_auc", "average_precision", "best_dice")
                found += [(row.case, row.name, name, f"{why}in the structure") for name in names]
            elif nobody[1]:
                found.append((row.case, row.name, "roc_auc", f"{why}outside of the structure"))
        return tuple(found)

    def reliability_table(self) -> list[dict[str, Any]]:
        """Give the reliability tables of all cases and structures as one, with ``case`` and ``structure`` in front.

        Those of :attr:`pooled` come last, as of the case ``"pooled"``.
        """
        records = [
            {"case": case, "structure": name, **record}
            for (case, name), curves in self.curves.items()
            for record in curves.reliability
        ]
        return records + ([] if self.pooled is None else self.pooled.reliability_table())

    def reliability_to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write :meth:`reliability_table` as CSV.

        Parameters
        ----------
        path : str or path-like, optional
            The file to write.

        Returns
        -------
        str
            The text.
        """
        names = ("case", "structure", *_OF_RELIABILITY)
        records = self.reliability_table()
        return written(csv_text(names, records), path)

    def plot(self, kind: str = "reliability", **options: Any) -> Axes:
        """Draw a figure with matplotlib, which the extra ``plots`` installs.

        Parameters
        ----------
        kind : {"reliability", "box"}
            A function of :mod:`fastseg.plots`, which says what is drawn.
        **options
            Its own, as ``structure="liver"`` and ``ax=…``.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError, TypeError
            For another kind, and for options that it does not have.
        ImportError
            Without matplotlib.
        """
        return draw(self, "ProbabilityEvaluation", kind, options)

    def _curves(self, structure: Label | str | None, case: str | None) -> Curves:
        rows = self.rows if case is None else self.case(case).rows
        if structure is not None:
            row = self.row(structure) if case is None else self.case(case).row(structure)
        elif len(rows) == 1:
            [row] = rows
        else:
            names = ", ".join(repr(name) for name in dict.fromkeys(row.name for row in rows))
            cases = f" of {len(self.cases)} cases" if len(self.cases) > 1 and case is None else ""
            raise KeyError(f"{len(rows)} structures{cases}, {names[:200]}; name one of them")
        return self.curves[row.case, row.name]


def ratio(part: float, whole: float) -> float:
    """Divide; nan where there is nothing to divide by."""
    return part / whole if whole else math.nan
