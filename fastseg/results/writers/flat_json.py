"""One flat dictionary as JSON: ``mlflow.log_metrics(json.load(file))``, ``wandb.log(json.load(file))``."""

from __future__ import annotations

import json
from pathlib import Path

from fastseg.results.evaluation import Evaluation
from fastseg.results.files import written
from fastseg.results.writers.writer import DEFAULTS, WriteOptions, Writer


def write(evaluation: Evaluation, path: Path, options: WriteOptions = DEFAULTS) -> None:
    """Write what :meth:`Evaluation.to_flat` gives."""
    found = evaluation.to_flat(by=options.by or ("label",), floors=options.floors)
    written(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)


WRITER = Writer("flat", (), "a flat dictionary of statistics as JSON, for MLflow and W&B", write)
