"""Train a network on slices, and segment with it: one loop for all networks.

On one thread, from one seed, a fixed number of steps: the same settings give the same weights in any process. The
weights are those after the last step; none are chosen by validation, which is watched and decides nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from monai.losses import DiceCELoss
from numpy.typing import NDArray

import fastseg
from benchmarks.study.in_loop import Validation
from benchmarks.study.methods import Fitting
from benchmarks.study.networks import Recipe, padding
from benchmarks.study.slices import Slices, channels_of, classes_of
from benchmarks.study.subjects import Sample
from fastseg.threads import chosen_num_threads

#: between two validations, in steps, when not every step has one
SELDOM = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """What is kept of a training: weights, and what the network was made for."""

    weights: dict[str, NDArray[np.generic]]
    #: background first
    labels: tuple[int, ...]
    size: tuple[int, int]


def fit(recipe: Recipe, fitting: Fitting) -> Trained:
    """Train; records of validations and a summary go to the log."""
    labels = (0, *sorted(fitting.anatomy.labels.values()))
    sizes = [sample.image.shape[:2] for sample in fitting.training]
    size = (max(x for x, _ in sizes), max(y for _, y in sizes))
    steps = max(1, round(fitting.settings.steps * recipe.share))
    seed = fitting.settings.seed
    with steady(seed):
        network = recipe.build(2 * recipe.neighbours + 1, len(labels), size)
        network = network.to(memory_format=torch.channels_last)
        drawn = Slices(fitting.training, labels, recipe.neighbours, seed)
        loss_of = DiceCELoss(softmax=True, to_onehot_y=True, batch=True)
        optimizer = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, functools.partial(rise_and_fall, steps)
        )
        validation = Validation(fitting)
        seconds = 0.0
        for step in range(1, steps + 1):
            start = time.perf_counter()
            network.train()
            images, truths = drawn.batch(recipe.batch)
            optimizer.zero_grad()
            loss = loss_of(network(images), truths)
            loss.backward()
            optimizer.step()
            schedule.step()
            seconds += time.perf_counter() - start
            every = recipe.validated_steps and step <= fitting.settings.validated_steps
            if every or step % SELDOM == 0 or step == steps:
                predict = functools.partial(predicted, network, recipe.neighbours, labels)
                record = validation(predict, step)
                fitting.log(
                    {"step": step, "loss": float(loss.detach()), "training": seconds, **record}
                )
        first = fitting.validation[0].image
        tiles = padding.seams(network, channels_of(first, recipe.neighbours))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    summary = {"parameters": parameters, "steps": steps, "training": seconds}
    fitting.log({**summary, **validation.total, **tiles})
    weights = {name: value.numpy().copy() for name, value in network.state_dict().items()}
    return Trained(weights, labels, size)


def rise_and_fall(steps: int, done: int) -> float:
    """Give the learning rate's share of its highest: up over a tenth of the steps, then down as a cosine does."""
    rise = (done + 1) / (steps / 10 + 1)
    return min(1.0, rise) * 0.5 * (1 + math.cos(math.pi * min(1.0, done / steps)))


def segment(recipe: Recipe, model: Trained, sample: Sample) -> NDArray[np.uint8]:
    """Segment an image slice by slice."""
    with steady():
        return predicted(network_of(recipe, model), recipe.neighbours, model.labels, sample.image)


@functools.lru_cache(maxsize=2)
def network_of(recipe: Recipe, model: Trained) -> torch.nn.Module:
    """Build the network that was trained; of the same object, once."""
    network = recipe.build(2 * recipe.neighbours + 1, len(model.labels), model.size)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights.items()})
    return network.to(memory_format=torch.channels_last).eval()


def predicted(
    network: torch.nn.Module,
    neighbours: int,
    labels: tuple[int, ...],
    image: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Give the label map of an image."""
    classes = classes_of(network, channels_of(image, neighbours))
    found = np.array(labels, np.uint8)[classes]
    return np.ascontiguousarray(found.transpose(1, 2, 0))


@contextmanager
def steady(seed: int | None = None) -> Iterator[None]:
    """Compute on one thread, and draw from the seed; afterwards, all is as it was before."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    chosen = chosen_num_threads()
    torch.set_num_threads(1)
    fastseg.set_num_threads(1)
    if seed is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        fastseg.set_num_threads(chosen)
        torch.set_rng_state(state)
