"""The page as a text: what stands in it, that it is well formed, that odd names stay names, that it is whole."""

from __future__ import annotations

import html.parser
import itertools
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.__main__ import main
from fastseg.errors import InputError, InputTypeError
from tests.reports.cohort import stream

pandas = pytest.importorskip("pandas")
for needed in ("jinja2", "itables", "matplotlib", "PIL"):
    pytest.importorskip(needed)

_VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(html.parser.HTMLParser):
    """What a page is made of; a tag that is not closed, or not opened, is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, tag
        assert self._open.pop() == tag, (tag, self._open[-3:], self.getpos())

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & {*self._open}:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(source: Any, folder: Path, **options: Any) -> tuple[Page, dict[str, Any], str]:
    """The page, its data and its text."""
    path = fastseg.report(source, folder / "report.html", **options)
    text = path.read_text(encoding="utf-8")
    held = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert held
    return Page(text), json.loads(held[1]), text


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stream(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def made(
    results: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Page, dict[str, Any], str]:
    return page_of(results, tmp_path_factory.mktemp("page"))


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes most of the time; the page that is `made` for all has them."""
    monkeypatch.setattr("fastseg.reports.figures.figures_of", lambda *_: ([], []))


def test_every_section_is_there_and_told_to_a_screen_reader(made: Any) -> None:
    page, _, text = made
    sections = ["case", "worst", "summary", "figures", "ranking", "subgroups"]
    sections += ["flags", "absent", "undefined", "rows", "settings"]
    ids = [one.get("id") for _, one in page.tags if one.get("id")]
    assert len(ids) == len({*ids})
    assert [one["id"] for one in page.all("section")] == sections
    for section in page.all("section"):
        assert section["aria-labelledby"] in ids
    for link in page.all("a"):
        href = str(link["href"])
        assert href.startswith("#case=") or href[1:] in ids, href
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.all(landmark)) == 1
    assert page.all("html") == [{"lang": "en"}]
    for head in page.all("th"):
        assert head["scope"] in ("row", "col")
    assert all(image["alt"] for image in page.all("img"))
    assert text.count("<caption>") == len(page.all("table")) - 2  # rows and case have headings
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert len(page.all("svg")) > 8


def test_nothing_is_asked_of_a_network(made: Any) -> None:
    page, _, text = made
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert str(attributes.get(name, "#")).startswith(("#", "data:")), attributes
    policy = next(
        one["content"] for one in page.all("meta") if "content" in one and one.get("http-equiv")
    )
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1]
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.S))
    assert not re.search(r"url\((?!data:)|@import", styles)


def test_the_worst_is_first_and_is_drawn(made: Any) -> None:
    page, data, text = made
    shown = [
        (data["case"]["names"][c], data["task"]["names"][t])
        for c, t in zip(data["case"]["codes"], data["task"]["codes"], strict=True)
    ]
    assert shown[0][0] == "c"
    dice = data["metrics"][data["names"].index("dice")]
    assert dice == sorted(dice)
    assert dice[0] == 0
    assert "The prediction has no such structure" in page.text
    assert "no file of the prediction is known" in page.text
    drawn = [image for image in page.all("img") if str(image["alt"]).startswith("liver of a,")]
    assert drawn
    assert all(len(str(image["src"])) < 25_000 for image in page.all("img"))
    found = re.search(r"Largest distance ([\d.]+) mm, where the prediction (\w+)", text)
    assert found


def test_distances_in_the_page_are_those_of_hd(results: Path, tmp_path: Path) -> None:
    page, data, _ = page_of(results, tmp_path, metrics="hd95", worst=100)
    del data
    told = [float(one) for one in re.findall(r"Largest distance ([\d.]+) mm", page.text)]
    images = results.parent
    expected = []
    for algorithm in ("unet", "other"):
        for case in "abc":
            path = images / algorithm / f"{case}.npy"
            if path.exists():
                one = fastseg.evaluate(
                    np.load(images / "reference" / f"{case}.npy"),
                    np.load(path),
                    spacing=(3, 1, 1),
                    metrics="hd",
                )
                expected += [row["hd"] for row in one.rows if 0 < row["hd"] < np.inf]
    assert sorted(told) == pytest.approx(sorted(expected), rel=1e-3)
    assert told


def test_numbers_of_the_summary_are_those_of_the_statistics(made: Any, results: Path) -> None:
    page, _, _ = made
    for row in fastseg.statistics.intervals(results, "dice", samples=2000):
        assert f"{row['estimate']:.4g}" in page.text
        assert f"{row['low']:.4g} to {row['high']:.4g}" in page.text
    assert "no prediction" in page.text
    assert "site 0" in page.text
    assert "by their mean rank over cases" in page.text  # a distance is infinite
    assert "3 × 1 × 1" in page.text
    assert f"fastseg {fastseg.__version__}" in page.text


