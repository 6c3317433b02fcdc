"""``fastseg info``: what is installed, and what of it is used."""

from __future__ import annotations

import importlib.metadata
import platform

import fastseg

INFO_PACKAGES = ("numpy", "scipy", "numba", "nibabel", "SimpleITK", "zlib-ng")


def info() -> None:
    """Show versions, backends, threads, the cache of machine code and the names of the metrics."""
    from fastseg.cli import kernel_cache
    from fastseg.cli.terminal import show_pairs

    def version(package: str) -> str:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return "not installed"

    metrics = " ".join(metric.name for metric in fastseg.list_metrics())
    show_pairs(
        [
            ("fastseg", fastseg.__version__),
            ("python", f"{platform.python_version()} on {platform.platform()}"),
            *((package, version(package)) for package in INFO_PACKAGES),
            ("backends", fastseg.explain()),
            ("threads", str(fastseg.get_num_threads())),
            ("machine code", kernel_cache.described(kernel_cache.kept())),
            ("metrics", f"{metrics}\nand any hdNN (hd99, hd99_5) and fN (f2, f0_5)"),
        ]
    )
