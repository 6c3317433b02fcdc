"""Where each file of a run lies.

::

    settings.json                                     what the run was asked for
    images/organs/noise-3/test_00.nii                 images, and training ones: images/organs/clean-0/train_00.nii
    truths/organs/test_00.nii.gz                      by subject; of other bodies and raters: truths/organs/shape-3/…
    models/organs/otsu.pickle, .jsonl                 what was learned, and the records of learning
    prepared/organs/registrations/noise-3/test_00.npz what several methods share
    predictions/otsu/organs/noise-3/test_00.nii.gz
    pairs/organs-tissues.csv                          what fastseg is asked to measure
    results/organs-tissues.jsonl                      what it measured
    contention.jsonl                                  errors of votes, by how many atlases agreed
    times.jsonl                                       seconds of every step
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from benchmarks.study.settings import Settings
from benchmarks.study.subjects import Sample, seeds_of


@dataclasses.dataclass(frozen=True)
class Condition:
    """A difficulty at a level: "noise-3"; the clean images are "clean-0"."""

    difficulty: str
    level: int

    def __str__(self) -> str:
        return f"{self.difficulty}-{self.level}"


CLEAN = Condition("clean", 0)

#: Under these the truth is another one than the subject's usual.
OTHER_TRUTHS = ("shape", "rater_noise")


@dataclasses.dataclass(frozen=True)
class Folder:
    """The files of a run."""

    root: Path

    def image(self, anatomy: str, condition: Condition, subject: str) -> Path:
        return self.root / "images" / anatomy / str(condition) / f"{subject}.nii"

    def truth(self, anatomy: str, condition: Condition, subject: str) -> Path:
        below = (str(condition),) if condition.difficulty in OTHER_TRUTHS else ()
        return self.root.joinpath("truths", anatomy, *below, f"{subject}.nii.gz")

    def model(self, anatomy: str, name: str) -> Path:
        return self.root / "models" / anatomy / f"{name}.pickle"

    def records(self, anatomy: str, name: str) -> Path:
        return self.root / "models" / anatomy / f"{name}.jsonl"

    def prepared(self, anatomy: str, name: str, condition: Condition, subject: str) -> Path:
        return self.root / "prepared" / anatomy / name / str(condition) / f"{subject}.npz"

    def prediction(self, method: str, anatomy: str, condition: Condition, subject: str) -> Path:
        return self.root / "predictions" / method / anatomy / str(condition) / f"{subject}.nii.gz"

    def pairs(self, anatomy: str, target: str) -> Path:
        return self.root / "pairs" / f"{anatomy}-{target}.csv"

    def results(self, anatomy: str, target: str) -> Path:
        return self.root / "results" / f"{anatomy}-{target}.jsonl"

    @property
    def times(self) -> Path:
        return self.root / "times.jsonl"

    @property
    def contention(self) -> Path:
        return self.root / "contention.jsonl"

    @staticmethod
    def labels(path: Path) -> NDArray[np.uint8]:
        """Read a label map."""
        return np.ascontiguousarray(np.asarray(nibabel.load(path).dataobj, np.uint8))

    def sample(self, anatomy: str, condition: Condition, subject: str) -> Sample:
        """Read an image, its truth, and the seeds that a person would click."""
        truth = self.labels(self.truth(anatomy, condition, subject))
        image = self.unknown(anatomy, condition, subject)
        return dataclasses.replace(image, truth=truth, seeds=seeds_of(truth))

    def unknown(
        self, anatomy: str, condition: Condition, subject: str, seeds: bool = False
    ) -> Sample:
        """Read what a method may see: the image, and the seeds if somebody clicks them."""
        if seeds:
            return dataclasses.replace(self.sample(anatomy, condition, subject), truth=None)
        image = nibabel.load(self.image(anatomy, condition, subject))
        array = np.ascontiguousarray(np.asarray(image.dataobj, np.float32))
        return Sample(subject, array, None, float(image.header.get_zooms()[0]), {})

    def settle(self, settings: Settings) -> None:
        """Keep the settings, or refuse a folder that was made with others."""
        path = self.root / "settings.json"
        wanted = json.loads(json.dumps(dataclasses.asdict(settings)))
        if path.exists():
            kept = json.loads(path.read_text())
            if kept != wanted:
                other = sorted(key for key in {*kept, *wanted} if kept.get(key) != wanted.get(key))
                raise SystemExit(
                    f"{self.root} was made with other settings ({', '.join(other)}): take another folder."
                )
            return
        self.root.mkdir(parents=True, exist_ok=True)
        with whole(path) as part:
            part.write_text(json.dumps(wanted, indent=1))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; the file gets its own when it is whole, so that what exists is finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # the ending stays, by which libraries know what to write
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_nifti(path: Path, array: NDArray[Any], spacing: float) -> None:
    """Write an array, whole or not at all."""
    with whole(path) as part:
        nibabel.save(nibabel.Nifti1Image(array, np.diag([spacing, spacing, spacing, 1.0])), part)
