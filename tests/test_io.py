"""Reading images: every format gives the same array and grid, and damage is refused in time."""

import gzip
import io
import itertools
import sys
import time
import tracemalloc
import zipfile
import zlib

import nibabel
import numpy as np
import pytest
import SimpleITK

from fastseg.io import (
    IMAGE_SUFFIXES,
    GridMismatchError,
    Image,
    as_image,
    check_same_grid,
    image_stem,
    is_image_path,
    read_image,
)
from fastseg.io.image import make_grid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SPACING = (0.7, 1.25, 2.5)
ORIGIN = (-12.5, 30.25, 7.0)


def rotation(*degrees):
    a, b, c = np.radians(degrees)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return x @ y @ z


# Columns: where the array's axes point, in RAS+.
DIRECTIONS = {
    "identity": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "mirrored": np.diag([1.0, 1.0, -1.0]),
    "permuted": np.eye(3)[:, [2, 0, 1]],
    "oblique": rotation(20, -35, 70),
    "oblique mirrored": rotation(5, 10, 15) @ np.diag([-1.0, 1.0, 1.0]),
}


def labels(dtype=np.uint8, shape=(5, 7, 9)):
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


IDENTITY = np.eye(3)


def affine_of(direction=IDENTITY, spacing=SPACING, origin=ORIGIN):
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = origin
    return affine


def sitk_image(array, affine=None):
    """Make the SimpleITK image of an array with axes (x, y, z) and a RAS+ affine."""
    image = SimpleITK.GetImageFromArray(array.T)
    lps = LPS_TO_RAS @ (affine_of() if affine is None else affine)
    ndim = array.ndim
    spacing = np.linalg.norm(lps[:3, :ndim], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:ndim, 3].tolist())
    image.SetDirection((lps[:ndim, :ndim] / spacing).ravel().tolist())
    return image


def write(path, array, affine=None):
    """Write an array with axes (x, y, z) with the library that each format is at home in."""
    name = str(path)
    affine = affine_of() if affine is None else affine
    if name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
    elif name.endswith((".hdr", ".img")):
        nibabel.save(nibabel.Nifti1Pair(array, affine), path)
    elif name.endswith(".npy"):
        np.save(path, array)
    elif name.endswith(".npz"):
        np.savez_compressed(path, array)
    else:
        SimpleITK.WriteImage(sitk_image(array, affine), name, name.endswith("z.nrrd"))
    return path


