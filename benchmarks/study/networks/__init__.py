"""What the trained methods are made of: how each network is built and trained, and the networks MONAI does not have.

Nothing here imports torch before a network is asked for: processes that only thresh or register need not wait for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.methods import Arrays, Fitting, Method
from benchmarks.study.subjects import Sample

if TYPE_CHECKING:
    import torch

#: of the lecture's list, what is no method here, and why
NOT_RUN = {
    "Segment Anything (6.2)": (
        "A promptable model is its weights: those of Segment Anything and of its medical descendants lie in no "
        "package, and nothing is downloaded when the study runs. Trained on six subjects it would be another network "
        "of that name."
    ),
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is built and trained.

    Parameters
    ----------
    build : function of the numbers of channels and classes, and the size of a slice
        Make the network: (B, channels, X, Y) to logits (B, classes, X, Y). The size is that of the training slices.
    share : float
        Of `Settings.steps`, how many steps it is trained.
    batch : int
        Slices of a step.
    rate : float
        The learning rate at its highest.
    neighbours : int
        How many slices above and as many below are channels beside the slice itself.
    validated_steps : bool
        Whether the first steps are each followed by a validation, or only some of all.
    """

    build: Callable[[int, int, tuple[int, int]], torch.nn.Module]
    share: float = 1.0
    batch: int = 8
    rate: float = 4e-3
    neighbours: int = 1
    validated_steps: bool = False


def trained(
    recipe: Recipe,
    *,
    title: str,
    section: str,
    library: str = "MONAI, PyTorch",
    expected: Mapping[str, Mapping[str, float]],
) -> Method:
    """Make a method of a network."""

    def fit(fitting: Fitting) -> Any:
        from benchmarks.study import training

        return training.fit(recipe, fitting)

    def segment(model: Any, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
        from benchmarks.study import training

        return training.segment(recipe, model, sample)

    return Method(
        title=title,
        section=section,
        library=library,
        knows_places=True,
        fit=fit,
        segment=segment,
        expected=expected,
    )
