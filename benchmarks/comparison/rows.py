"""The rows of the table: what is compared with what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import programs
from benchmarks.cases import CASES, MASKS, REAL, THIN, thin_case
from benchmarks.comparison import itself
from benchmarks.comparison.agreement import Check
from benchmarks.comparison.row import Job, Row, Scope
from benchmarks.comparison.small import small_calls

SIX = ", ".join(programs.SIX)
HEAD_AND_NECK = "headneck-0522c0727a"
FLOAT32 = 1e-6  # relative: what float32 arithmetic on the way may cost a peer
FLOAT64 = 1e-12


FULL = Scope(256, 512, short=False)
QUICK = Scope(128, 128, short=True)


def all_rows(scope: Scope) -> list[Row]:
    """Every row of a scope."""
    side, large = scope.side, scope.large
    rows = [
        *_evaluate(side),
        *_edt_float32(side),
        *(_edt_float32(large) if large > side else ()),
        *_small_arrays(),
        *small_calls(),
        *_edt_float64(side),
        *_thin_arrays(),
        *_counts(large),
        *_hardest(side),
        *itself.threads(scope),
        *itself.scaling(large),
        *_components(side, large),
    ]
    if not scope.short:
        rows += [*_layouts(side), *_reading(large), *_all_labels()]
    return [*rows, *_files(), *itself.narrow(rows, scope)]


def _case_size(case: str) -> str:
    return CASES[case].size if case in CASES else ""


def _evaluate(side: int) -> Iterator[Row]:
    case = f"near-{side}"
    voxel: dict[str, Any] = {"boundary": "voxel"}
    pooled = {**voxel, "percentile_method": "pooled"}
    peers: list[tuple[str, dict[str, Any], tuple[str, ...], float]] = [
        ("surface-distance", {"boundary": "surfel"}, ("dice", "hd", "hd95", "masd", "nsd"), FLOAT64),
        ("mikan-rs", {**voxel, "nearest_rank": True}, ("dice", "hd", "hd95", "assd", "masd"), FLOAT64),
        ("MONAI", voxel, ("dice", "hd", "hd95", "assd", "nsd"), FLOAT32),
        ("exacta", voxel, ("dice", "hd", "hd95", "assd", "nsd"), FLOAT64),
        ("MedPy", pooled, ("dice", "hd", "hd95", "assd"), FLOAT64),
    ]  # fmt: skip
    for peer, options, names, tolerance in peers:
        yield Row(
            f"evaluate/{peer}/{side}",
            "evaluate",
            f"{SIX} of a mask, {_case_size(case)}: {CASES[case].about}",
            f"{peer}: {', '.join(names)}",
            Job("fastseg", "evaluate", case, options),
            Job(peer, "evaluate", case),
            Check(names, relative=tolerance),
        )
    yield Row(
        f"evaluate/SimpleITK/{side}",
        "evaluate",
        f"dice, iou of a mask, {_case_size(case)}",
        "SimpleITK: LabelOverlapMeasures",
        Job("fastseg", "evaluate", case, {"metrics": ("dice", "iou")}),
        Job("SimpleITK", "overlap", case),
        check=Check(("dice", "iou"), relative=FLOAT64),
    )
    yield Row(
        f"evaluate/scikit-image/{side}",
        "evaluate",
        f"hd of a mask, {_case_size(case)}",
        "scikit-image: hausdorff_distance of surfaces made beforehand",
        Job("fastseg", "evaluate", case, {"metrics": ("hd",)}),
        Job("scikit-image", "hausdorff_distance", case),
        check=Check(("hd",)),
    )


def _layouts(side: int) -> Iterator[Row]:
    names = ("dice", "hd", "hd95", "masd", "nsd")
    for kind in ("near-anisotropic", "near-fortran"):
        case = f"{kind}-{side}"
        yield Row(
            f"evaluate/surface-distance/{kind}-{side}",
            "evaluate",
            f"{SIX} of a mask, {_case_size(case)}: {CASES[case].about}",
            f"surface-distance: {', '.join(names)}",
            Job("fastseg", "evaluate", case, {"boundary": "surfel"}),
            Job("surface-distance", "evaluate", case),
            check=Check(names, relative=FLOAT64),
        )


def _reading(side: int) -> Iterator[Row]:
    case = f"near-{side}"
    yield Row(
        f"evaluate/reading/{side}",
        "evaluate",
        f"{SIX} of a mask, {_case_size(case)}: {CASES[case].about}",
        "reading both arrays once (1 thread)",
        Job("fastseg", "evaluate", case),
        Job("fastseg", "reading", case),
        kind="at most",
        threads=(2,),
    )


EDT_INPUTS = {
    "inside": ("near", "inside", "inside a blob"),
    "outside": ("near", "outside", "outside a blob"),
    "sparse": ("sparse", "outside", "sparse points"),
    "noise": ("noise", "inside", "50 % noise"),
}


def _edt_row(side: str, key: str, peer: str, dtype: str, **more: Any) -> Row:
    kind, of, about = EDT_INPUTS[key]
    case = f"{more.pop('kind', kind)}-{side}"
    suffix, options = more.pop("suffix", ""), more.pop("options", {})
    check = Check(("distances",), relative=FLOAT32) if dtype == "float32" else more.pop("check")
    return Row(
        f"edt/{dtype}/{peer}/{key}-{side}{suffix}",
        f"edt {dtype}",
        f"EDT {dtype}{suffix.replace('-', ', ')}, {_case_size(case)}, {about}",
        f"{peer}{' (float64)' if peer == 'SciPy' and dtype == 'float32' else ''}",
        Job("fastseg", "edt", case, {"of": of, "dtype": dtype, **options}),
        Job(peer, "edt", case, {"of": of, **options}),
        check,
        **more,
    )


def _edt_float32(side: int) -> Iterator[Row]:
    for key in EDT_INPUTS:
        yield _edt_row(str(side), key, "edt", "float32", threads=(1, 2))
        yield _edt_row(str(side), key, "SciPy", "float32")
    case = f"near-{side}"
    yield Row(
        f"edt/float32/SimpleITK/{side}",
        "edt float32",
        f"EDT float32 to a mask's border, {_case_size(case)}, inside and outside",
        "SimpleITK: SignedMaurerDistanceMap",
        Job("fastseg", "edt_of_border", case),
        Job("SimpleITK", "signed Maurer map", case),
        check=Check(("distances",), relative=FLOAT32, absolute=1e-5),
    )


def _small_arrays() -> Iterator[Row]:
    for side in ("16", "2d-64"):
        for key in EDT_INPUTS:
            for peer in ("edt", "SciPy"):
                yield _edt_row(side, key, peer, "float32")


def _edt_float64(side: int) -> Iterator[Row]:
    equal, tied = Check(("distances",)), Check(("distances",), units=1)
    by_index = Check(("distances", "distances by index"), units=1)
    for key in EDT_INPUTS:
        yield _edt_row(str(side), key, "SciPy", "float64", check=equal)
    spaced: dict[str, Any] = {"kind": "near-anisotropic"}
    yield _edt_row(
        str(side), "outside", "SciPy", "float64", check=tied, suffix="-real spacing", **spaced
    )
    yield _edt_row(
        str(side),
        "outside",
        "SciPy",
        "float64",
        check=by_index,
        suffix="-real spacing-with indices",
        options={"indices": True},
        **spaced,
    )


def _thin_arrays() -> Iterator[Row]:
    for shape in THIN:
        case = thin_case(shape)
        yield Row(
            f"edt/thin/SciPy/{case}",
            "edt float64",
            f"EDT float64, {_case_size(case)}, 50 % noise",
            "SciPy",
            Job("fastseg", "edt", case, {"of": "inside", "dtype": "float64"}),
            Job("SciPy", "edt", case, {"of": "inside"}),
            Check(("distances",)),
        )


def _counts(side: int) -> Iterator[Row]:
    case = f"organs-{side}"
    what = f"confusion counts of 100 labels, {_case_size(case)} uint8"
    yield Row(
        f"counts/bincount/{side}",
        "counts",
        what,
        "np.bincount(a.astype(int) * K + b)",
        Job("fastseg", "confusion_matrix", case),
        Job("fastseg", "bincount", case),
        Check(("counts",)),
    )
    yield Row(
        f"counts/reading/{side}",
        "counts",
        what,
        "reading both arrays: a.view(np.uint64).max()",
        Job("fastseg", "confusion_matrix", case),
        Job("fastseg", "reading", case),
        kind="at most",
    )


def _hardest(side: int) -> Iterator[Row]:
    for kind in ("shift", "noise", "tiny", "far", "checkerboard"):
        case = f"{kind}-{side}"
        yield Row(
            f"hardest/{kind}-{side}",
            "hardest inputs",
            f"surface_distances, both directions, {_case_size(case)}: {MASKS[kind][0]}",
            "one distance_transform_edt (float64) of fastseg's, of their box",
            Job("fastseg", "surface_distances", case),
            Job("fastseg", "edt_of_box", case),
            Check(("prediction to reference",), units=1),
            kind="at most",
        )


COMPONENTS = {
    "near": "an organ",
    "lesions": "3000 lesions",
    "vessels": "vessels",
    "sponge": "sponge",
    "noise": "50 % noise",
    "empty-full": "nothing",
}


def _components(side: int, large: int) -> Iterator[Row]:
    check = Check(("components", "sizes"))
    for kind, about in COMPONENTS.items():
        case = f"{kind}-{side}"
        forms = {
            "painted": ("connected_components", f"connected components (26), {_case_size(case)}"),
            "runs": ("component_runs", f"sizes and boxes of components (26), {_case_size(case)}"),
        }
        for form, (program, what) in forms.items():
            yield Row(
                f"components/{form}/{kind}-{side}",
                "components",
                f"{what}: {about}",
                "cc3d",
                Job("fastseg", program, case),
                Job("cc3d", "connected_components", case),
                check,
                threads=(1, 2),
            )
    case = f"dense2500-{large}"
    yield Row(
        f"components/labels/dense2500-{large}",
        "components",
        f"connected components (26) of each label, {_case_size(case)}: {CASES[case].about}",
        "cc3d",
        Job("fastseg", "connected_components", case),
        Job("cc3d", "connected_components", case),
        check,
        threads=(1, 2),
    )


def _all_labels() -> Iterator[Row]:
    names = ("dice", "hd", "hd95", "masd", "nsd")
    yield Row(
        "real/surface-distance",
        "evaluate",
        f"all metrics, {REAL[HEAD_AND_NECK][0]}, {_case_size(HEAD_AND_NECK)}",
        f"surface-distance in a loop over labels: {', '.join(names)}",
        Job("fastseg", "evaluate", HEAD_AND_NECK, {"metrics": None, "boundary": "surfel"}),
        Job("surface-distance", "labels", HEAD_AND_NECK),
        Check(names, relative=FLOAT64),
    )


def _files() -> Iterator[Row]:
    yield Row(
        "real/files",
        "files",
        f"all metrics from two .nii.gz files, {REAL[HEAD_AND_NECK][0]}",
        "unzipping both in one shot (zlib-ng, or else zlib)",
        Job("fastseg", "evaluate_files", HEAD_AND_NECK),
        Job("fastseg", "unzip", HEAD_AND_NECK),
        kind="at most",
        threads=(1, 2),
    )
