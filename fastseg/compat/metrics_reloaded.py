"""Drop-in for ``BinaryPairwiseMeasures`` of MetricsReloaded (``MetricsReloaded.metrics.pairwise_measures``).

The class of MetricsReloaded's branch main, its count and distance measures under their names::

    from fastseg.compat.metrics_reloaded import BinaryPairwiseMeasures

Several branches and forks call themselves 0.1.0. This is main since November 2024, where ``positive_predictive_value``
and ``negative_predictive_value`` have no plural; the older names work too. ``axis=`` and ``smooth_dr=``, of the branch
monai-support, are a TypeError, and ``patch("metrics_reloaded")`` refuses what is not main.

Prediction first, reference second, as MetricsReloaded has it. Distances, percentiles and the boundary IoU are those of
MetricsReloaded to the bit, averages to a few units in the last place; where a measure is undefined, value and words of
the warning are MetricsReloaded's. All distance measures of an object share one computation. What differs on purpose:

* Counts are exact and ratios float64; MetricsReloaded sums float32 maps, which round beyond 2²⁴ voxels.
* Whole numbers other than 0 are inside; MetricsReloaded computes with them (a mask of 0 and 2 has a Dice of 0.667
  with itself). Fractions are a ValueError: a probability map needs a threshold first.
* Masks of different shapes, and a `pixdim` that is not positive and finite, are always a ValueError.
* Nothing is printed, and no warning says that an option keeps its default.

As in MetricsReloaded `connectivity_type` does not matter (borders are those of face neighbours), and the boundary IoU
is measured in voxels whatever `pixdim` is. Skeletons are scikit-image's: those of volumes are made here, those of
planes, which are Zhang's, by scikit-image. What the class has beside (``border_distance`` …) is left to
MetricsReloaded; without it that is an AttributeError.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from fastseg.compat._support.patching import Host, Patch, host_function, rest_of
from fastseg.compat._support.reloaded import (
    boundary_iou,
    empty_masks,
    fn,
    fp,
    masks_of,
    measured_distance,
    normalised_surface_distance,
    skeleton_versions,
    spacing_of,
    tn,
    tp,
)
from fastseg.compat._support.reloaded_counts import CountMeasures, undefined

__all__ = ["BinaryPairwiseMeasures"]

_MODULE = "MetricsReloaded.metrics.pairwise_measures"
_SOURCE = "MetricsReloaded's branch main (github.com/Project-MONAI/MetricsReloaded, since 2024-11)"

__getattr__ = rest_of(_MODULE)


class BinaryPairwiseMeasures(CountMeasures):
    """Measures of a predicted mask against its reference.

    Parameters
    ----------
    pred, ref : array_like
        Masks of one shape: bool, or whole numbers, of which all but 0 are inside.
    measures : sequence of str, optional
        What :meth:`to_dict_meas` gives; None stands for all of `measures_dict`.
    connectivity_type : int
        Without effect, as in MetricsReloaded.
    pixdim : float or sequence of float, optional
        Voxel size along each array axis. Default 1.
    empty : bool
        Kept as ``flag_empty``; without effect, as in MetricsReloaded.
    dict_args : mapping
        Options: "hd_perc" (95), "nsd" (1), "boundary_dist" (1), "beta" (1), "exchange_rate" (1), "cost_fn", "cost_fp".

    Raises
    ------
    ValueError
        By a measure, for different shapes and for fractions.
    RuntimeError
        By a distance measure, for a pixdim of another length.
    TypeError
        For an argument of another branch.
    AttributeError
        For what is neither here nor in an installed MetricsReloaded.

    Warns
    -----
    UserWarning
        By a measure that is undefined, in MetricsReloaded's words.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.metrics_reloaded import BinaryPairwiseMeasures
    >>> reference = np.zeros((9, 9), int); reference[2:6, 2:6] = 1
    >>> prediction = np.roll(reference, 1, axis=0)
    >>> found = BinaryPairwiseMeasures(prediction, reference, ["dsc", "hd"], pixdim=[2, 1]).to_dict_meas()
    >>> {name: float(value) for name, value in found.items()}
    {'dsc': 0.75, 'hd': 2.0}
    """

    def __init__(
        self,
        pred: Any,
        ref: Any,
        measures: Sequence[str] | None = (),
        connectivity_type: int = 1,
        pixdim: float | Sequence[float] | None = None,
        empty: bool = False,
        dict_args: Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise TypeError(
                f"BinaryPairwiseMeasures got an unexpected keyword argument {next(iter(unknown))!r}: this is the class "
                f"of {_SOURCE}; axis= and smooth_dr= are of its branch monai-support"
            )
        self.measures_dict: dict[str, tuple[Callable[[], Any], str]] = {
            "numb_ref": (self.n_pos_ref, "NumbRef"),
            "numb_pred": (self.n_pos_pred, "NumbPred"),
            "numb_tp": (self.n_intersection, "NumbTP"),
            "numb_fp": (self.fp, "NumbFP"),
            "numb_fn": (self.fn, "NumbFN"),
            "accuracy": (self.accuracy, "Accuracy"),
            "nb": (self.net_benefit_treated, "NB"),
            "ec": (self.normalised_expected_cost, "ECn"),
            "ba": (self.balanced_accuracy, "BalAcc"),
            "cohens_kappa": (self.cohens_kappa, "CohensKappa"),
            "lr+": (self.positive_likelihood_ratio, "LR+"),
            "iou": (self.intersection_over_union, "IoU"),
            "fbeta": (self.fbeta, "FBeta"),
            "dsc": (self.dsc, "DSC"),
            "youden_ind": (self.youden_index, "YoudenInd"),
            "ppv": (self.positive_predictive_value, "PPV"),
            "npv": (self.negative_predictive_value, "NPV"),
            "ior": (self.intersection_over_reference, "IoR"),
            "sensitivity": (self.sensitivity, "Sens"),
            "specificity": (self.specificity, "Spec"),
            "mcc": (self.matthews_correlation_coefficient, "MCC"),
            "cldice": (self.centreline_dsc, "CentreLineDSC"),
            "assd": (self.measured_average_distance, "ASSD"),
            "boundary_iou": (self.boundary_iou, "BoundaryIoU"),
            "hd": (self.measured_hausdorff_distance, "HD"),
            "hd_perc": (self.measured_hausdorff_distance_perc, "HDPerc"),
            "masd": (self.measured_masd, "MASD"),
            "nsd": (self.normalised_surface_distance, "NSD"),
            "avdr": (self.absolute_volume_difference_ratio, "AVDR"),
        }
        self.pred = pred
        self.ref = ref
        self.measures = self.measures_dict if measures is None else measures
        self.connectivity = connectivity_type
        self.pixdim = pixdim
        self.flag_empty = empty
        self.dict_args = {} if dict_args is None else dict_args

    def to_dict_meas(self, fmt: str = "{:.4f}") -> dict[str, Any]:
        """The measures asked for, by name; `fmt` is without effect, as in MetricsReloaded."""
        return {name: self.measures_dict[name][0]() for name in self.measures}

    # ----------------------------------------------------------------------------------- distances

    measured_distance = measured_distance
    normalised_surface_distance = normalised_surface_distance
    boundary_iou = boundary_iou

    def measured_hausdorff_distance(self) -> float:
        """Hausdorff distance, see :meth:`measured_distance`."""
        return self.measured_distance()[0]

    def measured_average_distance(self) -> float:
        """Average symmetric surface distance, pooled, see :meth:`measured_distance`."""
        return self.measured_distance()[1]

    def measured_hausdorff_distance_perc(self) -> float:
        """Percentile of the Hausdorff distance, see :meth:`measured_distance`."""
        return self.measured_distance()[2]

    def measured_masd(self) -> float:
        """Mean average surface distance, see :meth:`measured_distance`."""
        return self.measured_distance()[3]

    def com_ref(self) -> Any:
        """Centre of mass of the reference, in voxels; -1, with a warning, if it is empty."""
        if not self.n_pos_ref():
            return undefined("Empty reference - centre of mass not defined", -1)
        return ndimage.center_of_mass(masks_of(self)[0])

    def com_pred(self) -> Any:
        """Centre of mass of the prediction, in voxels; -1, with a warning, if it is empty."""
        if not self.n_pos_pred():
            return undefined("Empty prediction - centre of mass not defined", -1)
        return ndimage.center_of_mass(masks_of(self)[1])

    def com_dist(self) -> float:
        """Distance of the centres of mass, in the units of `pixdim`; -1, with a warning, if a mask is empty."""
        if empty_masks(self):
            return undefined(
                "Impossible to calculate distance between centre of masses as either reference of prediction is empty",
                -1,
            )
        apart = np.subtract(self.com_ref(), self.com_pred())
        distance: float = np.sqrt(np.sum(np.square(apart * spacing_of(self))))
        return distance

    # ----------------------------------------------------------------------------------- skeletons

    skeleton_versions = skeleton_versions

    def topology_precision(self) -> float:
        """Share of the prediction's skeleton that is in the reference; nan if there is none."""
        _, skeleton = self.skeleton_versions()
        share: float = np.sum(skeleton & masks_of(self)[0]) / np.sum(skeleton)
        return share

    def topology_sensitivity(self) -> float:
        """Share of the reference's skeleton that is in the prediction; nan if there is none."""
        skeleton, _ = self.skeleton_versions()
        share: float = np.sum(skeleton & masks_of(self)[1]) / np.sum(skeleton)
        return share

    def centreline_dsc(self) -> float:
        """Centre line Dice, the harmonic mean of topology precision and sensitivity; nan where one is or both are 0."""
        precision, sensitivity = self.topology_precision(), self.topology_sensitivity()
        return 2 * sensitivity * precision / (sensitivity + precision)

    # ------------------------------------------------------------------------- MetricsReloaded's own

    def _theirs(self, wanted: str) -> Any:
        """Give an object of MetricsReloaded's class, over the same masks and with the same options."""
        kind = host_function(_MODULE, "BinaryPairwiseMeasures", wanted, BinaryPairwiseMeasures)
        held = vars(self)
        if type(held.get("_host")) is not kind:
            arguments = (self.measures, self.connectivity, self.pixdim, self.flag_empty)
            held["_host"] = kind(self.pred, self.ref, *arguments, self.dict_args)
        host = held["_host"]
        host.pixdim, host.dict_args = self.pixdim, self.dict_args
        return host

    def __getstate__(self) -> dict[str, Any]:
        """Leave MetricsReloaded's object out, which does not pickle."""
        return {name: held for name, held in vars(self).items() if name != "_host"}

    def __getattr__(self, name: str) -> Any:
        """Look up what MetricsReloaded's class has beside what is here, if it is installed."""
        if name.startswith("__") or "dict_args" not in vars(self):
            raise AttributeError(name)
        try:
            host = self._theirs(f"BinaryPairwiseMeasures.{name}")
        except ImportError as error:
            raise AttributeError(f"{error}: {_SOURCE}") from error
        return getattr(host, name)


