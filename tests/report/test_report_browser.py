"""The HTML report in a real browser: nothing runs, nothing overflows, everything can be read.

Set ``BACKSLIDE_SCREENSHOTS`` to a folder to keep a picture of every page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
]
NAMES = ("block", "deploy", "hostile", "many", "thin")
WIDTHS = (390, 768, 1280)
SCHEMES = ("light", "dark")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip

CONTRAST = """
function rgba(text) {
  const p = text.match(/[\\d.]+/g).map(Number);
  return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1];
}
function luminance(c) {
  const [r, g, b] = c.slice(0, 3).map(v => {
    v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(e) {
  for (; e; e = e.parentElement) {
    const c = rgba(getComputedStyle(e).backgroundColor);
    if (c[3] === 1) return c;
  }
  return [255, 255, 255, 1];
}
const low = [];
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || !e.getClientRects().length) continue;
  const style = getComputedStyle(e);
  const ink = e instanceof SVGElement ? style.fill : style.color;
  if (e.closest('defs')) continue;
  const [a, b] = [luminance(rgba(ink)), luminance(behind(e))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) low.push([e.tagName, e.textContent.trim().slice(0, 40), ink, ratio]);
}
return low;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.chrome.service.Service(DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, pages: Callable[[str], str]) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {name: folder / f"{name}.html" for name in NAMES}
    for name, path in made.items():
        path.write_text(pages(name), encoding="utf-8")
    return made


def show(browser, page: Path, width: int = 1280, scheme: str = "light") -> None:  # type: ignore[no-untyped-def]
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())


def overflow(browser) -> int:  # type: ignore[no-untyped-def]
    return int(
        browser.execute_script(
            "const d = document.documentElement;"
            "return Math.max(d.scrollWidth, document.body.scrollWidth) - d.clientWidth"
        )
    )


def keep_picture(browser, name: str, width: int) -> None:  # type: ignore[no-untyped-def]
    folder = os.environ.get("BACKSLIDE_SCREENSHOTS")
    if not folder:
        return
    height = browser.execute_script("return document.documentElement.scrollHeight")
    metrics = {"width": width, "height": min(height, 12000), "deviceScaleFactor": 1,
               "mobile": width < 500}  # fmt: skip
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def unfold(browser) -> None:  # type: ignore[no-untyped-def]
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")


def test_hostile_text_runs_nothing(browser, files) -> None:  # type: ignore[no-untyped-def]
    show(browser, files["hostile"])
    unfold(browser)
    assert browser.execute_script("return window.pwned") is None
    assert browser.title == "BLOCK – backslide report"
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_hostile_text_is_shown_as_it_is(browser, files) -> None:  # type: ignore[no-untyped-def]
    show(browser, files["hostile"])
    unfold(browser)
    shown = browser.find_element("css selector", ".pair pre").text
    assert shown.startswith("<script>document.title='PWNED';window.pwned=1</script></textarea>")
    assert "{{ 7*7 }}" in shown


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_no_page_scrolls_sideways(browser, files, name, width, scheme) -> None:  # type: ignore[no-untyped-def]
    show(browser, files[name], width, scheme)
    assert overflow(browser) <= 0
    keep_picture(browser, f"{name}-{width}-{scheme}", width)
    unfold(browser)
    assert overflow(browser) <= 0
    if name == "block":
        keep_picture(browser, f"{name}-{width}-{scheme}-open", width)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", (390, 1280))
def test_every_text_can_be_read(browser, files, width, scheme) -> None:  # type: ignore[no-untyped-def]
    for name in ("block", "deploy", "thin"):
        show(browser, files[name], width, scheme)
        unfold(browser)
        assert browser.execute_script(CONTRAST) == []


def test_the_schemes_differ(browser, files) -> None:  # type: ignore[no-untyped-def]
    found = set()
    for scheme in SCHEMES:
        show(browser, files["block"], 1280, scheme)
        found.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert len(found) == 2


def test_answers_stay_folded_until_opened(browser, files) -> None:  # type: ignore[no-untyped-def]
    show(browser, files["block"])
    answers = browser.find_elements("css selector", ".pair pre")
    assert answers
    assert not any(a.is_displayed() for a in answers)
    assert "stands in for a bad one" not in browser.find_element("tag name", "body").text
    summary = browser.find_element("css selector", ".pair summary")
    summary.send_keys("\ue007")
    assert all(a.is_displayed() for a in browser.find_elements("css selector", ".pair")[0]
               .find_elements("css selector", "pre"))  # fmt: skip
    assert sum(a.is_displayed() for a in answers) == 3


def test_each_width_shows_one_layout_of_the_plots(browser, files) -> None:  # type: ignore[no-untyped-def]
    for width, seen, hidden in ((390, ".compact", ".wide"), (1280, ".wide", ".compact")):
        show(browser, files["block"], width)
        assert all(e.is_displayed() for e in browser.find_elements("css selector", f"{seen} svg"))
        assert not any(
            e.is_displayed() for e in browser.find_elements("css selector", f"{hidden} svg")
        )


def test_headings_are_in_order(browser, files) -> None:  # type: ignore[no-untyped-def]
    show(browser, files["block"])
    levels = browser.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
