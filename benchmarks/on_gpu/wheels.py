"""Installs wheels of a folder into a folder of the run's own, without a network: each by itself, none of its needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

LIMIT = 120  # seconds a wheel


class Installed(NamedTuple):
    """Where packages are, and what could not be installed."""

    site: Path | None
    said: list[str]


def install(folder: Path, site: Path) -> Installed:
    """Install all wheels of a folder. One that fails is named, and the others go on."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        return Installed(None, [f"no wheels in {folder}"])
    said = []
    for wheel in wheels:
        done = site / f".{wheel.name}.done"
        if done.exists():
            continue
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        command += ["--no-compile", "--upgrade", "--disable-pip-version-check"]
        command += ["--find-links", str(folder), "--target", str(site), str(wheel)]
        try:
            found = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            said.append(f"{wheel.name}: took more than {LIMIT} s")
            continue
        if found.returncode:
            lines = (found.stderr or found.stdout).strip().splitlines()
            said.append(f"{wheel.name}: {lines[-1] if lines else found.returncode}")
        else:
            done.touch()
    return Installed(site if site.is_dir() else None, said)
