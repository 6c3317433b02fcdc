"""Make the picture of ``docs/report.md``: a cohort of phantoms is evaluated, and a browser shows its page.

It needs the extra `report`, the test group and a chromium: ``python docs/make_report.py``.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fastseg
from fastseg.io import Grid

HERE = Path(__file__).parent
LABELS = {"liver": 1, "spleen": 2, "gallbladder": 3}


def phantom(rng: np.random.Generator, off: float) -> NDArray[np.uint8]:
    """Three bodies, whose surfaces and places are off by so much."""
    z, y, x = np.ogrid[:40, :96, :96]
    image = np.zeros((40, 96, 96), np.uint8)
    for label, centre, radii in (
        (1, (20, 46, 34), (15, 30, 22)),
        (2, (24, 52, 76), (9, 14, 9)),
        (3, (14, 30, 60), (4, 6, 5)),
    ):
        c0, c1, c2 = np.array(centre) + rng.normal(0, off / 3, 3)
        r0, r1, r2 = np.array(radii) * (1 + rng.normal(0, off / 40, 3))
        angle = np.arctan2(y - c1, x - c2)
        bumps = 1 + off / 12 * np.sin(3 * angle + rng.uniform(0, 6)) * np.cos((z - c0) / r0 * 2)
        image[((z - c0) / r0) ** 2 + ((y - c1) / r1) ** 2 + ((x - c2) / r2) ** 2 < bumps] = label
    return image


def main() -> None:
    """Make the cohort, its page, and a picture of that."""
    from playwright.sync_api import sync_playwright

    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        affine = np.diag([1.5, 1.5, 3, 1])
        for side in ("reference", "unet", "transformer"):
            (root / side).mkdir()
        for number in range(24):
            same = int(rng.integers(1 << 30))
            for side, off in (("reference", 0.0), ("unet", 1.4), ("transformer", 2.0)):
                image = phantom(np.random.default_rng(same + round(10 * off)), off)
                if (side, number) == ("transformer", 7):
                    image[image == 3] = 0
                grid = Grid(image.T.shape, (1.5, 1.5, 3), affine)
                fastseg.write_image(root / side / f"case_{number:02d}.nii.gz", image.T, grid)
        output = root / "results.jsonl"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fastseg.evaluate_cohort(
                root / "reference",
                {"unet": root / "unet", "transformer": root / "transformer"},
                labels=LABELS,
                metrics=["dice", "nsd", "hd95"],
                tolerance=3,
                output=output,
            )
        page = fastseg.report(output, root / "report.html", title="Abdomen, two algorithms")
        with sync_playwright() as started:
            path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
            browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
            shown = browser.new_page(viewport={"width": 1320, "height": 1000})
            shown.goto(page.as_uri())
            shown.wait_for_function("document.documentElement.dataset.ready === 'yes'")
            shown.screenshot(path=root / "report.png")
            browser.close()
        from PIL import Image

        with Image.open(root / "report.png") as image:
            image.convert("P", palette=Image.Palette.ADAPTIVE, colors=200).save(
                HERE / "_static" / "report.png", optimize=True
            )


if __name__ == "__main__":
    main()
