"""Which files are a pair: suffixes, endings, nested folders, accents, links, tables."""

from __future__ import annotations

import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastseg.cohort.folders import check_is_file, images_below, some
from fastseg.cohort.outcomes import Case
from fastseg.cohort.pairing import Pairing, find_pairs, pair_folders

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make empty files, and give the folder that holds them; their content does not matter here."""

    def make(folder: str, *names: str) -> Path:
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / folder

    return make


def _named(pairing: Pairing, root: Path) -> dict[str, tuple[str, str | None]]:
    """Case to reference and prediction, as paths below a folder."""
    return {
        case.name: (
            Path(case.reference).relative_to(root).as_posix(),
            Path(case.prediction).relative_to(root).as_posix() if case.prediction else None,
        )
        for case in pairing.cases
    }


LAYOUTS: dict[str, tuple[list[str], list[str], dict[str, str], list[str]]] = {
    "two raters": (
        ["case_1_gt.nii.gz", "case_2_gt.nii.gz"],
        ["case_1_pred.nii", "case_2_pred.nii"],
        {"reference_suffix": "_gt", "prediction_suffix": "_pred"},
        ["case_1", "case_2"],
    ),
    "raters in one folder": (
        ["a_gt.nrrd", "a_pred.nrrd"],
        ["a_gt.nrrd", "a_pred.nrrd"],
        {"reference_suffix": "_gt", "prediction_suffix": "_pred"},
        ["a"],
    ),
    "suffix with the ending": (
        ["a_gt.nii.gz", "b_gt.nii.gz"],
        ["a.nii.gz", "b.nii.gz"],
        {"reference_suffix": "_gt.nii.gz"},
        ["a", "b"],
    ),
    "BraTS, flat": (
        ["BraTS-GLI-1-seg.nii.gz"],
        ["BraTS-GLI-1.nii.gz"],
        {"reference_suffix": "-seg"},
        ["BraTS-GLI-1"],
    ),
    "BraTS, as it comes": (
        [f"BraTS-{i}/BraTS-{i}-{part}.nii.gz" for i in (1, 2) for part in ("seg", "t1c", "t2f")],
        ["BraTS-1.nii.gz", "BraTS-2.nii.gz"],
        {"reference_suffix": "-seg"},
        ["BraTS-1", "BraTS-2"],
    ),
    "a file of one name in a folder a case": (
        ["s1/seg.nii.gz", "s2/seg.nii.gz", "s2/image.nii.gz"],
        ["s1.nii.gz", "s2.nii.gz"],
        {"reference_suffix": "/seg"},
        ["s1", "s2"],
    ),
    "the same without a slash": (
        ["s1/seg.nii.gz"],
        ["s1.nii.gz"],
        {"reference_suffix": "seg"},
        ["s1"],
    ),
    "an organ a file": (
        ["s2/liver.nii.gz", "s10/liver.nii.gz", "s2/spleen.nii.gz"],
        ["s2/liver.nii.gz", "s10/liver.nrrd", "s2/spleen.nii.gz"],
        {},
        ["s2/liver", "s2/spleen", "s10/liver"],
    ),
    "deeper": (
        ["s1/segmentations/liver.nii.gz", "top.nii.gz"],
        ["s1/segmentations/liver.nii.gz", "top.nii.gz"],
        {},
        ["s1/segmentations/liver", "top"],
    ),
    "unzipped into folders": (
        ["a.nii.gz/a.nii", "s/b.nii.gz/b.nii"],
        ["a.nii.gz", "s/b.nii.gz"],
        {},
        ["a", "s/b"],
    ),
    "an ending": (
        ["a.nii.gz"],
        ["a.nii.gz", "a.nrrd", "b.mha"],
        {"ending": "NII.GZ"},
        ["a"],
    ),
    "hidden files and folders": (
        ["a.npy", ".b.npy", ".old/c.npy", "s/.x/d.npy"],
        ["a.npy", ".b.npy", ".old/c.npy", "s/.x/d.npy"],
        {},
        ["a"],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_folders(make: Make, layout: tuple[Any, ...]) -> None:
    references, predictions, options, names = layout
    pairing = pair_folders(make("r", *references), make("p", *predictions), **options)
    assert [case.name for case in pairing.cases] == names
    assert pairing.missing == []


def test_the_files_of_a_nested_pair(make: Make, tmp_path: Path) -> None:
    pairing = pair_folders(
        make("r", "BraTS-1/BraTS-1-seg.nii.gz"),
        make("p", "BraTS-1.nii.gz"),
        reference_suffix="-seg",
    )
    assert _named(pairing, tmp_path) == {
        "BraTS-1": ("r/BraTS-1/BraTS-1-seg.nii.gz", "p/BraTS-1.nii.gz")
    }


def test_missing_predictions_and_predictions_without_reference(make: Make, tmp_path: Path) -> None:
    folders = make("r", "s1/a.npy", "s1/b.npy", "s2/a.npy"), make("p", "s1/a.npy", "s3/a.npy")
    pairing = pair_folders(*folders)
    assert _named(pairing, tmp_path) == {
        "s1/a": ("r/s1/a.npy", "p/s1/a.npy"),
        "s1/b": ("r/s1/b.npy", None),
        "s2/a": ("r/s2/a.npy", None),
    }
    assert [case.name for case in pairing.missing] == ["s1/b", "s2/a"]
    assert pairing.only_prediction == [folders[1] / "s3/a.npy"]


@pytest.mark.parametrize("missing", ["worst", "skip", "error"])
def test_what_is_done_about_missing_predictions(make: Make, missing: Any) -> None:
    folders = make("r", "a.npy", "b.npy", "c.npy"), make("p", "a.npy", "x.npy")
    what = f"2 of 3 references in {folders[0]} have no prediction in {folders[1]}"
    if missing == "error":
        with pytest.raises(ValueError, match="no prediction") as raised:
            find_pairs(*folders, missing=missing)
        assert str(raised.value).startswith(f"{what}: b, c;")
        return
    pairing = find_pairs(*folders, missing=missing)
    assert [case.name for case in pairing.cases] == (
        ["a", "b", "c"] if missing == "worst" else ["a"]
    )
    assert [case.name for case in pairing.missing] == ["b", "c"]
    assert pairing.policy == missing
    done = "left out: b, c" if missing == "skip" else "scored against an empty one"
    assert pairing.notes[0].startswith(f"{what} and are {done}")
    assert pairing.notes[1] == (
        f"1 of 2 predictions in {folders[1]} have no reference in {folders[0]} and are left out: x.npy"
    )


def test_an_unknown_way_with_missing_predictions(make: Make) -> None:
    with pytest.raises(ValueError, match="missing: unknown 'wrost'; did you mean 'worst'"):
        find_pairs(make("r", "a.npy"), make("p", "a.npy"), missing="wrost")  # type: ignore[arg-type]


ADVICE = {
    "a suffix of references": (["a-seg.nii.gz"], ["a.nii.gz"], "(--reference-suffix -seg) would pair 1"),
    "of predictions": (["a.npy", "b.npy"], ["a_pred.npy", "b_pred.npy"], "(--prediction-suffix _pred) would pair 2"),
    "of both": (
        ["case_1_gt.npy", "case_12_gt.npy"],
        ["case_1_pred.npy", "case_12_pred.npy", "case_3_pred.npy"],
        "(--reference-suffix _gt --prediction-suffix _pred) would pair 2",
    ),
    "with a number": (["a.npy", "b.npy"], ["a_0000.npy", "b_0000.npy"], "--prediction-suffix _0000) would pair 2"),
    "a folder a case": (["a/seg.npy", "b/seg.npy"], ["a.npy", "b.npy"], "--reference-suffix /seg) would pair 2"),
    "some of many": (
        [f"x{i}_gt.npy" for i in range(70)], [f"x{i}.npy" for i in range(65)], "--reference-suffix _gt) would pair 65",
    ),
    "among modalities": (
        [f"b{i}/b{i}_{part}.npy" for i in (1, 2) for part in ("flair", "seg", "t1")], ["b1.npy", "b2.npy"],
        "--reference-suffix _seg) would pair 2",
    ),
    "none": (["case_1.npy"], ["case_2.npy"], "a table of pairs (.csv) takes any names"),
}  # fmt: skip


@pytest.mark.parametrize(("references", "predictions", "advice"), ADVICE.values(), ids=ADVICE)
def test_where_no_names_are_equal_the_error_says_what_would_pair_them(
    make: Make, references: list[str], predictions: list[str], advice: str
) -> None:
    folders = make("r", *references), make("p", *predictions)
    with pytest.raises(ValueError, match="no image in .* has a partner") as raised:
        pair_folders(*folders)
    assert advice in str(raised.value)
    assert len(str(raised.value)) < 600


def test_a_suffix_or_ending_that_no_file_has(make: Make) -> None:
    folders = make("r", "a.npy", "b.npy"), make("p", "a.npy")
    with pytest.raises(
        ValueError, match=r"r: it holds no image whose name ends in '_gt': a\.npy, b\.npy"
    ):
        pair_folders(*folders, reference_suffix="_gt")
    with pytest.raises(ValueError, match=r"r: it holds no image, with the ending \.nrrd"):
        pair_folders(*folders, ending=".nrrd")
    with pytest.raises(ValueError, match=r"ending: unknown '\.nii\.gx'; did you mean '\.nii\.gz'"):
        pair_folders(*folders, ending=".nii.gx")


def test_probabilities_beside_a_label_map_are_not_meant(make: Make, tmp_path: Path) -> None:
    references = make("r", "a.nii.gz", "b.nii.gz", "c.npz")
    predictions = make(
        "p",
        *(f"{case}{ending}" for case in "ab" for ending in (".nii.gz", ".npz", ".pkl")),
        "c.npz",
    )
    pairing = pair_folders(references, predictions)
    assert _named(pairing, tmp_path) == {
        "a": ("r/a.nii.gz", "p/a.nii.gz"),
        "b": ("r/b.nii.gz", "p/b.nii.gz"),
        "c": ("r/c.npz", "p/c.npz"),
    }
    (note,) = pairing.notes
    assert note.startswith("left out beside images of other kinds")
    assert "a.npz" in note
    assert "b.npz" in note
    assert "c.npz" not in note
    pairing = pair_folders(references, predictions, ending=".npz")
    assert _named(pairing, tmp_path) == {"c": ("r/c.npz", "p/c.npz")}


def test_screenshots_are_no_label_maps_but_pictures_among_themselves_are(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not pictures can be read: here they can."""
    endings = (".nii.gz", ".npy", ".png")
    monkeypatch.setattr("fastseg.cohort.folders.IMAGE_SUFFIXES", endings)
    monkeypatch.setattr("fastseg.io.formats.IMAGE_SUFFIXES", endings)
    references = make("r", "a.nii.gz", "a.png", "overview.png", "both.png")
    pairing = pair_folders(references, make("p", "a.nii.gz", "both.png"))
    assert [Path(case.reference).name for case in pairing.cases] == ["a.nii.gz", "both.png"]
    assert "a.png" in pairing.notes[0]
    assert "overview.png" in pairing.notes[0]
    pairing = pair_folders(make("r2", "a.png", "b.png"), make("p2", "a.png"))
    assert [case.name for case in pairing.missing] == ["b"]


