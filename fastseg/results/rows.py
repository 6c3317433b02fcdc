"""One row of a table: a structure, or an instance, of one case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastseg.flags import NO_FLAGS, RaisedFlags
from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.structures import Label, label_text
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.metrics import canonical
from fastseg.results.attributes import NO_ATTRIBUTES
from fastseg.results.instance import COLUMNS as INSTANCE_COLUMNS
from fastseg.results.instance import Instance

#: what a row is about: a structure as a whole, or one of its instances
Level = Literal["structure", "instance"]


@dataclass(frozen=True)
class Row(Mapping[str, float]):
    """One structure of one case, or one of its instances: a mapping from metric names to values.

    Rows of one evaluation may have different metrics: what is measured of a structure alone is in no row of an
    instance, and the table leaves its cell empty.

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
    algorithm : str
        Whose prediction it is; "" where nothing names it.
    attributes : mapping
        What else is known of the case, as text: the further columns of a table of pairs, such as site or sex.
    instance : Instance or None
        Of the level "instance": its boxes, its centroids and how it was matched. Its ids stand in `reference_label`
        and `prediction_label`, `name` and `label` are those of the structure that it belongs to.
    flags : RaisedFlags
        Why its numbers should not be trusted by themselves.
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
    algorithm: str = ""
    attributes: Mapping[str, str] = NO_ATTRIBUTES
    instance: Instance | None = None
    flags: RaisedFlags = NO_FLAGS

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

    def to_dict(
        self,
        *,
        algorithm: bool | None = None,
        attributes: Iterable[str] | None = None,
        metrics: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """Give the row of the table, with the columns of :func:`columns`.

        Parameters
        ----------
        algorithm : bool, optional
            Whether there is a column for the algorithm; if it has a name, unless told otherwise.
        attributes : iterable of str, optional
            The attributes with a column: its own, unless told otherwise. What is not known of the case is "".
        metrics : iterable of str, optional
            Those of the table, which may be more than its own.
        """
        counts = self.counts
        names = self.attributes if attributes is None else attributes
        has_algorithm = bool(self.algorithm) if algorithm is None else algorithm
        return {
            **({"algorithm": self.algorithm} if has_algorithm else {}),
            "case": self.case,
            **{name: self.attributes.get(name, "") for name in names},
            "level": self.level,
            "label": _id(self.label),
            "name": self.name,
            "reference_label": _id(self.reference_label),
            "prediction_label": _id(self.prediction_label),
            **({} if self.instance is None else self.instance.to_dict()),
            **self.values_by_metric,
            "volume_reference": counts.reference * self.voxel_volume,
            "volume_prediction": counts.prediction * self.voxel_volume,
            **dict(zip(count_columns(metrics or self.values_by_metric), counts, strict=True)),
            "empty": self.empty,
            "empty_policy": self.empty_policy,
            "flags": str(self.flags),
        }


def columns(
    metrics: Sequence[str],
    *,
    algorithm: bool = False,
    attributes: Iterable[str] = (),
    instances: bool = False,
) -> list[str]:
    """Name the columns of a table of rows: what a row is, its metrics, its volumes and counts, what was empty.

    The algorithm stands first and the attributes right after the case, where there are any; what is known of instances
    alone stands before the metrics.
    """
    case = (*(["algorithm"] if algorithm else []), "case", *attributes)
    identity = ["level", "label", "name", "reference_label", "prediction_label"]
    if instances:
        identity += INSTANCE_COLUMNS
    sizes = ("volume_reference", "volume_prediction", *count_columns(metrics))
    return [*case, *identity, *metrics, *sizes, "empty", "empty_policy", "flags"]


def count_columns(metrics: Iterable[str]) -> tuple[str, ...]:
    """Name the columns of the counts of voxels: tp, or voxels_tp in a table with a score that is called tp."""
    taken = set(metrics)
    return tuple(f"voxels_{name}" if name in taken else name for name in Counts._fields)


def _id(label: Label | None) -> int | str | None:
    return label if label is None or isinstance(label, int) else label_text(label)