def nifti_bytes(array, affine=None, **fields):
    """Make a .nii file, with header fields overwritten after all checks."""
    image = nibabel.Nifti1Image(array, affine_of() if affine is None else affine)
    data = bytearray(image.to_bytes())
    header = nibabel.Nifti1Header(bytes(data[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    data[:348] = header.binaryblock
    return bytes(data)


def refused(path, *patterns):
    """Assert that reading is refused at once, in one line that names the file, without memory."""
    tracemalloc.start()
    started = time.perf_counter()
    try:
        with pytest.raises(ValueError) as caught:
            read_image(path)
        took, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    # Of a pair, the half that is at fault.
    assert str(path.with_suffix("") if path.suffix in (".hdr", ".img") else path) in message
    assert "\n" not in message
    for pattern in patterns:
        assert pattern in message
    assert took < 2
    assert peak < 8e6


@pytest.fixture(params=["zlib-ng", "standard library"])
def unzip(request, monkeypatch):
    """Unzip with what is installed, and then with Python's own."""
    if request.param == "standard library":
        monkeypatch.setitem(sys.modules, "zlib_ng.gzip_ng", None)


def test_the_fast_unzipper_is_the_one_in_use():
    pytest.importorskip("zlib_ng", reason="comes with fastseg-metrics[io]")
    from fastseg.io.voxels import _inflaters

    assert [module.__name__ for module in _inflaters()] == ["zlib_ng.gzip_ng", "zlib_ng.zlib_ng"]


# ---- formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [*IMAGE_SUFFIXES, "z.nrrd", ".NII.GZ"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint32", "float32"])
@pytest.mark.usefixtures("unzip")
def test_every_format_gives_back_values_dtype_and_grid(tmp_path, suffix, dtype):
    array = labels(dtype)
    path = write(tmp_path / f"case{suffix.lower()}", array).rename(tmp_path / f"case{suffix}")
    image = read_image(str(path))
    assert image.array.dtype == array.dtype
    np.testing.assert_array_equal(image.array, array)
    assert image.source == str(path)
    if suffix in (".npy", ".npz"):
        assert image.grid is None
        assert image.spacing is None
    else:
        assert image.array.flags.f_contiguous
        assert image.grid.shape == array.shape
        assert image.spacing == image.grid.spacing == pytest.approx(SPACING, rel=1e-6)
        np.testing.assert_allclose(image.grid.affine, affine_of(), atol=1e-6)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_one_image_has_one_grid_in_all_formats(tmp_path, name):
    affine = affine_of(DIRECTIONS[name])
    suffixes = (".nii.gz", ".hdr", ".nrrd", ".mha", ".mhd")
    images = [read_image(write(tmp_path / f"a{s}", labels(), affine)) for s in suffixes]
    images += [as_image(sitk_image(labels(), affine))]
    images += [as_image(nibabel.Nifti1Image(labels(), affine))]
    for image in images:
        np.testing.assert_array_equal(image.array, labels())
        np.testing.assert_allclose(image.grid.affine, affine, atol=1e-6)
        assert image.spacing == pytest.approx(SPACING, rel=1e-6)
    for one, other in itertools.permutations(images, 2):
        check_same_grid(one, other)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_simpleitk_and_nibabel_agree_with_what_is_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(sitk_image(labels(np.int16), affine_of(DIRECTIONS["oblique"])), str(path))
    image = read_image(path)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    np.testing.assert_array_equal(image.array, theirs.T)
    if suffix == ".nii.gz":
        np.testing.assert_array_equal(image.grid.affine, nibabel.load(path).affine)


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha", ".npy"])
def test_2d(tmp_path, suffix):
    affine = affine_of(np.diag([-1.0, 1.0, 1.0]), (0.5, 2.0, 1.0), (3.0, 4.0, 0.0))
    array = labels(shape=(6, 4))
    if suffix == ".nii":
        (tmp_path / "a.nii").write_bytes(nifti_bytes(array, affine))
        image = read_image(tmp_path / "a.nii")
    else:
        image = read_image(write(tmp_path / f"a{suffix}", array, affine))
    np.testing.assert_array_equal(image.array, array)
    if suffix != ".npy":
        assert image.spacing == (0.5, 2.0)
        assert image.grid.shape == (6, 4)
        # The third column is the normal of the plane, whatever the format holds there.
        affine[:3, 2] = [0, 0, -1]
        np.testing.assert_allclose(image.grid.affine, affine)
        check_same_grid(image, as_image(sitk_image(array, affine)))


def test_trailing_axes_of_one_entry_are_dropped(tmp_path):
    array = labels(shape=(5, 4, 3, 1, 1))
    nibabel.save(nibabel.Nifti1Image(array, affine_of()), tmp_path / "a.nii")
    slab = nibabel.Nifti1Image(labels(shape=(5, 4, 1, 1)), affine_of())
    in_4d = SimpleITK.JoinSeries([sitk_image(array[..., 0, 0])])
    SimpleITK.WriteImage(in_4d, str(tmp_path / "a.nrrd"))
    for image in (read_image(tmp_path / "a.nii"), read_image(tmp_path / "a.nrrd"), as_image(in_4d)):
        np.testing.assert_array_equal(image.array, array[..., 0, 0])
        np.testing.assert_allclose(image.grid.affine, affine_of(), atol=1e-6)
    assert as_image(slab).array.shape == (5, 4, 1)


@pytest.mark.parametrize("suffix", [".nii", ".nrrd"])
def test_time_series_and_vectors_are_refused(tmp_path, suffix):
    array = labels(shape=(5, 4, 3, 2))
    if suffix == ".nii":
        nibabel.save(nibabel.Nifti1Image(array, affine_of()), tmp_path / "a.nii")
        refused(tmp_path / "a.nii", "(5, 4, 3, 2)", "vector images are not supported")
        rgb = np.zeros((3, 4, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
        nibabel.save(nibabel.Nifti1Image(rgb, affine_of()), tmp_path / "rgb.nii")
        refused(tmp_path / "rgb.nii", "one label a voxel")
    else:
        vectors = SimpleITK.GetImageFromArray(array, isVector=True)
        SimpleITK.WriteImage(vectors, str(tmp_path / "a.nrrd"))
        refused(tmp_path / "a.nrrd", "one label a voxel", "2 x vector of 8-bit unsigned integer")
        with pytest.raises(ValueError, match="one label a voxel"):
            as_image(vectors)


def test_complex_voxels_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 2, 2), complex))
    refused(tmp_path / "a.npy", "complex128")
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), complex), np.eye(4)), tmp_path / "a.nii")
    refused(tmp_path / "a.nii", "complex128")