def test_two_maps_of_a_case_are_refused(make: Make) -> None:
    predictions = make("p", "a.nii.gz")
    with pytest.raises(
        ValueError, match=r"a\.nii\.gz and a\.nrrd both name the case 'a'.*--ending \.nii\.gz"
    ):
        pair_folders(make("r", "a.nii.gz", "a.nrrd"), predictions)
    with pytest.raises(ValueError, match=r"x\.npy and x/x\.npy both name the case 'x'; keep one"):
        pair_folders(make("r2", "x/x.npy", "x.npy"), predictions)


def test_accents_are_compared_however_they_are_written(make: Make) -> None:
    one, two = (unicodedata.normalize(form, "patiént/ü_é") for form in ("NFC", "NFD"))
    references = make("r", f"{one}_gé.npy")
    pairing = pair_folders(
        references, make("p", f"{two}.npy"), reference_suffix=unicodedata.normalize("NFD", "_gé")
    )
    assert [case.name for case in pairing.cases] == [one]
    both = make("both", f"{one}.npy", f"{two}.npy")
    with pytest.raises(
        ValueError, match=r"differ only in how accents are written \(NFC and NFD\)"
    ) as raised:
        pair_folders(both, both)
    assert "\\u0301" in str(raised.value)  # two spellings that look alike are told apart


