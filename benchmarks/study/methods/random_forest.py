"""Random forest: each voxel by itself, from values and edges around it at several scales and its place in the body."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.study.intensities import body_of, finite, truth
from benchmarks.study.methods import Arrays, Fitting, Method
from benchmarks.study.subjects import Sample

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

#: voxels of each label, and three times as many of the background, that each training subject gives
VOXELS = 2000
DEPTH = 16
#: millimetres
SCALES = (3.0, 6.0, 12.0)
#: how far to each side a voxel looks, and at which of the scales
AWAY = 15.0
SIDES = 6.0


@dataclasses.dataclass(frozen=True)
class Model:
    """The forest; None where training subjects have no body to learn from."""

    forest: RandomForestClassifier | None


def fit(fitting: Fitting) -> Model:
    """Train the trees on as many voxels of each structure, drawn at random."""
    # its import takes a second, which those that only ask what methods there are need not wait
    from sklearn.ensemble import RandomForestClassifier

    if not fitting.training:
        raise ValueError("There are no training subjects to learn from.")
    rng = np.random.default_rng(fitting.settings.seed)
    features, labels = [], []
    for sample in fitting.training:
        image = finite(sample.image)
        body = body_of(image)
        found = truth(sample)[body]
        chosen = []
        for label in [0, *fitting.anatomy.labels.values()]:
            voxels = np.flatnonzero(found == label)
            many = min(VOXELS if label else 3 * VOXELS, voxels.size)
            chosen.append(rng.choice(voxels, many, replace=False))
        taken = np.concatenate(chosen)
        features.append(features_of(image, body, sample.spacing)[taken])
        labels.append(found[taken])
    learned = np.concatenate(labels)
    if learned.size == 0:
        return Model(None)
    forest = RandomForestClassifier(
        n_estimators=fitting.settings.trees,
        max_depth=DEPTH,
        min_samples_leaf=3,
        max_features="sqrt",
        max_samples=0.5,
        n_jobs=1,
        random_state=fitting.settings.seed,
    )
    forest.fit(np.concatenate(features), learned)
    fitting.log(
        {
            "voxels": int(learned.size),
            "nodes": int(sum(tree.tree_.node_count for tree in forest.estimators_)),
            "importances": [round(float(value), 4) for value in forest.feature_importances_],
        }
    )
    return Model(forest)


def features_of(
    image: NDArray[np.float32], body: NDArray[np.bool_], spacing: float
) -> NDArray[np.float32]:
    """Describe each voxel of the body: values, edges and blobs at each scale, what lies to each side, and its place."""
    columns = [image[body]]
    away = max(round(AWAY / spacing), 1)
    for scale in SCALES:
        smooth = ndimage.gaussian_filter(image, scale / spacing)
        columns.append(smooth[body])
        columns.append(ndimage.generic_gradient_magnitude(smooth, ndimage.prewitt)[body])
        columns.append(ndimage.laplace(smooth)[body])
        if scale == SIDES:
            columns += [
                ndimage.shift(smooth, side, order=0, mode="nearest")[body]
                for side in (*np.diag([away] * 3), *np.diag([-away] * 3))
            ]
    places = np.argwhere(body).astype(np.float32)
    corner, size = places.min(0, initial=np.inf), np.ptp(places, axis=0) if len(places) else 1
    # relative to the box around the body, as bodies lie differently in images
    return np.column_stack([*columns, (places - corner) / np.maximum(size, 1)]).astype(np.float32)


def segment(model: Model, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Ask the trees about each voxel of the body."""
    image = finite(sample.image)
    labels = np.zeros(image.shape, np.uint8)
    body = body_of(image)
    if model.forest is not None and body.any():
        labels[body] = model.forest.predict(features_of(image, body, sample.spacing))
    return labels


METHOD = Method(
    title="Random forest",
    section="4.6.1",
    library="scikit-learn",
    knows_places=True,
    fit=fit,
    segment=segment,
    expected={
        "organs": {"liver": 0.95, "spleen": 0.95, "kidneys": 0.95, "aorta": 0.9, "tumour": 0.85},
        "brain": {
            "csf": 0.8,
            "grey_matter": 0.9,
            "white_matter": 0.9,
            "caudate": 0.7,
            "putamen": 0.8,
            "thalamus": 0.8,
            "hippocampus": 0.6,
        },
        "head_neck": {
            "brain": 0.95,
            "brainstem": 0.8,
            "spinal_cord": 0.85,
            "mandible": 0.9,
            "parotids": 0.85,
            "orbits": 0.85,
        },
    },
)
