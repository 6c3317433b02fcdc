"""The page in a browser: no error, no request; it sorts, filters, searches, opens a case, changes theme, prints."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from tests.reports.cohort import stream

for needed in ("pandas", "jinja2", "itables", "matplotlib", "PIL"):
    pytest.importorskip(needed)
playwright = pytest.importorskip("playwright.sync_api")

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium"),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    found = stream(folder / "cohort", cases=("a", "b", "c", "d #1 ü?%41"))
    return fastseg.report(found, folder / "report.html", title="Ours")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 30 structures, so that its tables have several pages."""
    import pandas

    folder = tmp_path_factory.mktemp("long")
    frame = pandas.DataFrame(
        {
            "case": [f"c{i}" for i in range(4) for _ in range(30)],
            "name": [f"organ {i}" for _ in range(4) for i in range(30)],
            "dice": np.random.default_rng(0).random(120),
        }
    )
    return fastseg.report(frame, folder / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


class Opened:
    """A page, and all that went wrong in it or was asked of a network."""

    def __init__(self, browser: Any, path: Path, address: str = "", **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda told: self.errors.append(told.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri() + address)
        self.page.wait_for_function("document.documentElement.dataset.ready === 'yes'")

    def column(self, number: int) -> list[str]:
        cells = self.page.locator(f"#rows-table tbody tr > :nth-child({number})")
        return [text.strip() for text in cells.all_inner_texts()]


@pytest.fixture
def opened(browser: Any, path: Path) -> Iterator[Opened]:
    one = Opened(browser, path)
    yield one
    assert not one.errors
    assert [url for url in one.requests if not url.startswith(("data:", "blob:"))] == [
        path.as_uri()
    ]
    one.context.close()


def test_rows_are_sorted_by_mouse_and_by_keyboard(opened: Opened) -> None:
    page = opened.page
    before = [float(text) for text in opened.column(4)]
    assert before == sorted(before)
    heading = page.locator("#rows-table thead th", has_text="dice").first
    heading.click()
    page.wait_for_selector("#rows-table th[aria-sort=ascending]:has-text('dice')")
    heading.click()
    page.wait_for_selector("#rows-table th[aria-sort=descending]:has-text('dice')")
    after = [float(text) for text in opened.column(4)]
    assert after == sorted(before, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"
    assert heading.get_attribute("scope") == "col"
    by_case = page.locator("#rows-table thead th").first
    by_case.get_by_role("button").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#rows-table th[aria-sort=ascending]:has-text('Case')")
    assert opened.column(1) == sorted(opened.column(1))
    distances = page.locator("#rows-table thead th", has_text="hd95").first
    distances.click()
    page.wait_for_selector("#rows-table th[aria-sort=descending]:has-text('hd95')")
    assert opened.column(6)[0] == "∞"


def test_rows_are_filtered_and_searched(opened: Opened) -> None:
    page = opened.page
    many = len(opened.column(1))
    page.select_option("select[data-filter=task]", "spleen")
    assert {*opened.column(3)} == {"spleen"}
    assert len(opened.column(1)) == many // 2
    page.select_option("select[data-filter=algorithm]", "unet")
    assert {*opened.column(2)} == {"unet"}
    page.select_option("select[data-filter=task]", "")
    page.select_option("select[data-filter=algorithm]", "")
    page.select_option("select[data-filter=empty]", "prediction")
    assert len(opened.column(1)) == 3
    page.select_option("select[data-filter=empty]", "")
    page.locator("#rows input[type=search]").fill("d #1")
    assert {*opened.column(1)} == {"d #1 ü?%41"}
    assert page.locator("#rows .dt-info").inner_text().startswith("1 to 4 of 4 rows")


def test_a_case_has_an_address(opened: Opened, browser: Any, path: Path) -> None:
    page = opened.page
    assert not page.locator("#case").is_visible()
    page.locator("#rows-table tbody a", has_text="d #1").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#case:not([hidden])")
    assert page.locator("#case-name").inner_text() == "d #1 ü?%41"
    assert page.locator("#case-body tr").count() == 4
    assert page.evaluate("document.activeElement.id") == "case-heading"
    address = page.evaluate("location.hash")
    page.keyboard.press("Escape")
    page.wait_for_selector("#case", state="hidden")
    again = Opened(browser, path, address)
    assert again.page.locator("#case-name").inner_text() == "d #1 ü?%41"
    assert again.page.locator("#case-body tr").count() == 4
    again.context.close()
    other = Opened(browser, path, "#case=nobody")
    assert other.page.locator("#case-none").is_visible()
    other.context.close()
    again = Opened(browser, path, "#case=c")
    link = again.page.locator("#case-pictures a").first
    link.click()
    assert again.page.evaluate("location.hash").startswith("#worst-")
    assert not again.errors
    again.context.close()


def test_light_and_dark(opened: Opened, browser: Any, path: Path) -> None:
    def ground(page: Any) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page = opened.page
    assert ground(page) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Switch to the dark theme").click()
    dark = ground(page)
    assert dark != "rgb(255, 255, 255)"
    page.reload()
    page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
    assert ground(page) == dark
    opened.requests.pop()
    other = Opened(browser, path, color_scheme="dark")
    assert ground(other.page) == dark
    other.context.close()
    without = browser.new_context(java_script_enabled=False, color_scheme="dark")
    silent = without.new_page()
    silent.goto(path.as_uri())
    assert ground(silent) == dark
    assert silent.locator("#summary table").is_visible()
    assert not silent.locator("#rows-filters").is_visible()
    without.close()


_CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg") || !element.getClientRects().length) continue;
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    let ground = element, rgb = [255, 255, 255];
    while (ground) {
      const colour = parse(getComputedStyle(ground).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) { rgb = colour; break; }
      ground = ground.parentElement;
    }
    const style = getComputedStyle(element);
    const ink = parse(style.color);
    const opacity = (ink[3] ?? 1) * Number(style.opacity);
    const mixed = ink.slice(0, 3).map((value, k) => value * opacity + rgb[k] * (1 - opacity));
    const [a, b] = [light(mixed), light(rgb)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5 && !element.closest(".disabled, [aria-disabled=true]"))
      found.push([element.tagName, element.className, ratio.toFixed(2), element.textContent.slice(0, 40)].join(" "));
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Any, path: Path, scheme: str) -> None:
    one = Opened(browser, path, "#case=a", color_scheme=scheme)
    assert one.page.evaluate(_CONTRAST) == []
    one.context.close()


def test_a_phone_scrolls_one_way_alone(browser: Any, path: Path) -> None:
    one = Opened(browser, path, "#case=a", viewport={"width": 375, "height": 700})
    wide = one.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    one.context.close()


def test_it_prints(opened: Opened, path: Path) -> None:
    target = path.with_suffix(".pdf")
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("nav.sections").is_visible()
    opened.page.pdf(path=str(target), format="A4")
    assert target.read_bytes()[:5] == b"%PDF-"
    assert target.stat().st_size > 20_000


def test_tables_are_whole_on_paper(browser: Any, long: Path) -> None:
    one = Opened(browser, long, viewport={"width": 700, "height": 900})
    one.page.emulate_media(media="print")
    shown = one.page.locator("#summary tbody tr")
    assert shown.count() == 25
    one.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.count() == 31  # and all together
    wide = one.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    one.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown.count() == 25
    assert not one.errors
    one.context.close()
