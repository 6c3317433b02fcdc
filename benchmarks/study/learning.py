"""What each method learns from the training subjects, and what several methods share of an image."""

from __future__ import annotations

import functools
import importlib
import json
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study import methods
from benchmarks.study.anatomies import anatomy
from benchmarks.study.folder import CLEAN, Condition, Folder, whole, write_nifti
from benchmarks.study.plan import Plan

Record = dict[str, Any]


def fit(plan: Plan, folder: Folder, name: str, learner: str) -> list[Record]:
    """Fit a method, or what methods share, and keep the model."""
    path = folder.model(name, learner)
    if path.exists():
        return []
    module = shared(learner)
    call = methods.method(learner).fit if module is None else module.fit
    records: list[str] = []

    def log(record: Mapping[str, Any]) -> None:
        records.append(json.dumps(record))

    read = {
        role: [folder.sample(name, CLEAN, subject) for subject in plan.subjects(name, role)]
        for role in ("train", "val")
    }
    fitting = methods.Fitting(anatomy(name), read["train"], read["val"], plan.settings, log)
    begin = time.perf_counter()
    try:
        model = call(fitting)
    except Exception as error:
        # its images then have no prediction, and the other methods go on
        return [failed(record_of("fit", name, learner, CLEAN, "", begin), error)]
    record = record_of("fit", name, learner, CLEAN, "", begin)
    with whole(folder.records(name, learner)) as part:
        part.write_text("".join(f"{record}\n" for record in records))
    with whole(path) as part, part.open("wb") as file:
        pickle.dump(model, file)
    return [record]


def shared(learner: str) -> Any:
    """Find the module of what methods share; a method has none."""
    if learner in methods.names():
        return None
    return importlib.import_module(f"benchmarks.study.{learner}")


def prepare(
    plan: Plan, folder: Folder, name: str, learner: str, condition: Condition
) -> list[Record]:
    """Prepare what methods share of the images under a condition."""
    records = []
    for subject in plan.subjects(name, "test"):
        path = folder.prepared(name, learner, condition, subject)
        if path.exists():
            continue
        sample = folder.unknown(name, condition, subject)
        begin = time.perf_counter()
        try:
            arrays = shared(learner).prepare(model_of(folder.model(name, learner)), sample)
        except Exception as error:
            record = record_of("prepare", name, learner, condition, subject, begin)
            records.append(failed(record, error))
            continue
        records.append(record_of("prepare", name, learner, condition, subject, begin))
        with whole(path) as part:
            np.savez_compressed(part, **arrays)
    return records


def segment(
    plan: Plan, folder: Folder, name: str, method: str, condition: Condition
) -> list[Record]:
    """Segment the images under a condition by a method; what fails is recorded, and has no prediction."""
    found = methods.method(method)
    records = []
    for subject in plan.subjects(name, "test"):
        path = folder.prediction(method, name, condition, subject)
        if path.exists():
            continue
        sample = folder.unknown(name, condition, subject, seeds=found.uses_seeds)
        begin = time.perf_counter()
        try:
            prepared: Mapping[str, Any] = {}
            if found.prepare is not None:
                with np.load(folder.prepared(name, found.prepare, condition, subject)) as file:
                    prepared = dict(file)
            model = model_of(folder.model(name, method))
            begin = time.perf_counter()
            labels = found.segment(model, sample, prepared)
            record = record_of("segment", name, method, condition, subject, begin)
            check(labels, sample.image, anatomy(name).labels.values())
        except Exception as error:
            record = record_of("segment", name, method, condition, subject, begin)
            records.append(failed(record, error))
            continue
        write_nifti(path, labels, sample.spacing)
        records.append(record)
    return records


def check(labels: Any, image: Any, known: Any) -> None:
    """Refuse what is no label map of the image."""
    if labels.dtype != np.uint8 or labels.shape != image.shape:
        raise ValueError(f"{labels.dtype} {labels.shape} is no uint8 label map of {image.shape}.")
    other = sorted(set(np.unique(labels).tolist()) - {0, *known})
    if other:
        raise ValueError(f"The labels {other} are none of the anatomy's.")


def record_of(
    stage: str, name: str, method: str, condition: Condition, subject: str, begin: float
) -> Record:
    """Say how long a step has taken until now."""
    return {
        "stage": stage,
        "anatomy": name,
        "method": method,
        "condition": str(condition),
        "subject": subject,
        "seconds": time.perf_counter() - begin,
    }


def failed(record: Record, error: Exception) -> Record:
    """Say that a step failed, and why."""
    return {**record, "failure": f"{type(error).__name__}: {error}"}


@functools.lru_cache(maxsize=8)
def model_of(path: Path) -> Any:
    """Read a model once a process."""
    with path.open("rb") as file:
        return pickle.load(file)