# ---- NIfTI -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Nifti1", "Nifti2"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".img"])
@pytest.mark.usefixtures("unzip")
def test_nifti_versions_and_byte_orders(tmp_path, kind, order, suffix):
    array = labels(np.int16) * 300
    base = getattr(nibabel, f"{kind}{'Pair' if suffix == '.img' else 'Image'}")
    image = base(array, affine_of(), header=base.header_class(endianness=order))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}")
    assert read.array.dtype == np.int16
    assert read.array.dtype.isnative
    np.testing.assert_array_equal(read.array, array)
    np.testing.assert_allclose(read.grid.affine, affine_of(), atol=1e-6)
    if suffix == ".img":
        assert read_image(tmp_path / "a.hdr").array.tobytes() == read.array.tobytes()


@pytest.mark.parametrize("kind", ["AnalyzeImage", "Spm99AnalyzeImage", "Spm2AnalyzeImage"])
def test_analyze_agrees_with_nibabel(tmp_path, kind):
    image = getattr(nibabel, kind)(labels(np.int16), np.diag([-0.7, 1.25, 2.5, 1.0]))
    image.to_filename(tmp_path / "a.img")
    (tmp_path / "a.mat").unlink(missing_ok=True)
    theirs, read = nibabel.load(tmp_path / "a.hdr"), read_image(tmp_path / "a.hdr")
    np.testing.assert_array_equal(read.array, labels(np.int16))
    np.testing.assert_allclose(read.grid.affine, theirs.affine)
    assert read.spacing == pytest.approx(SPACING)


def test_header_extensions_are_skipped(tmp_path):
    image = nibabel.Nifti1Image(labels(), affine_of())
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 3_000_000))
    nibabel.save(image, tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array, labels())


@pytest.mark.parametrize(("slope", "inter"), [(2.0, -5.0), (1.0, 3.0), (0.5, 0.0)])
def test_scaling_is_applied(tmp_path, slope, inter):
    stored = labels(np.int16)
    (tmp_path / "a.nii").write_bytes(nifti_bytes(stored, scl_slope=slope, scl_inter=inter))
    expected = stored * slope + inter
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii").array, expected)
    np.testing.assert_array_equal(as_image(nibabel.load(tmp_path / "a.nii")).array, expected)


@pytest.mark.parametrize(("slope", "inter"), [(1, 0), (0, 7), (np.nan, np.nan)])
def test_scaling_that_says_nothing_leaves_the_stored_type(tmp_path, slope, inter):
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), scl_slope=slope, scl_inter=inter))
    for image in (read_image(tmp_path / "a.nii"), as_image(nibabel.load(tmp_path / "a.nii"))):
        assert image.array.dtype == np.uint8
        np.testing.assert_array_equal(image.array, labels())


def test_float_labels_saved_with_an_integer_header_are_whole_again(tmp_path):
    image = nibabel.Nifti1Image(labels(np.float64), affine_of())
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii.gz")
    assert not np.array_equal(nibabel.load(tmp_path / "a.nii.gz").get_fdata(), labels())
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array, labels())
    np.testing.assert_array_equal(as_image(nibabel.load(tmp_path / "a.nii.gz")).array, labels())


def test_scaled_real_numbers_are_not_rounded(tmp_path):
    stored = labels(np.int16)
    (tmp_path / "a.nii").write_bytes(nifti_bytes(stored, scl_slope=0.25, scl_inter=0.001))
    expected = stored * 0.25 + np.float32(0.001)
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").array, expected, rtol=1e-12)


def test_affine_is_sform_then_qform_then_voxel_sizes(tmp_path):
    image = nibabel.Nifti1Image(labels(), affine_of(DIRECTIONS["oblique"]))
    image.set_qform(affine_of(DIRECTIONS["flipped"]), code=1)
    for sform_code, qform_code in ((2, 1), (0, 1), (0, 0)):
        image.header["sform_code"], image.header["qform_code"] = sform_code, qform_code
        (tmp_path / "a.nii").write_bytes(image.to_bytes())
        theirs = nibabel.load(tmp_path / "a.nii").affine
        np.testing.assert_array_equal(read_image(tmp_path / "a.nii").grid.affine, theirs)


@pytest.mark.parametrize(("unit", "mm"), [("meter", 1e3), ("micron", 1e-3), ("mm", 1)])
def test_lengths_are_in_mm(tmp_path, unit, mm):
    image = nibabel.Nifti1Image(labels(), affine_of())
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    for read in (read_image(tmp_path / "a.nii"), as_image(image)):
        assert read.spacing == pytest.approx(np.multiply(SPACING, mm), rel=1e-6)
        np.testing.assert_allclose(read.grid.affine[:3], affine_of()[:3] * mm, rtol=1e-6)


