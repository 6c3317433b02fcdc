"""What is said of shapes that cannot be meant: which axis is too many, and what becomes of it."""

from __future__ import annotations

from fastseg.errors import InputError

Shape = tuple[int, ...]

_MOST_AXES = 3


def too_many_axes(shape: Shape, name: str) -> InputError:
    """Make the error for a label map of more than three axes.

    Axes of one entry are dropped; an axis of channels is a one-hot array's, unless it is a batch.
    """
    shape = tuple(shape)
    return InputError(
        f"{name}: expected a label map of 1 to 3 axes, got shape {shape}; {_advice(shape)}"
    )


def _advice(shape: Shape) -> str:
    single = _outer_axes(shape)
    left = [axis for axis in range(len(shape)) if axis not in single]
    squeeze = f"drop {_squeeze(single, len(shape))}" if single else ""
    if len(left) <= _MOST_AXES:
        behind_a_batch = shape[0] > 1 and 1 in single
        cases = "; if axis 0 is a batch, compare its cases one by one" if behind_a_batch else ""
        return squeeze + cases
    counts = [shape[axis] for axis in left]
    # the shorter end: (C, z, y, x) or (z, y, x, C)
    axis = 0 if counts[0] <= counts[-1] else len(left) - 1
    fold = f"if it is one-hot, take the argmax over its {counts[axis]} channels, argmax({axis})"
    if squeeze:
        fold = f"{squeeze}; {fold} of what is left"
    return f"{fold}; channels that overlap, a batch or a series need one call for each"


def _outer_axes(shape: Shape) -> list[int]:
    """List the axes of one entry at either end, and the axis of channels behind a batch: (B, 1, z, y, x)."""
    ndim = len(shape)
    front = next((axis for axis in range(ndim) if shape[axis] != 1), ndim - 1)
    behind = next((axis for axis in range(ndim) if shape[ndim - 1 - axis] != 1), 0)
    outer = {*range(front), *range(ndim - behind, ndim)}
    return sorted(outer | ({1} if shape[1] == 1 and ndim - len(outer) > _MOST_AXES else set()))


def _squeeze(axes: list[int], ndim: int) -> str:
    """Say which axes have one entry, and how they are dropped."""
    if len(axes) == 1:
        index = {0: "array[0]", ndim - 1: "array[..., 0]"}.get(axes[0], f"array.squeeze({axes[0]})")
        squeeze = "" if "squeeze" in index else f", or squeeze({axes[0]})"
        return f"axis {axes[0]}, which has one entry, with {index}{squeeze}"
    return f"axes {', '.join(map(str, axes))}, which have one entry, with squeeze({tuple(axes)})"


def hint_for_shapes(reference: Shape, prediction: Shape) -> str:
    """Say what may have gone wrong where two shapes differ, as the end of a message; "" where nothing suggests itself.

    Examples
    --------
    >>> hint_for_shapes((4, 5, 6), (1, 4, 5, 6))
    '; drop axis 0 of the prediction, which has one entry, with array[0], or squeeze(0)'
    """
    if sorted(reference) == sorted(prediction):
        return "; the axes seem to be in another order (x, y, z against z, y, x?): transpose one of them"
    if len(reference) == len(prediction):
        return ""
    is_longer = len(reference) > len(prediction)
    longer, shorter = (reference, prediction) if is_longer else (prediction, reference)
    side = "reference" if is_longer else "prediction"
    single = _dropped(longer, shorter)
    if single:
        first, *more = _squeeze(single, len(longer)).split(", which")
        return f"; drop {first} of the {side}, which{', which'.join(more)}"
    for axis in range(len(longer)):
        if longer[:axis] + longer[axis + 1 :] == shorter:
            return (
                f"; if the {side} is one-hot, take the argmax over its {longer[axis]} channels, argmax({axis}); "
                "if it is a batch or a series, compare its cases one by one"
            )
    return f"; the {side} has {len(longer)} axes and the other {len(shorter)}"


def _dropped(longer: Shape, shorter: Shape) -> list[int]:
    """Find axes of one entry without which the longer shape is the shorter; none if there are no such."""
    dropped, at = [], 0
    for axis, length in enumerate(longer):
        rest = len(longer) - axis > len(shorter) - at
        if at < len(shorter) and length == shorter[at] and not (length == 1 and rest):
            at += 1
        elif length == 1:
            dropped.append(axis)
        else:
            return []
    return dropped if at == len(shorter) else []
