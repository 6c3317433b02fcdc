"""The page of pitfalls and its pictures are what is made of these tests."""

from __future__ import annotations

from docs import make_pitfalls


def test_the_page_of_pitfalls_is_what_is_made_of_the_tests() -> None:
    remedy = "run python -m docs.make_pitfalls"
    made = make_pitfalls.files()
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, remedy
    assert set(make_pitfalls.PICTURES.glob("*.svg")) == {
        path for path in made if path.suffix == ".svg"
    }


def test_every_flag_of_the_page_has_a_row_and_every_pitfall_a_flag_or_a_metric() -> None:
    text = make_pitfalls.page()
    for pitfall in make_pitfalls.pitfalls():
        assert pitfall.uncovered
        assert len(pitfall.rows()) == len(pitfall.panels)
        assert f"### {pitfall.title}\n" in text