# ---------------------------------------------------------------------------------------- the host

_PARAMETERS = ("pred", "ref", "measures", "connectivity_type", "pixdim", "empty", "dict_args")
#: what main has, and what earlier and other branches lack
_MARKS = ("measured_distance", "positive_predictive_value", "absolute_volume_difference_ratio")


def _not_main() -> str | None:
    """Say by what the installed MetricsReloaded is not main: they all call themselves 0.1.0."""
    kind = getattr(importlib.import_module(_MODULE), "BinaryPairwiseMeasures", None)
    parameters = tuple(inspect.signature(kind).parameters) if kind is not None else ()
    missing = [name for name in _MARKS if not hasattr(kind, name)]
    found = []
    if parameters != _PARAMETERS:
        found.append(f"takes ({', '.join(parameters)})"[:200])
    if missing:
        found.append(f"lacks {', '.join(missing)}")
    if not found:
        return None
    return (
        f"the drop-ins are for {_SOURCE}, and what is installed is another MetricsReloaded of the same version: its "
        f"BinaryPairwiseMeasures {' and '.join(found)}"
    )


# It has no releases: its source calls itself 0.1.0 since 2022.
PATCHES = Host(
    distribution="MetricsReloaded",
    since="0.1",
    until="0.2",
    rows=tuple(
        Patch(_MODULE, f"BinaryPairwiseMeasures.{function.__name__}", function)
        for function in (
            tp,
            fp,
            fn,
            tn,
            measured_distance,
            normalised_surface_distance,
            boundary_iou,
            skeleton_versions,
        )
    ),
    differs=_not_main,
)
