"""The study's networks, how they are trained, and the validation inside of the training."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from benchmarks.study import loop_times, methods, networks, slices, training
from benchmarks.study.anatomies import Anatomy
from benchmarks.study.in_loop import Validation
from benchmarks.study.networks import lenet, padding
from benchmarks.study.settings import QUICK
from benchmarks.study.subjects import Sample

NAMES = (
    "lenet_fcn",
    "unet_transposed",
    "unet_bilinear",
    "dilated_aspp",
    "multi_scale",
    "unetr",
    "unet_transformer",
)
LABELS = {"ball": 3, "rod": 7}


def no_subject(*_: Any) -> Any:
    raise NotImplementedError


PHANTOM = Anatomy(
    title="a ball and a rod",
    labels=LABELS,
    targets={"all": LABELS},
    whole="all",
    tolerances={"ball": 2.0, "rod": 2.0},
    subject=no_subject,
    sources=(),
)


def sample(seed: int, shape: tuple[int, int, int] = (37, 34, 12)) -> Sample:
    """A bright ball and a dark rod, in noise."""
    rng = np.random.default_rng(seed)
    x, y, z = np.indices(shape)
    middle = rng.uniform(-2, 2, 2)
    ball = (x - 12 - middle[0]) ** 2 + (y - 14 - middle[1]) ** 2 + 4 * (z - 6) ** 2 < 64
    rod = (x - 27) ** 2 + (y - 20 - middle[1]) ** 2 < 16
    truth = np.where(ball, 3, np.where(rod, 7, 0)).astype(np.uint8)
    image = 100 + 80 * ball - 60 * rod + rng.normal(0, 4, shape)
    return Sample(f"train_{seed:02d}", image.astype(np.float32), truth, 2.0, {})


def fitting(log: Any = None, **changes: Any) -> methods.Fitting:
    settings = dataclasses.replace(QUICK, **changes)
    return methods.Fitting(
        PHANTOM, [sample(1), sample(2)], [sample(3)], settings, log or (lambda record: None)
    )


def recipe(name: str) -> networks.Recipe:
    """The recipe that a method is made of."""
    found: networks.Recipe = importlib.import_module(f"benchmarks.study.methods.{name}").RECIPE
    return found


def test_the_translation_of_lenet_is_the_classifier_where_its_input_is_as_large():
    torch.manual_seed(4)
    classifier, translated = lenet.Classifier(), lenet.FullyConvolutional()
    translated.take(classifier)
    images = torch.randn(3, 1, 32, 32)
    with torch.no_grad():
        logits, found = classifier(images), translated(images)
    assert found.shape == (3, 10, 1, 1)
    torch.testing.assert_close(found[:, :, 0, 0], logits.log_softmax(1), rtol=1e-5, atol=1e-6)


def test_the_map_of_lenet_is_the_classifier_at_every_fourth_place():
    torch.manual_seed(5)
    classifier, translated = lenet.Classifier(), lenet.FullyConvolutional()
    translated.take(classifier)
    image = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        found = translated(image)
        assert found.shape == (1, 10, 9, 9)
        for i, j in ((0, 0), (3, 7), (8, 8)):
            window = image[..., 4 * i : 4 * i + 32, 4 * j : 4 * j + 32]
            expected = classifier(window).log_softmax(1)
            torch.testing.assert_close(found[..., i, j], expected, rtol=1e-4, atol=1e-5)
    for size in (32, 35, 36, 53, 64):
        assert translated(torch.zeros(1, 1, size, 32)).shape[2] == (size - 32) // 4 + 1


def test_the_map_of_lenet_is_laid_where_its_windows_look():
    """Each output, here the mean of its window's brightness, must rise along the image as the image does."""
    network = lenet.LeNet(1, 2)
    # conv1 to conv5 as box filters of one channel: the output is the mean of what is seen, which is central
    with torch.no_grad():
        for layer in (network.net.conv1, network.net.conv2, network.net.conv3, network.net.conv4):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.weight[0, 0] = 1 / layer.weight[0, 0].numel()
        network.net.conv5.weight.zero_()
        network.net.conv5.bias.zero_()
        network.net.conv5.weight[1, 0] = 1
        ramp = torch.arange(96.0).expand(1, 1, 96, 96).transpose(2, 3).contiguous()
        found = network(ramp / 96)
        # class 1 has the logit x, class 0 has 0: the difference of the logarithms is x
        place = 96 * (found[0, 1] - found[0, 0])
    inside = slice(32, 64)
    torch.testing.assert_close(place[inside, 48], torch.arange(32.0, 64.0), rtol=0, atol=1e-3)


