"""Batches of small images, as training loops measure them: the same calls of MONAI's and of our drop-in's functions."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.programs import TOLERANCE, Answer, Pair, Program

ITEMS = 32

FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "hausdorff_distance": lambda m, *masks: m.compute_hausdorff_distance(*masks, True),
    "hausdorff_distance, percentile=95": lambda m, *masks: m.compute_hausdorff_distance(
        *masks, True, percentile=95
    ),
    "average_surface_distance": lambda m, *masks: m.compute_average_surface_distance(*masks, True),
    "surface_dice": lambda m, *masks: m.compute_surface_dice(*masks, [TOLERANCE], True),
    "dice": lambda m, *masks: m.compute_dice(*masks),
}


def batch(module: str) -> Callable[[Pair, str], Program]:
    """Make the program that calls a function of a module, MONAI's or ours, on one-hot tensors (32, 1, spatial axes)."""

    def prepare(pair: Pair, of: str) -> Program:
        metrics, masks = importlib.import_module(module), _tensors(pair)

        def call() -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # there are empty masks among them
                return FUNCTIONS[of](metrics, *masks)

        def describe(found: Any) -> Answer:
            # what is not defined is the same as -1
            return {"values": np.nan_to_num(found.numpy(), nan=-1)}

        return Program(call, describe)

    return prepare


def _tensors(pair: Pair) -> list[Any]:
    """Prediction and reference: the pair rolled to another place for each item, and a few masks that are empty."""
    import torch

    images = np.zeros((2, ITEMS, 1, *pair.reference.shape), np.float32)
    for item in range(ITEMS):
        for side, mask in enumerate((pair.prediction, pair.reference)):
            images[side, item, 0] = np.roll(mask, (item % 5 - 2, item // 5 - 2), (0, -1))
    images[0, 3] = images[1, 17] = 0
    return [torch.from_numpy(image) for image in images]