@pytest.mark.parametrize("size", [0.0, -1.25, np.nan, np.inf])
@pytest.mark.parametrize("sform_code", [0, 1])
def test_voxel_sizes_that_make_no_sense_are_named(tmp_path, size, sform_code):
    pixdim = [1, 0.5, size, 3, 0, 0, 0, 0]
    data = nifti_bytes(labels(), pixdim=pixdim, sform_code=sform_code)
    (tmp_path / "a.nii").write_bytes(data)
    refused(tmp_path / "a.nii", "pixdim", f"(0.5, {size}, 3.0) mm")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([np.nan, 0, 0, 0], "not finite"),
        ([0, 0, 0, 0], "column lengths"),
        ([1, 1, 0, 0], "right angles"),  # a shear
    ],
)
def test_affines_that_measure_nothing_are_refused(tmp_path, row, words):
    data = nifti_bytes(labels(), np.eye(4), srow_x=row)
    (tmp_path / "a.nii").write_bytes(data)
    refused(tmp_path / "a.nii", "affine", words)


def test_singular_affines_are_refused():
    with pytest.raises(ValueError, match="right angles"):
        make_grid(
            (2, 2, 2), np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "a"
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"datatype": 7},
        {"vox_offset": 100},
        {"vox_offset": np.nan},
        {"dim": [3, -5, 7, 9, 1, 1, 1, 1]},
        {"dim": [0, 5, 7, 9, 1, 1, 1, 1]},
        {"dim": [1, 5, 7, 9, 1, 1, 1, 1]},
        {"scl_slope": 2, "scl_inter": np.inf},
        {"magic": b"ni1"},
        {"magic": b"xyz"},
    ],
)
def test_headers_that_make_no_sense_are_refused(tmp_path, fields):
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), **fields))
    refused(tmp_path / "a.nii")


def test_misnamed_zipped_and_plain_nifti(tmp_path):
    data = nifti_bytes(labels())
    (tmp_path / "plain.nii.gz").write_bytes(data)
    (tmp_path / "zipped.nii").write_bytes(gzip.compress(data))
    np.testing.assert_array_equal(read_image(tmp_path / "plain.nii.gz").array, labels())
    np.testing.assert_array_equal(read_image(tmp_path / "zipped.nii").array, labels())


@pytest.mark.usefixtures("unzip")
def test_gzip_of_several_members_and_padding(tmp_path):
    data = nifti_bytes(labels()) + bytes(100)
    parts = [gzip.compress(data[:400]), gzip.compress(data[400:]), bytes(20)]
    (tmp_path / "a.nii.gz").write_bytes(b"".join(parts))
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array, labels())


# ---- NRRD and MetaImage ------------------------------------------------------------------------

NRRD = """NRRD0005
# a comment: not a field
type: short
dimension: 3
sizes: 5 7 9
key:=a value: of the writer
space: left-posterior-superior
space directions: (0.5,0,0) (0,2,0) (0,0,3)
space origin: (1,2,3)
"""
META = """ObjectType = Image
NDims = 3
DimSize = 5 7 9
ElementType = MET_SHORT
ElementSpacing = 0.5 2 3
Offset = 1 2 3
"""


def as_file(array, order="<"):
    return array.astype(f"{order}i2").tobytes(order="F")


@pytest.mark.parametrize(
    ("header", "pack"),
    [
        ("encoding: raw\nendian: little\n\n", as_file),
        ("encoding: raw\nendian: big\n\n", lambda a: as_file(a, ">")),
        ("encoding: gzip\nendian: big\n\n", lambda a: gzip.compress(as_file(a, ">"))),
        (
            "encoding: gz\nendian: little\nbyte skip: 3\n\n",
            lambda a: gzip.compress(b"abc" + as_file(a)),
        ),
        ("encoding: raw\nendian: little\nbyte skip: 3\n\n", lambda a: b"abc" + as_file(a)),
        ("encoding: raw\nendian: little\nbyteskip: -1\n\n", lambda a: b"abc" + as_file(a)),
    ],
)
@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", [-1, -1, 1]),
        ("right-anterior-superior", [1, 1, 1]),
        ("LAS", [-1, 1, 1]),
    ],
)
@pytest.mark.usefixtures("unzip")
def test_nrrd_dialects(tmp_path, header, pack, space, signs):
    array = labels(np.int16) * 300
    text = NRRD.replace("left-posterior-superior", space) + header
    path = tmp_path / "a.nrrd"
    path.write_bytes(text.encode() + pack(array))
    image = read_image(path)
    np.testing.assert_array_equal(image.array, array)
    np.testing.assert_array_equal(
        image.array.T, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    )
    expected = np.diag([*signs, 1.0]) @ affine_of(spacing=(0.5, 2, 3), origin=(1, 2, 3))
    np.testing.assert_allclose(image.grid.affine, expected)