def test_flags_say_what_they_mean(tmp_path: Path) -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 3:6] = True
    evaluation = fastseg.evaluate(mask, np.roll(mask, 1, 2), case="a")
    assert "small_structure" in str(evaluation.rows[0].flags)
    page, data, _ = page_of(evaluation, tmp_path)
    about = next(one for one in fastseg.list_flags() if one.name == "small_structure")
    for told in (about.measures, about.effect, about.instead, about.figure):
        assert told in page.text
    assert data["flagNames"]["small_structure"] == about.effect
    page, _, _ = page_of(fastseg.evaluate(mask, mask, case="a", flags=False), tmp_path)
    assert "No flag was raised." in page.text


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "</script><b>",
        "<!-- x",
        "ä ⟨κ⟩ 患者 🫀",
        "a&b\"c'd",
        "\u2028x",
        "a b#c/d?e=%41",
    ],
)
def test_odd_names_stay_names(name: str, tmp_path: Path) -> None:
    mask = np.zeros((5, 5, 5), np.uint8)
    mask[1:4, 1:4, 1:4] = 1
    one = fastseg.evaluate(mask, np.roll(mask, 1, 0), case=name, labels={name: 1})
    plain, _, before = page_of(
        fastseg.evaluate(mask, np.roll(mask, 1, 0), case="n", labels={"n": 1}), tmp_path
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page, data, text = page_of(
            {name: one, "two": fastseg.evaluate(mask, mask, case=name, labels={name: 1})},
            tmp_path,
            title=name,
        )
    assert data["case"]["names"] == [name]
    assert data["algorithm"]["names"] == [name, "two"]
    assert data["task"]["names"] == [name]
    assert len(page.all("script")) == len(plain.all("script"))
    assert [one["data-case"] for one in page.all("article")] == [name, name]
    assert before.count("<b>") == text.count("<b>")
    assert " ".join(name.split()) in page.text


def test_one_case_and_no_algorithm(tmp_path: Path) -> None:
    mask = np.ones((4, 4), bool)
    page, data, _ = page_of(fastseg.evaluate(mask, mask), tmp_path)
    assert data["named"] is False
    assert "ranking" not in [one["id"] for one in page.all("section")]
    assert "do not say of which files" in page.text
    page, _, _ = page_of(fastseg.evaluate(mask, mask), tmp_path, images=False)
    assert "No pictures" not in page.text


def test_all_failed(tmp_path: Path) -> None:
    from fastseg.results.failures import Failure

    failed = fastseg.Evaluation(
        (), ("dice",), {}, tuple(Failure(c, "GridMismatchError", "no") for c in "ab")
    )
    page, data, _ = page_of(failed, tmp_path)
    assert "2 × GridMismatchError: no" in page.text
    assert "There are no rows to show." in page.text
    assert data["case"]["codes"] == []


def test_two_hundred_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "case": np.repeat([f"c{i}" for i in range(3)], 200),
            "name": [f"organ {i}" for i in range(200)] * 3,
            "dice": rng.random(600),
        }
    )
    page, data, text = page_of(frame, tmp_path)
    assert len(data["task"]["names"]) == 200
    assert len(text) < 5e6
    assert "of fastseg" not in page.text
    assert "were not made by fastseg" in page.text


def test_only_the_worst_rows_are_in_the_page_and_it_says_so(results: Path, tmp_path: Path) -> None:
    page, data, _ = page_of(results, tmp_path, rows=3, images=False)
    assert len(data["case"]["codes"]) == 3
    assert "The page holds the worst 3 of 12 rows" in page.text
    assert "img" not in {tag for tag, _ in page.tags}


def test_files_that_are_gone_are_told(results: Path, tmp_path: Path) -> None:
    moved = tmp_path / "results.jsonl"
    moved.write_text(results.read_text().replace("/reference/", "/elsewhere/"))
    page, _, _ = page_of(moved, tmp_path)
    assert "the reference is not there any more" in page.text
    assert not page.all("img")


def test_a_page_is_whole_or_not_there(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.html"
    target.write_text("before")
    monkeypatch.setattr(
        "fastseg.reports.write_report.rendered", lambda content: "half" + chr(0xD800)
    )
    fastseg.report(results, target, images=False)  # what is no character is escaped
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    target.write_text("before")
    with pytest.raises(OSError, match="full"):
        fastseg.report(results, target, images=False)
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "page.pdf"}, "ends in .html"),
        ({"output": 3}, "expected a path"),
        ({"worst": -1}, "worst: expected a whole number"),
        ({"rows": True}, "rows: expected a whole number"),
        ({"metrics": "dise"}, "did you mean 'dice'"),
        ({"source": 3}, "expected an Evaluation"),
    ],
)
def test_wrong_input_is_told(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    mask = np.ones((4, 4), bool)
    given: dict[str, Any] = {
        "source": fastseg.evaluate(mask, mask),
        "output": tmp_path / "page.html",
    } | options
    with pytest.raises((InputError, InputTypeError), match=re.escape(message)):
        fastseg.report(given.pop("source"), given.pop("output"), **given)
    assert not [*tmp_path.iterdir()]


def test_the_command(
    results: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        main(
            [
                "report",
                str(results),
                "-o",
                "r.html",
                "--metric",
                "hd95",
                "--no-images",
                "--title",
                "Ours",
            ]
        )
        == 0
    )
    assert "Written to r.html: 12 rows of 3 cases" in capsys.readouterr().out
    text = Path("r.html").read_text(encoding="utf-8")
    assert "<title>Ours</title>" in text
    assert main(["report", str(results), "-o", str(results)]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert main(["report", "nothing.jsonl", "-o", "r.html"]) == 2
    assert main(["report", str(results), "-o", "no/r.html"]) == 2
    assert "there is no folder" in capsys.readouterr().err
