"""The README's table and plot say what `results/versus.md` says."""

import re
from dataclasses import replace

from benchmarks.comparison import figures, stored

AGAIN = "python benchmarks/versus.py --plot-only --readme"


def test_the_table_is_that_of_the_stored_results():
    readme, page = figures.README.read_text(encoding="utf-8"), stored.read()
    assert figures.with_table(readme, page) == readme, AGAIN


def test_the_plot_was_drawn_from_the_stored_results():
    drawn = stored.RESULTS.with_suffix(".png").read_bytes()
    assert figures.drawn_from(stored.read()).encode() in drawn, AGAIN


def test_the_paragraph_names_the_processor_of_the_results():
    words = set(re.findall(r"[A-Z][\w-]+", stored.read().processor))
    section = figures.README.read_text(encoding="utf-8").split("## How fast")[1].split("\n## ")[0]
    assert "EPYC" in words
    assert all(word in section for word in words)


def test_rows_that_a_page_may_lack_are_shown_where_it_has_them():
    page = stored.read()
    without = replace(
        page, rows=tuple(row for row in page.rows if not row.beside.startswith("exacta"))
    )
    rows = [row for row in page.rows if row.beside.startswith("mikan-rs")]
    with_it = replace(
        page,
        rows=(*without.rows, replace(rows[0], beside="exacta: dice")),
        versions={**page.versions, "exacta": "0.1"},
    )
    assert "| exacta 0.1 |" in figures.table(with_it)
    assert "exacta" not in figures.table(without)
    assert figures.drawn_from(with_it) != figures.drawn_from(without)


def test_a_row_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "versus.md"
    path.write_text(
        "Machine: a machine, 2 cores, x86.\n\n* edt: edt 3.1.2, numpy 2\n\n"
        "| a \\| b | edt | 2 | 10 ms | 25 ms | 2.5× (2 – 3) | 9 | ≥ 1× | yes | – |\n"
        "| c | reading | 1 | 10 ms | 2.5 ms | 4× (3 – 5) | 9 | ≤ 5× | yes | – |\n"
        "| d | edt | 1 |  |  | skipped |  |  |  | not installed |\n"
        "| e | voxels | 1 |  |  | 0.3 B/voxel | 1 | – | – | – |\n",
        encoding="utf-8",
    )
    page = stored.read(path)
    assert (page.machine, page.versions) == ("a machine, 2 cores, x86", {"edt": "3.1.2"})
    assert page.processor == "a machine, 2 cores"
    assert [row.what for row in page.rows] == ["a | b", "c"]
    assert page.find("a | b", "edt", 2).times_as_fast == 2.5
    assert page.find("c", "reading").times_as_fast == 0.25
    assert [stored.rounded(ratio) for ratio in (0.25, 9.16, 9.96, 10.5, 388)] == [
        "0.2",
        "9.2",
        "10",
        "11",
        "388",
    ]