def test_a_name_that_is_not_utf_8(make: Make, tmp_path: Path) -> None:
    for folder in ("r", "p"):
        make(folder, "a.npy")
        (tmp_path / folder / os.fsdecode(b"ren\xe9.npy")).touch()
    pairing = pair_folders(tmp_path / "r", tmp_path / "p")
    assert [case.name for case in pairing.cases] == ["a", "ren\\udce9"]
    assert os.fsencode(pairing.cases[1].reference).endswith(b"ren\xe9.npy")


def test_a_line_break_in_a_name_breaks_no_line(make: Make) -> None:
    pairing = pair_folders(make("r", "a\nb\x1b[31m.npy"), make("p", "a\nb\x1b[31m.npy"))
    assert pairing.cases[0].name == "a\\x0ab\\x1b[31m"


def test_predictions_within_the_folder_of_the_references(make: Make) -> None:
    outer = make("outer", "a.npy", "s/b.npy", "inner/a.npy", "inner/s/b.npy", "also/c.npy")
    pairing = find_pairs(outer, outer / "inner")
    assert [case.name for case in pairing.cases] == ["a", "also/c", "s/b"]
    assert [case.name for case in pairing.missing] == ["also/c"]
    pairing = find_pairs(outer / "inner", outer)
    assert [case.name for case in pairing.cases] == ["a", "s/b"]
    assert pairing.only_prediction == [outer / "also/c.npy"]
    assert not find_pairs(outer, outer).missing


