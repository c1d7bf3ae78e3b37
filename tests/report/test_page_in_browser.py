"""The page in a browser: Chromium without a window looks at it, clicks, prints, and tells what it has seen."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from browsing import browse, needs_browser

from insarfeat import report, synth

pytest.importorskip("matplotlib")

pytestmark = needs_browser

SCORES = (0.9, 0.5, 0.7, 0.3)


def squares(scene: xr.Dataset) -> dict[str, Any]:
    """Four squares from the west to the east of a scene, of falling size."""
    west, north, pixel = float(scene.x[0]), float(scene.y[0]), float(scene.x[1] - scene.x[0])
    features = []
    for number, score in enumerate(SCORES):
        x, y, side = west + pixel * (8 + 12 * number), north - pixel * 12, pixel * (8 - number)
        ring = [[x, y], [x + side, y], [x + side, y - side], [x, y - side], [x, y]]
        features.append(
            {
                "type": "Feature",
                "properties": {"class": "ABCD"[number], "score": score},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    return {"type": "FeatureCollection", "features": features}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = synth.scene(2, size=64)
    names = ["wrapped_phase", "coherence", "elevation", "landslide", "terrain_pc1"]
    layers = scene[names]
    reference = "terrain.components('reference-15m-v1')"
    layers["terrain_pc1"] = layers["terrain_pc1"].assign_attrs(processing=reference)
    flags = {"flag_values": np.array([0, 3], "u1"), "flag_meanings": "visible low_coherence"}
    blind = xr.Dataset({"blind_spot": (("y", "x"), np.array([[0, 3], [0, 0]], "u1"), flags)})
    found = report.Found("by eye", squares(scene), {"missing_bands": "a_band_with_a_very_long_name_indeed"})
    spots = report.BlindSpots.of(blind, "blind.nc")
    path = tmp_path_factory.mktemp("browser") / "page.html"
    return report.write_report(layers, path, detections=[found, spots], title="x" * 80)


@pytest.fixture(scope="module")
def look(page: Path) -> Callable[..., Any]:
    """Run a script in the page, and return what it returns; or whatever errors the page had."""

    def looked(script: str, width: int = 1200) -> Any:
        text = page.read_text(encoding="utf-8")
        before = "<head><script>window.wrong = []; onerror = told => { wrong.push(told); };</script>"
        after = (
            "<script>onload = () => { let found; try { found = (() => {" + script + "})(); } "
            "catch (error) { wrong.push(String(error)); } "
            "document.body.dataset.found = JSON.stringify({found, wrong}); };</script></body>"
        )
        copy = page.with_name("copy.html")
        copy.write_text(text.replace("<head>", before).replace("</body>", after), encoding="utf-8")
        # A window is not made narrower than 500 pixels; a frame is.
        frame = page.with_name("frame.html")
        tell = "document.body.dataset.found = f.contentDocument.body.dataset.found"
        frame.write_text(
            f'<!doctype html><body><iframe id="f" src="copy.html" style="border:0;width:{width}px;height:900px" '
            f"onload='setTimeout(() => {{ {tell}; }}, 100)'></iframe></body>",
            encoding="utf-8",
        )
        dumped = browse(page.parent, "--allow-file-access-from-files", "--dump-dom", frame.as_uri())
        told = json.loads(html.unescape(re.search(r'<body data-found="([^"]*)"', dumped)[1]))
        assert told["wrong"] == []
        return told.get("found")

    return looked


def test_nothing_is_asked_of_any_network(look: Callable[..., Any]):
    asked = look(
        "return performance.getEntriesByType('resource').map(one => one.name)"
        ".filter(name => !name.startsWith('data:'));"
    )
    assert asked == []
    linked = look("return [...document.querySelectorAll('[src], [href]')].map(one => one.src || one.href);")
    assert linked
    assert not [address for address in linked if not address.startswith(("data:", "file:"))]


def test_every_picture_is_shown_and_says_what_it_shows(look: Callable[..., Any]):
    images = look("return [...document.images].map(one => [one.alt, one.naturalWidth]);")
    assert len(images) == 9  # five maps, three figures with outlines, and the blind spots
    assert all(alt.strip() and width > 100 for alt, width in images)


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_reaches_beyond_the_side_of_the_page(look: Callable[..., Any], width: int):
    inner, needed = look("return [innerWidth, document.documentElement.scrollWidth];", width)
    assert inner == width
    assert needed <= inner


ORDER = "const order = () => [...document.querySelectorAll('.sortable tbody tr')].map(row => row.cells[0].innerText);"


def test_a_click_on_a_column_sorts_by_it_and_another_one_turns_it_round(look: Callable[..., Any]):
    found = look(
        ORDER + "const head = document.querySelectorAll('.sortable thead th')[2], told = [order()];"
        "for (const _ of [1, 2]) { head.querySelector('button').click(); told.push(order(), head.ariaSort); }"
        "return told;"
    )
    falling, rising = ["1", "2", "3", "4"], ["4", "3", "2", "1"]  # numbers are by score
    assert found == [falling, falling, "descending", rising, "ascending"]


CHOSEN = (
    "const chosen = () => ["
    "[...document.querySelectorAll('tr[aria-selected=true]')].map(row => row.cells[1].innerText),"
    "[...document.querySelectorAll('.marks')].map(one => [...one.querySelectorAll('.chosen')]"
    ".map(mark => mark.dataset.row).join())];"
    "const rows = document.querySelectorAll('.sortable tbody tr');"
)


def test_a_click_on_a_row_marks_its_outline_in_every_figure(look: Callable[..., Any]):
    found = look(
        CHOSEN + "const told = [chosen()];"
        "for (const at of [1, 2, 2]) { rows[at].click(); told.push(chosen()); } return told;"
    )
    nothing = [[], ["", "", ""]]
    assert found == [nothing, [["C"], ["2"] * 3], [["B"], ["3"] * 3], nothing]


def test_a_click_on_an_outline_marks_its_row(look: Callable[..., Any]):
    found = look(
        CHOSEN + "scrollTo(0, 0); const stage = document.querySelector('.stage');"
        "stage.scrollIntoView(); const mark = stage.querySelector('[data-row=\"4\"]');"
        "const box = mark.getBoundingClientRect();"
        "const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);"
        "hit.dispatchEvent(new MouseEvent('click', {bubbles: true})); return chosen();"
    )
    assert found == [["D"], ["4"] * 3]


def test_a_row_is_chosen_by_keys_alone(look: Callable[..., Any]):
    found = look(
        CHOSEN + "const press = key => document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {key, bubbles: true}));"
        "const stops = () => [...rows].map(row => row.querySelector('button').tabIndex);"
        "const told = [stops()]; rows[0].querySelector('button').focus();"
        "press('ArrowDown'); told.push(chosen()[0], document.activeElement.ariaPressed, stops());"
        "press('ArrowUp'); told.push(chosen()[0]); press('Escape'); told.push(chosen()[0]); return told;"
    )
    assert found == [[0, -1, -1, -1], ["C"], "true", [-1, 0, -1, -1], ["A"], []]


def test_choosing_a_row_brings_a_figure_into_sight(look: Callable[..., Any]):
    top, bottom, inner = look(
        "rows = document.querySelectorAll('.sortable tbody tr'); scrollTo(0, document.body.scrollHeight);"
        "rows[3].click(); const boxes = [...document.querySelectorAll('.marks .chosen')]"
        ".map(one => one.getBoundingClientRect());"
        "const last = boxes.at(-1); return [last.top, last.bottom, innerHeight];"
    )
    assert 0 <= top < bottom <= inner


def test_marks_lie_on_the_outlines_that_are_drawn(look: Callable[..., Any]):
    """The line in the picture is vermillion: it must run under the edges of the mark."""
    found = look(
        "const stage = document.querySelectorAll('.stage')[2], image = stage.querySelector('img');"
        "const place = image.getBoundingClientRect(), grow = image.naturalWidth / place.width;"
        "const canvas = document.createElement('canvas');"
        "canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;"
        "const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);"
        "const red = (x, y) => { const [r, g, b] = pen.getImageData("
        "Math.round((x - place.x) * grow) - 2, Math.round((y - place.y) * grow) - 2, 5, 5).data.reduce("
        "(most, value, at) => { most[at % 4] += value; return most; }, [0, 0, 0, 0]);"
        "return r > 1.25 * b && r > 1.1 * g; };"
        "return [...stage.querySelectorAll('.marks path')].map(mark => {"
        "const box = mark.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;"
        "return [red(x, box.top), red(x, box.bottom), red(box.left, y), red(box.right, y), red(x, y)]; });"
    )
    assert found == [[True, True, True, True, False]] * 4


def test_the_page_is_readable_without_scripts(page: Path):
    text = re.sub(r"<script>.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for words in ("by eye", "0.900", "Warnings", "Blind spots", "Composites"):
        assert words in text
    assert 'class="hint" hidden' in text  # what needs a script is not promised


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screenshot_has_paper_of_its_scheme(page: Path, scheme: str):
    image_of = pytest.importorskip("PIL.Image").open
    out = page.with_name(f"{scheme}.png")
    setting = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    browse(page.parent, "--window-size=800,600", setting, f"--screenshot={out}", page.as_uri())
    with image_of(out) as image:
        assert image.size == (800, 600)
        corner = image.convert("L").getpixel((2, 2))
    assert corner > 230 if scheme == "light" else corner < 60


def test_it_prints(page: Path):
    out = page.with_name("page.pdf")
    browse(page.parent, "--no-pdf-header-footer", f"--print-to-pdf={out}", page.as_uri())
    content = out.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 2