def test_the_listing_of_the_lecture_fails_as_it_is_said_to():
    body = "def forward(self, x):\n        x = self.conv5\n\n    return F.log_softmax(x, dim=1)\n"
    with pytest.raises(SyntaxError):
        compile(f"class Net:\n    {body}", "listing", "exec")
    network = lenet.FullyConvolutional()
    with pytest.raises((TypeError, AttributeError)):
        torch.nn.functional.log_softmax(network.conv5, dim=1)


@pytest.mark.parametrize("name", NAMES)
def test_each_network_gives_logits_of_the_size_of_its_input(name):
    for size in ((53, 66), (26, 32)):
        network = recipe(name).build(3, 4, size).eval()
        with torch.no_grad():
            assert network(torch.randn(2, 3, *size)).shape == (2, 4, *size)


@pytest.mark.parametrize("name", NAMES)
def test_each_network_learns_two_slices_by_heart(name):
    with training.steady(0):
        made = recipe(name)
        network = made.build(1, 3, (37, 34))
        found = sample(1)
        images = slices.channels_of(found.image, 0)[5:7]
        truths = torch.from_numpy(found.truth.transpose(2, 0, 1)[5:7].astype(np.int64))
        truths = torch.where(truths == 7, 2, torch.where(truths == 3, 1, 0))
        optimizer = torch.optim.AdamW(network.parameters(), made.rate)
        losses = []
        for _ in range(25):
            loss = torch.nn.functional.cross_entropy(network(images), truths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_is_trained_kept_and_segments(name):
    method = methods.method(name)
    assert method.knows_places
    first = method.fit(fitting(steps=2))
    # as another process would: another number of threads, another state of the random numbers
    torch.manual_seed(99)
    torch.set_num_threads(2)
    second = pickle.loads(pickle.dumps(method.fit(fitting(steps=2))))
    assert torch.get_num_threads() == 2
    assert list(first.weights) == list(second.weights)
    for key, weight in first.weights.items():
        assert weight.tobytes() == second.weights[key].tobytes(), key
    unknown = dataclasses.replace(sample(4, (37, 34, 9)), truth=None)
    found = method.segment(second, unknown, {})
    assert found.shape == (37, 34, 9)
    assert found.dtype == np.uint8
    assert set(np.unique(found).tolist()) <= {0, *LABELS.values()}


def test_a_trained_network_finds_what_it_was_taught():
    method = methods.method("unet_transposed")
    model = method.fit(fitting(steps=40))
    unknown = sample(5)
    found = method.segment(model, dataclasses.replace(unknown, truth=None), {})
    for label in LABELS.values():
        one, other = unknown.truth == label, found == label
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.8


def test_validation_after_every_step_is_logged():
    records: list[Any] = []
    made = dataclasses.replace(recipe("unet_bilinear"), share=1.0)
    assert made.validated_steps
    training.fit(made, fitting(records.append, steps=5, validated_steps=3))
    records = json.loads(json.dumps(records, allow_nan=False))
    assert [record.get("step") for record in records] == [1, 2, 3, 5, None]
    for record in records[:-1]:
        assert {"loss", "training", "dice", "hd95", "assd", "nsd", "seconds"} <= set(record)
        assert set(record["dice"]) == set(LABELS)
        assert record["seconds"]["fastseg"] > 0
    assert "monai" in records[0]
    assert "monai" not in records[1]["seconds"]
    shares = loop_times.shares(records)
    assert shares.steps == 3
    assert 0 < shares.fastseg < shares.fastseg + shares.inference < 1
    # the first validation alone has both: MONAI's share is what three of it would take
    loop = records[2]["training"] + sum(r["seconds"]["inference"] for r in records[:3])
    monai = 3 * records[0]["seconds"]["monai"]
    assert shares.monai == pytest.approx(monai / (loop + monai))
    assert shares.ratio == pytest.approx(
        records[0]["seconds"]["monai"] / records[0]["seconds"]["fastseg"]
    )
    summary = records[-1]
    assert summary["validations"] == 4
    assert summary["validations_by_monai"] == 1
    assert 0 < summary["fastseg_beside_monai"] < summary["fastseg"]
    assert summary["parameters"] > 1000
    assert summary["steps"] == 5
    assert 0 <= summary["seams_zeros"] <= 1


def test_in_the_loop_fastseg_and_monai_measure_the_same():
    validation = Validation(fitting())
    truth = sample(3).truth
    assert truth is not None

    def predict(image: Any) -> Any:
        moved = np.roll(truth, 2, axis=0)
        moved[:, :, :2] = 0
        return moved

    record = validation(predict, 1)
    for metric, far in (("dice", 1e-6), ("hd95", 1e-5), ("assd", 1e-5)):
        for label in LABELS:
            assert record[metric][label] == pytest.approx(record["monai"][metric][label], abs=far)
    assert 0.3 < record["dice"]["ball"] < 0.95


def test_slices_are_drawn_so_that_rare_labels_come_often():
    found = sample(1)
    rare = np.zeros_like(found.truth)
    rare[10:14, 10:14, 4] = 3
    few = dataclasses.replace(found, truth=rare)
    drawn = slices.Slices([few], (0, 3), 1, 0)
    share = np.mean([bool((drawn.batch(4)[1] == 1).any()) for _ in range(30)])
    # of 4 slices out of 12, at random, a third would have one
    assert share > 0.8


def test_slices_have_their_neighbours_beside_them():
    image = np.random.default_rng(0).normal(100, 20, (5, 6, 7)).astype(np.float32)
    found = slices.channels_of(image, 1)
    assert found.shape == (7, 3, 5, 6)
    torch.testing.assert_close(found[2, 0], found[1, 1])
    torch.testing.assert_close(found[2, 2], found[3, 1])
    torch.testing.assert_close(found[0, 0], found[0, 1])
    assert abs(float(found[:, 1].mean())) < 1e-4


def test_tiles_change_what_lies_at_their_seams():
    """A mean of 3 × 3 that is compared with a number: a pixel away from the seam, all is as it was."""
    network = torch.nn.Conv2d(1, 2, 3, padding=1)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([0.0, 1 / 9]).reshape(2, 1, 1, 1).expand(2, 1, 3, 3))
        network.bias.copy_(torch.tensor([0.0, -0.9]))
    found = padding.seams(network, torch.ones(3, 1, 40, 32))
    # the rows and columns at the seams are of another class with zeros beside them
    near = 8 * 32 + 8 * 40 - 64
    # in whole slices the outermost voxels are already
    assert found["seams_zeros"] == pytest.approx((2 * 30 + 2 * 38 - 4) / near)
    assert found["inside_zeros"] == 0
    assert found["seams_replicate"] == found["inside_replicate"] == 0
    assert network.padding_mode == "zeros"
    # 26 voxels cannot be halved for a U-Net: one seam is left, and of 26 × 31 none
    only = padding.seams(network, torch.ones(3, 1, 26, 32))["seams_zeros"]
    assert only == pytest.approx(2 * 24 / (8 * 26))
    assert padding.seams(network, torch.ones(3, 1, 26, 31)) == {}