def test_links_are_followed_but_not_in_circles(make: Make, tmp_path: Path) -> None:
    references = make("r", "s1/a.npy", "s2/a.npy")
    elsewhere = make("elsewhere", "b.npy")
    for name, target in (
        ("itself", "itself"), ("here", "."), ("up", ".."), ("root", "/"), ("s1/other", "../s2"),
        ("s2/other", "../s1"), ("s3", str(elsewhere)), ("s1/c.npy", str(elsewhere / "b.npy")),
    ):  # fmt: skip
        (references / name).symlink_to(target)
    assert set(images_below(references).paths) == {
        "s1/a", "s1/c", "s1/other/a", "s2/a", "s2/other/a", "s2/other/c", "s3/b",
    }  # fmt: skip


def test_what_only_looks_like_a_file_is_a_case_and_is_refused(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make("r", "a.npy", "folder.npy/b.npy")
    monkeypatch.chdir(folder)  # a socket's path must be short
    (folder / "dangling.npy").symlink_to(".git/annex/objects/x")
    (folder / "itself.npy").symlink_to("itself.npy")
    os.mkfifo(folder / "pipe.npy")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.npy")
        names = list(images_below(folder).paths)
        assert sorted(names) == ["a", "dangling", "folder.npy/b", "itself", "pipe", "socket"]
        check_is_file(folder / "a.npy")
        for name, words in (
            ("dangling", r"a link to \.git/annex/objects/x, which is not there"),
            ("itself", "cannot be read"),
            ("pipe", "this is a pipe"),
            ("socket", "a socket"),
            ("nothing", "no such file"),
        ):
            with pytest.raises((OSError, ValueError), match=words):
                check_is_file(folder / f"{name}.npy")


def test_long_lists_are_cut() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcde")) == "a, b, c, … (5 in all)"


# ---------------------------------------------------------------------------------------- tables


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a table of pairs."""

    def write(content: str | bytes, name: str = "pairs.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


TABLES: dict[str, tuple[str | bytes, str]] = {
    "commas": ("case,reference,prediction\none,r/a.npy,p/x.npy\ntwo,r/b.npy,\n", "pairs.csv"),
    "tabs": ("case\treference\tprediction\none\tr/a.npy\tp/x.npy\ntwo\tr/b.npy\t\n", "pairs.TSV"),
    "semicolons, a BOM": (
        b"\xef\xbb\xbfcase;reference;prediction\r\none;r/a.npy;p/x.npy\r\ntwo;r/b.npy;\r\n", "pairs.csv",
    ),
    "other columns and order, blank lines, a short row": (
        'Prediction ,,"Case",reference\n\np/x.npy,7,one, r/a.npy\n,,,\n,8,two,"r/b.npy"', "pairs.csv",
    ),
    "line ends of old Macs": (
        "case;reference;prediction\rone;r/a.npy;p/x.npy\rtwo;r/b.npy;\r", "pairs.csv",
    ),
    "short rows": ("case,reference,prediction\none,r/a.npy,p/x.npy\ntwo,r/b.npy", "pairs.csv"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "name"), TABLES.values(), ids=TABLES)
def test_a_table_of_pairs(
    table: Callable[..., Path], tmp_path: Path, content: str | bytes, name: str
) -> None:
    pairing = find_pairs(table(content, name))
    assert pairing.cases == [
        Case("one", tmp_path / "r/a.npy", tmp_path / "p/x.npy"),
        Case("two", tmp_path / "r/b.npy", None),
    ]
    assert [case.name for case in pairing.missing] == ["two"]
    assert "1 of 2 references" in pairing.notes[0]


def test_cases_without_a_name_of_their_own(table: Callable[..., Path], tmp_path: Path) -> None:
    names = {
        "reference,prediction\nr/s1/liver.nii.gz,x.npy\nr/s2/liver.nii.gz,y.npy": ["s1/liver", "s2/liver"],
        f"reference,prediction\n{tmp_path}/r/a.npy,x.npy\nr/b.c.nrrd,y.npy": ["a", "b.c"],
        "reference,prediction\ndata/a.npy,x.npy": ["a"],
        "case,reference,prediction\n,r/a.npy,x.npy\nmine,r/b.npy,x.npy": ["a", "mine"],
    }  # fmt: skip
    for content, expected in names.items():
        assert [case.name for case in find_pairs(table(content)).cases] == expected


def test_bytes_of_a_name_stay_what_they_are(table: Callable[..., Path]) -> None:
    (case,) = find_pairs(table(b"reference,prediction\nren\xe9.npy,p.npy\n")).cases
    assert os.fsencode(case.reference).endswith(b"/ren\xe9.npy")
    assert case.name == "ren\\udce9"


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "no column reference"),
    "no row": ("reference,prediction\n\n", "it names no pair"),
    "a column missing": ("case,reference,predicton\na,b,c", "no column prediction, but 'case, reference, predicton'"),
    "a column twice": ("reference,prediction,Reference\na,b,c", "the column reference is there twice"),
    "no reference": ("reference,prediction\na.npy,b.npy\n,c.npy", "line 3 has no reference"),
    "a comma in a path": ("reference,prediction\na.npy,b,c.npy", "line 2 has 3 cells for 2 columns"),
    "a name twice": ("case,reference,prediction\nx,a.npy,b.npy\n\nx,c.npy,d.npy", "lines 2 and 4 both name .* 'x'"),
    "a reference twice": ("reference,prediction\na.npy,b.npy\na.npy,c.npy", "both name the case 'a'"),
    "accents twice": ("case,reference,prediction\n\u00e9,a.npy,b.npy\ne\u0301,c.npy,d.npy", "both name the case"),
    "UTF-16": ("reference,prediction\na.npy,b.npy".encode("utf-16"), "not a text file in UTF-8"),
    "not text": (b"\x89PNG\r\n\x1a\n\0\0", "not a text file in UTF-8"),
    "an endless cell": ('reference,prediction\n"' + "a" * 200_000, "is not CSV"),
    "all missing, skipped": ("reference,prediction\na.npy,", "there is nothing to evaluate"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_tables(table: Callable[..., Path], content: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        find_pairs(table(content), missing="skip")
    assert len(str(raised.value)) < 500


def test_what_stands_beside_a_table_and_what_must_not_stand_alone(
    table: Callable[..., Path], make: Make
) -> None:
    path, folder = table("reference,prediction\na.npy,b.npy"), make("r", "a.npy")
    with pytest.raises(FileNotFoundError, match=r"no\.csv: no such file"):
        find_pairs("no.csv")
    with pytest.raises(ValueError, match="a table of pairs names the predictions"):
        find_pairs(path, folder)
    with pytest.raises(ValueError, match="so it takes no suffixes and no ending"):
        find_pairs(path, ending=".npy")
    with pytest.raises(ValueError, match="expected a prediction beside it"):
        find_pairs(folder)
