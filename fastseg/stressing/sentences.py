"""What a table of errors amounts to, in sentences: what a metric does not see, and what to look at together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastseg.inputs.structures import label_text
from fastseg.results.display import BEST_KNOWN
from fastseg.stressing.rows import Stressed
from fastseg.stressing.sensitivity import fewest_that_see

#: shown where there are more metrics than a line takes, and asked first for what sees an error
WELL_KNOWN = (
    *(name for name in BEST_KNOWN if name != "iou"),
    "boundary_iou",
    "center_distance",
    "cl_dice",
    "betti_0_error",
    "hole_count_difference",
    "panoptic_quality",
)

#: what sentences tell of
_TOLD = ("dice", "volume_similarity", "hd95", "assd", "nsd")


def shown_metrics(metrics: Sequence[str]) -> list[str]:
    """Choose metrics for people: all if they are few, else the well-known ones."""
    known = [name for name in WELL_KNOWN if name in metrics]
    return known if known and len(metrics) > len(WELL_KNOWN) else list(metrics)


def sentence(
    one: Stressed, metrics: Sequence[str], made: Sequence[str], unseen: Mapping[str, Sequence[str]]
) -> str:
    """Say of a structure what well-known metrics do not see, and which few see most.

    Parameters
    ----------
    one : Stressed
    metrics : sequence of str
        All that were measured.
    made : sequence of str
        The errors that could be made.
    unseen : mapping
        Metric to the errors that it does not see.
    """
    told = [name for name in _TOLD if name in metrics] or shown_metrics(metrics)
    # one voxel far away is all that hd sees
    preferred = [name for name in WELL_KNOWN if name in metrics and name != "hd"] or metrics
    blind = [f"{name} does not see: {listed(unseen[name])}" for name in told if unseen[name]]
    seen = {name: [error for error in made if error not in unseen[name]] for name in preferred}
    best = fewest_that_see({name: found for name, found in seen.items() if found})
    covered = {error for name in best for error in seen[name]}
    rest = [error for error in made if error not in covered]
    what = "all errors" if not rest else f"all errors but {listed(rest)}"
    ends = "no metric sees any error"
    if not made:
        ends = "no error could be made"
    elif len(best) == 1:
        ends = f"{best[0]} alone sees {what}"
    elif best:
        ends = f"{', '.join(best[:-1])} and {best[-1]} together see {what}"
    return f"For {_called(one)} {'; '.join([*blind, ends])}."


def reasons(left_out: Mapping[str, Mapping[str, str]], errors: Sequence[str]) -> tuple[str, ...]:
    """Say in a sentence an error and a reason what could not be made of which structures in any severity.

    Parameters
    ----------
    left_out : mapping
        Structure to error to reason.
    errors : sequence of str
        In their order.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name, of_errors in left_out.items():
        for error, why in of_errors.items():
            found.setdefault((error, why), []).append(name)
    return tuple(
        f"Left out, {listed([error])} of {_shortly(found[error, why])}: {why}."
        for error, why in sorted(found, key=lambda one: errors.index(one[0]))
    )


def listed(errors: Sequence[str]) -> str:
    """Write names of errors."""
    return ", ".join(error.replace("_", " ") for error in errors)


def _shortly(names: Sequence[str], most: int = 12) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _called(one: Stressed) -> str:
    label = label_text(one.label)
    return f"label {label}" if one.name == label else f"{one.name} (label {label})"
