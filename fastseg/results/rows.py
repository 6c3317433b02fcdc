"""One row of a table: a structure, or an instance, of one case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.structures import Label, label_text
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.metrics import canonical

#: what a row is about: a structure as a whole, or one of its instances
Level = Literal["structure", "instance"]


@dataclass(frozen=True)
class Row(Mapping[str, float]):
    """One structure of one case: a mapping from metric names to values.

    Attributes
    ----------
    case, name : str
        Names of the case and of the structure.
    label : int or tuple of int
        The label, or the labels of a region, as it was asked for.
    reference_label, prediction_label : int, tuple of int or None
        Its ids on either side: the label's own unless the maps are numbered differently; None where there is none.
    values_by_metric : dict
        Metric name to float.
    counts : Counts
        TP, FP, FN, TN.
    voxel_volume : float
        Volume of a voxel, in the units of the spacing.
    empty : {"", "reference", "prediction", "both"}
        Which of the masks is empty.
    empty_policy : str
        The policy that decided on undefined values, "" if neither mask is empty.
    level : {"structure", "instance"}
    """

    case: str
    label: Label
    name: str
    reference_label: Label | None
    prediction_label: Label | None
    values_by_metric: Mapping[str, float]
    counts: Counts
    voxel_volume: float
    empty: Empty
    empty_policy: str
    level: Level = "structure"

    def __getitem__(self, metric: str) -> float:
        try:
            return self.values_by_metric[metric]
        except KeyError:
            one_name = canonical(metric) if isinstance(metric, str) else metric
            if one_name in self.values_by_metric:
                return self.values_by_metric[one_name]
            raise KeyError(
                f"{metric!r} was not evaluated; {did_you_mean(metric, self.values_by_metric)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_metric)

    def __len__(self) -> int:
        return len(self.values_by_metric)

    def to_dict(self) -> dict[str, Any]:
        """Give the row of the table, with the columns of :func:`columns`."""
        counts = self.counts
        return {
            "case": self.case,
            "level": self.level,
            "label": _id(self.label),
            "name": self.name,
            "reference_label": _id(self.reference_label),
            "prediction_label": _id(self.prediction_label),
            **self.values_by_metric,
            "volume_reference": counts.reference * self.voxel_volume,
            "volume_prediction": counts.prediction * self.voxel_volume,
            **counts._asdict(),
            "empty": self.empty,
            "empty_policy": self.empty_policy,
        }


def columns(metrics: Sequence[str]) -> list[str]:
    """Name the columns of a table of rows: what a row is, its metrics, its volumes and counts, what was empty."""
    identity = ("case", "level", "label", "name", "reference_label", "prediction_label")
    sizes = ("volume_reference", "volume_prediction", *Counts._fields)
    return [*identity, *metrics, *sizes, "empty", "empty_policy"]


def _id(label: Label | None) -> int | str | None:
    return label if label is None or isinstance(label, int) else label_text(label)