@pytest.mark.parametrize(
    ("header", "pack"),
    [
        ("", as_file),
        ("BinaryData = True\nBinaryDataByteOrderMSB = False\n", as_file),
        ("BinaryDataByteOrderMSB = True\n", lambda a: as_file(a, ">")),
        ("ElementByteOrderMSB = True\n", lambda a: as_file(a, ">")),
        ("CompressedData = True\nCompressedDataSize = {}\n", lambda a: zlib.compress(as_file(a))),
        ("CompressedData = True\nCompressedDataSize = {}\n", lambda a: gzip.compress(as_file(a))),
        ("HeaderSize = -1\n", lambda a: b"abc" + as_file(a)),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.usefixtures("unzip")
def test_metaimage_dialects(tmp_path, header, pack, newline):
    array = labels(np.int16) * 300
    data = pack(array)
    text = META + header.format(len(data)) + "ElementDataFile = LOCAL\n"
    path = tmp_path / "a.mha"
    path.write_bytes(text.replace("\n", newline).encode() + data)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, array)
    np.testing.assert_array_equal(
        image.array.T, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    )
    expected = LPS_TO_RAS @ affine_of(spacing=(0.5, 2, 3), origin=(1, 2, 3))
    np.testing.assert_allclose(image.grid.affine, expected)


def test_metaimage_header_size_counts_from_the_front(tmp_path):
    text = META + "HeaderSize = 400\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(text.encode().ljust(400) + as_file(labels(np.int16)))
    image = read_image(tmp_path / "a.mha")
    np.testing.assert_array_equal(image.array, labels())
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.mha")))
    np.testing.assert_array_equal(image.array, theirs.T)


def test_voxels_in_a_file_of_their_own(tmp_path):
    array = labels(np.int16)
    (tmp_path / "my voxels.raw").write_bytes(as_file(array))
    (tmp_path / "skip.raw").write_bytes(b"12345" + as_file(array))
    heads = {
        "a.nrrd": NRRD + "encoding: raw\nendian: little\ndata file: my voxels.raw\n",
        "a.mhd": META + "ElementDataFile = my voxels.raw\n",
        "b.mhd": META + "HeaderSize = 5\nElementDataFile = skip.raw",
    }
    for name, text in heads.items():
        (tmp_path / name).write_text(text)
        np.testing.assert_array_equal(read_image(tmp_path / name).array, array)
    (tmp_path / "my voxels.raw").unlink()
    for name in ("a.nrrd", "a.mhd"):
        with pytest.raises(FileNotFoundError, match=r"my voxels\.raw: no such file"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.nrrd", NRRD + "encoding: ascii\n\n1 2 3"),
        ("a.nrrd", NRRD + "encoding: raw\nendian: little\nline skip: 2\n\n"),
        ("a.nrrd", NRRD + "encoding: gzip\nendian: little\nbyte skip: -1\n\n"),
        ("a.nrrd", NRRD + "encoding: raw\nendian: little\nbyte skip: many\n\n"),
        ("a.nrrd", NRRD + "encoding: raw\nendian: little\ndata file: LIST\na.raw\n"),
        ("a.nrrd", NRRD + "encoding: raw\nendian: little\ndata file: a%02d.raw 1 9 1\n"),
        ("a.nrrd", "NRRD0005\nencoding: raw\n\n"),
        ("a.nrrd", "NRRD0005\nhello\n"),
        ("a.mha", META + "BinaryData = False\nElementDataFile = LOCAL\n1 2 3"),
        ("a.mha", META + "CompressedData = True\nHeaderSize = -1\nElementDataFile = LOCAL\n"),
        ("a.mhd", META + "ElementDataFile = LIST\na.raw\nb.raw\n"),
        ("a.mhd", META.replace("0.5 2 3", "0.5 -2 3") + "ElementDataFile = LOCAL\n"),
        ("a.mhd", META.replace("0.5 2 3", "0.5 0 3") + "ElementDataFile = LOCAL\n"),
    ],
)
def test_what_cannot_be_read_of_nrrd_and_metaimage_is_said(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    refused(tmp_path / name)


def test_itk_errors_are_condensed_and_warnings_restored(tmp_path, capfd):
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(True)  # the default
    (tmp_path / "a.nrrd").write_text("NRRD0005\nencoding: raw\ntype: nonsense\n\n")
    with pytest.raises(ValueError) as caught:
        read_image(tmp_path / "a.nrrd")
    assert "nonsense" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("[nrrd]", "0x", ".cxx", "Exception"))
    assert SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    assert capfd.readouterr().err == ""


# ---- NumPy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_npy_keeps_axes_and_memory_order(tmp_path, order, byte_order):
    array = np.asarray(labels(), dtype=f"{byte_order}u4", order=order)
    np.save(tmp_path / "a.npy", array)
    image = read_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(image.array, array)
    assert image.array.dtype.isnative
    assert image.array.flags[f"{order}_CONTIGUOUS"]


def test_npz_takes_the_array_that_is_meant(tmp_path):
    other = np.zeros(3)
    for arrays in (
        {"only": labels()},
        {"seg": labels(), "x": other},
        {"arr_0": labels(), "x": other},
    ):
        np.savez(tmp_path / "a.npz", **arrays)
        np.testing.assert_array_equal(read_image(tmp_path / "a.npz").array, labels())
    np.savez(tmp_path / "a.npz", first=other, second=other)
    refused(tmp_path / "a.npz", "'first', 'second'", "'seg' or 'arr_0'")
    np.savez(tmp_path / "a.npz", seg=other, arr_0=other)
    refused(tmp_path / "a.npz", "'seg', 'arr_0'")
    zipfile.ZipFile(tmp_path / "a.npz", "w").close()
    refused(tmp_path / "a.npz", "none")


def test_pickles_are_never_loaded(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "a.npz", objects)
    refused(tmp_path / "a.npy", "object")
    refused(tmp_path / "a.npz", "object")


# ---- damage ------------------------------------------------------------------------------------

HUGE = 10**12


def huge_nifti():
    """Make the header of 10 000 cubed voxels."""
    return nifti_bytes(labels(), dim=[3, 10_000, 10_000, 10_000, 1, 1, 1, 1])


def huge_npy():
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (HUGE,)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(1000)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".img", ".nrrd", "z.nrrd", ".mha", ".npy"])
@pytest.mark.usefixtures("unzip")
def test_headers_that_promise_too_much_cost_nothing(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        path.write_bytes(huge_npy())
    elif suffix in (".nii", ".nii.gz"):
        path.write_bytes(gzip.compress(huge_nifti()) if suffix == ".nii.gz" else huge_nifti())
    else:
        write(path, labels())
        head = path.with_suffix(".hdr") if suffix == ".img" else path
        if suffix == ".img":
            size = np.array([10_000] * 3, "<i2").tobytes()
            head.write_bytes(head.read_bytes()[:42] + size + head.read_bytes()[48:])
        else:
            head.write_bytes(head.read_bytes().replace(b" 5 7 9", b" 10000 10000 10000"))
    refused(path, "1,000,000,000", "promises")


def test_npz_members_that_promise_too_much_cost_nothing(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", huge_npy())
    refused(tmp_path / "a.npz", "1,000,000,000", "promises")
    data = bytearray((tmp_path / "a.npz").read_bytes())
    entry = data.index(b"PK\x01\x02")  # the archive's directory may lie as well
    data[entry + 24 : entry + 28] = (4_000_000_000).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(data)
    refused(tmp_path / "a.npz", "a.npy cannot hold 4,000,000,000 bytes")


def test_npz_members_that_numpy_does_not_write_are_refused(tmp_path):
    table = io.BytesIO()
    np.lib.format.write_array(table, labels(), version=(3, 0))
    bomb = io.BytesIO()
    np.lib.format.write_array(bomb, labels())
    cases = {
        "NumPy does not write": (zipfile.ZIP_BZIP2, bomb.getvalue()),
        "(3, 0)": (zipfile.ZIP_STORED, table.getvalue()),
        "do not end where": (zipfile.ZIP_DEFLATED, bomb.getvalue() + bytes(64_000_000)),
        "not a readable NumPy array": (zipfile.ZIP_STORED, b"hello"),
    }
    for words, (method, data) in cases.items():
        with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
            archive.writestr("a.npy", data)
        refused(tmp_path / "a.npz", words)


@pytest.mark.parametrize("suffix", [s for s in IMAGE_SUFFIXES if s != ".mhd"] + ["z.nrrd"])
@pytest.mark.parametrize("kept", [0.7, 0.2])
@pytest.mark.usefixtures("unzip")
def test_truncated_files_are_refused(tmp_path, suffix, kept):
    path = write(tmp_path / f"a{suffix}", labels(shape=(20, 20, 20)))
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    refused(path)


def test_truncation_is_called_by_its_name(tmp_path):
    data = nifti_bytes(labels(shape=(20, 20, 20)))
    (tmp_path / "a.nii").write_bytes(data[:-1])
    refused(tmp_path / "a.nii", "truncated", "promises 8,352 bytes", "8,351")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(data)[:-1])
    refused(tmp_path / "a.nii.gz", "truncated")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(data[:-1]))
    refused(tmp_path / "b.nii.gz", "truncated", "8,000 bytes of voxels", "end after 7,999")
    (tmp_path / "c.nii").write_bytes(data[:300])
    refused(tmp_path / "c.nii", "not a NIfTI image")


@pytest.mark.parametrize("kind", ["gzip nifti", "gzip nrrd", "zlib mha", "npz"])
@pytest.mark.parametrize("where", [-6, -300])  # in the checksum, in the data
@pytest.mark.usefixtures("unzip")
def test_corrupt_zipped_data_are_refused(tmp_path, kind, where):
    array = labels(shape=(20, 20, 20))
    if kind == "gzip nifti":
        path = write(tmp_path / "a.nii.gz", array)
    elif kind == "gzip nrrd":
        path = write(tmp_path / "az.nrrd", array)
    elif kind == "zlib mha":
        path = tmp_path / "a.mha"
        SimpleITK.WriteImage(sitk_image(array), str(path), True)
        where = where + 3 if where == -6 else where  # Adler-32 is the last four bytes
    else:
        path = write(tmp_path / "a.npz", array)
        where = -400  # before the archive's directory
    data = bytearray(path.read_bytes())
    data[where] ^= 0xFF
    path.write_bytes(data)
    refused(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.usefixtures("unzip")
def test_zip_bombs_take_no_memory(tmp_path, suffix):
    path, bomb = tmp_path / f"a{suffix}", bytes(64_000_000)
    if suffix == ".nii.gz":
        path.write_bytes(gzip.compress(nifti_bytes(labels()) + bomb, 1))
    elif suffix == ".nrrd":
        head = NRRD + "encoding: gzip\nendian: little\n\n"
        path.write_bytes(head.encode() + gzip.compress(bomb, 1))
    else:
        head = META + "CompressedData = True\nElementDataFile = LOCAL\n"
        path.write_bytes(head.encode() + zlib.compress(bomb, 1))
    refused(path, "do not end where the header says")


def test_more_voxels_than_the_header_says_are_refused(tmp_path):
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels()) + bytes(2_000_000))
    refused(tmp_path / "a.nii", "do not end where the header says")


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"hello, this is no image\n" * 40])
def test_files_that_are_no_images_are_refused(tmp_path, suffix, content):
    for half in (".hdr", ".img") if suffix in (".hdr", ".img") else (suffix,):
        (tmp_path / f"a{half}").write_bytes(content)
    refused(tmp_path / f"a{suffix}", "" if content else "empty")


def test_paths_that_are_no_image_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.nii\.gz: no such file"):
        read_image(tmp_path / "none.nii.gz")
    (tmp_path / "folder.nii").mkdir()
    refused(tmp_path / "folder.nii", "directory")
    (tmp_path / "scan.dcm").write_bytes(b"x")
    refused(tmp_path / "scan.dcm", ".nii.gz, .nii, .hdr, .img, .nrrd, .mha, .mhd, .npy, .npz")
    write(tmp_path / "pair.hdr", labels())
    (tmp_path / "pair.img").unlink()
    with pytest.raises(FileNotFoundError, match=r"pair\.img: no such file"):
        read_image(tmp_path / "pair.hdr")


def test_names():
    assert image_stem("/data/case.nii.gz") == "case"
    assert image_stem("case.0000.NRRD") == "case.0000"
    with pytest.raises(ValueError, match="known endings"):
        image_stem("case.txt")
    assert is_image_path("a.nii")
    assert not is_image_path(labels())


# ---- the same grid -----------------------------------------------------------------------------


def image_on(affine, shape=(100, 80, 60), source="x"):
    grid = make_grid(shape, affine, source)
    return Image(np.broadcast_to(np.uint8(0), shape), grid, grid.spacing, source)


def moved(what, voxels):
    """Make an affine whose farthest corner is so many voxels off, all of it by one property."""
    affine = affine_of(DIRECTIONS["oblique"])
    if what == "spacing":
        affine[:3, 1] *= 1 + voxels / 79
    elif what == "origin":
        affine[:3, 3] += voxels * affine[:3, 2]
    else:
        # Turned about the third axis, the end of the second moves along the finer first.
        angle = np.degrees(voxels * SPACING[0] / (79 * SPACING[1]))
        turned = DIRECTIONS["oblique"] @ rotation(0, 0, angle)
        affine = affine_of(turned)
    return affine


@pytest.mark.parametrize("what", ["spacing", "origin", "direction"])
def test_grids_that_differ_are_told_apart_and_named(what):
    reference = image_on(affine_of(DIRECTIONS["oblique"]), source="ref.nii")
    check_same_grid(reference, image_on(moved(what, 0.9e-3)))
    for voxels in (1.1e-3, 0.3):
        with pytest.raises(GridMismatchError) as caught:
            check_same_grid(reference, image_on(moved(what, voxels), source="pred.nii"))
        message = str(caught.value)
        assert "reference ref.nii and prediction pred.nii" in message
        named = [word for word in ("shape", "spacing", "origin", "direction") if word in message]
        assert named == [what]
        shown, other = message.split(f"{what} ")[1].split(";")[0].split(" against ")
        assert shown != other


def test_values_of_both_grids_are_readable():
    with pytest.raises(GridMismatchError) as caught:
        check_same_grid(
            image_on(affine_of(spacing=(1, 1, 2.5))), image_on(affine_of(spacing=(1, 1, 3)))
        )
    assert "spacing (1, 1, 2.5) mm against (1, 1, 3) mm" in str(caught.value)
    with pytest.raises(GridMismatchError) as caught:
        check_same_grid(image_on(affine_of()), image_on(affine_of(DIRECTIONS["flipped"])))
    expected = "direction x: (1, 0, 0), y: (0, 1, 0), z: (0, 0, 1) against x: (-1, 0, 0), y: (0, -1"
    assert expected in str(caught.value)


def test_small_differences_that_add_up_are_named():
    affine = moved("spacing", 0.8e-3)
    affine[:3, 3] += 0.7e-3 * affine_of(DIRECTIONS["oblique"])[:3, 1]
    with pytest.raises(GridMismatchError, match="spacing"):
        check_same_grid(image_on(affine_of(DIRECTIONS["oblique"])), image_on(affine))


def test_shapes_are_compared_first_and_always():
    reference = image_on(np.eye(4), (4, 5, 6), "a.nii")
    plain = Image(np.zeros((4, 5, 6)), None, None, "b.npy")
    check_same_grid(reference, plain)
    check_same_grid(plain, plain)
    with pytest.raises(GridMismatchError, match=r"shape: \(4, 5, 6\) against \(6, 5, 4\)"):
        check_same_grid(reference, Image(np.zeros((6, 5, 4)), None, None, "b.npy"))
    with pytest.raises(GridMismatchError, match="shape"):
        check_same_grid(reference, image_on(np.eye(4), (4, 5, 7)))


# ---- objects -----------------------------------------------------------------------------------


def test_simpleitk_images_are_viewed_and_kept_alive():
    original = labels(np.int16, (40, 50, 60))
    image = sitk_image(original)
    address = SimpleITK.GetArrayViewFromImage(image).__array_interface__["data"][0]
    view = as_image(image).array
    assert view.__array_interface__["data"][0] == address
    assert view.flags.f_contiguous
    image[0, 0, 0] = 77  # takes a new buffer, as the view holds the old one
    image += 5
    del image
    part = view[1:, 2:]
    del view
    SimpleITK.Image(40, 50, 60, SimpleITK.sitkInt16)  # would move into freed memory
    np.testing.assert_array_equal(part, original[1:, 2:])


def test_nibabel_images_are_taken_in_the_stored_type(tmp_path):
    array = labels(np.int16)
    image = as_image(nibabel.Nifti1Image(array, affine_of(DIRECTIONS["permuted"])))
    assert np.shares_memory(image.array, array)
    assert image.spacing == pytest.approx(SPACING)
    big = nibabel.Nifti1Image(array, affine_of(), nibabel.Nifti1Header(endianness=">"))
    big.set_data_dtype(np.int16)
    big.to_filename(tmp_path / "a.nii")
    read = as_image(nibabel.load(tmp_path / "a.nii"))
    assert read.array.dtype == np.int16
    assert read.source == str(tmp_path / "a.nii")
    np.testing.assert_array_equal(read.array, array)
    nowhere = as_image(nibabel.Nifti1Image(array, None))
    assert nowhere.grid is None
    assert nowhere.spacing == (1, 1, 1)


def test_nibabel_images_of_damaged_files_are_refused(tmp_path):
    path = write(tmp_path / "a.nii.gz", labels(shape=(40, 40, 40)))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ValueError, match=r"a\.nii\.gz: the voxels cannot be read"):
        as_image(nibabel.load(path))


@pytest.mark.parametrize("value", [labels(), "a.nii", None, 3, [labels()], object()])
def test_other_objects_are_no_images(value):
    assert as_image(value) is None


# ---- missing libraries -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "suffix"), [("nibabel", ".nii.gz"), ("nibabel", ".img"), ("SimpleITK", ".mha")]
)
def test_missing_libraries_are_named(tmp_path, monkeypatch, module, suffix):
    path = write(tmp_path / f"a{suffix}", labels())
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'{module}: pip install "fastseg-metrics\[io\]"'):
        read_image(path)
    assert as_image(labels()) is None
    np.save(tmp_path / "a.npy", labels())
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy").array, labels())
