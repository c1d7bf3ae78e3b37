"""The report: one page that says what is in a dataset, and nothing that is not."""

import base64
import io
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from insarfeat import report, synth
from insarfeat.errors import InvalidType, OutputExists, WriteFailed

pytest.importorskip("matplotlib")

VOID = {"meta", "img", "line", "path"}


class Page(HTMLParser):
    """What a browser would find on the page; fails on tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(dataset: xr.Dataset, folder: Path, **options: object) -> Page:
    return Page(report.write_report(dataset, folder / "page.html", **options).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def scene() -> xr.Dataset:
    return synth.scene(2, size=64)


@pytest.fixture
def small() -> xr.Dataset:
    return xr.Dataset({"slope": (("y", "x"), np.arange(12.0).reshape(3, 4))})


def test_page_of_a_scene_is_whole_and_needs_no_network(scene: xr.Dataset, tmp_path: Path):
    page = page_of(scene, tmp_path)
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not any(word in text for word in ("http:", "https:", "url(", "@import"))
    assert "WGS 84 / UTM zone 32N (EPSG:32632)" in page.words
    assert "64 rows x 64 columns" in page.words
    assert "15 m across" in page.words


def test_every_layer_has_a_picture_with_words_for_who_cannot_see_it(scene: xr.Dataset, tmp_path: Path):
    image_of = pytest.importorskip("PIL.Image").open
    images = page_of(scene, tmp_path).all("img")
    layers = [name for name, layer in scene.data_vars.items() if layer.dims == ("y", "x")]
    for name, image in zip(layers, images, strict=True):
        assert image["alt"].startswith(f"Map of {name}, ")
        assert image_of(io.BytesIO(base64.b64decode(image["src"].partition(",")[2]))).width > 600


def test_navigation_leads_to_every_section(scene: xr.Dataset, tmp_path: Path):
    page = page_of(scene, tmp_path)
    targets = [link["href"] for link in page.all("a")]
    assert targets == [f"#{section['id']}" for section in page.all("section")]
    assert targets == ["#overview", "#maps", "#distributions", "#composites", "#provenance"]


def test_a_page_needs_less_than_a_quarter_of_a_megabyte_for_a_layer(tmp_path: Path):
    made = synth.scene(1, size=512)[
        ["interferogram", "coherence", "intensity", "elevation", "terrain_pc1", "landslide"]
    ]
    path = report.write_report(made, tmp_path / "page.html")
    assert path.stat().st_size < 6 * 250e3


def test_synthetic_data_are_called_synthetic_first_of_all(
    scene: xr.Dataset, small: xr.Dataset, tmp_path: Path
):
    words = page_of(scene, tmp_path).words
    assert words.index("Synthetic data.") < words.index("Overview")
    assert "Synthetic data." not in page_of(small, tmp_path, overwrite=True).words


def test_statistics_are_those_of_the_valid_pixels(tmp_path: Path):
    values = np.array([[1.0, 2.0, 3.0, np.nan]])
    words = page_of(xr.Dataset({"tri": (("y", "x"), values, {"units": "m"})}), tmp_path).words
    assert "terrain ruggedness indexmfloat6475 %123" in words
    assert "25 % without data" in words


def test_sampling_is_admitted(tmp_path: Path):
    large = xr.Dataset({"slope": (("y", "x"), np.zeros((2, 2500), "float32"))})
    words = page_of(large, tmp_path).words
    assert "a sample, every 3rd row and column" in words
    assert "every 3rd pixel" in words
    assert "2 rows x 2500 columns" in words


def test_leading_dims_are_cut_to_the_first_and_the_caption_says_so(tmp_path: Path):
    series = xr.Dataset({"coherence": (("pair", "y", "x"), np.stack([np.zeros((3, 3)), np.ones((3, 3))]))})
    words = page_of(series, tmp_path).words
    assert "pair 1 of 2" in words
    assert "0 % 0 0 0".replace(" ", "") in words.replace(" ", "")


def test_latitude_and_longitude_are_a_map_too(tmp_path: Path):
    made = xr.Dataset(
        {"slope": (("lat", "lon"), np.eye(3))}, {"lat": [44.2, 44.1, 44.0], "lon": [10.0, 10.1, 10.2]}
    )
    assert "0.1° across, 0.1° down" in page_of(made, tmp_path).words


def test_variables_that_are_no_rasters_are_left_out(small: xr.Dataset, tmp_path: Path):
    small["orbit"] = ("time", np.arange(3.0))
    small["name"] = ((), "a")
    small["label"] = (("y", "x"), np.full((3, 4), "a"))
    assert len(page_of(small, tmp_path).all("img")) == 1


def test_a_dataset_without_rasters_has_a_page_that_says_so(tmp_path: Path):
    assert "no raster layer" in page_of(xr.Dataset(attrs={"source": "a file"}), tmp_path).words


def test_layers_without_valid_pixels_have_a_page(tmp_path: Path):
    words = page_of(xr.Dataset({"slope": (("y", "x"), np.full((3, 3), np.nan))}), tmp_path).words
    assert "0 %–––" in words


def test_provenance_tells_attributes_and_processing(small: xr.Dataset, tmp_path: Path):
    small.attrs["history"] = "made in June"
    small.slope.attrs["processing"] = "terrain.slope, method horn"
    words = page_of(small, tmp_path).words
    assert "made in June" in words
    assert "terrain.slope, method horn" in words


def test_everything_from_the_data_is_escaped(tmp_path: Path):
    nasty = '<script>alert("x")</script>&\'"'
    dataset = xr.Dataset(
        {nasty: (("y", "x"), np.eye(3), {"long_name": nasty, "units": nasty, "processing": nasty})},
        attrs={"title": nasty, nasty: nasty},
    )
    page = page_of(dataset, tmp_path)
    assert not page.all("script")
    assert page.words.count(nasty) >= 6
    assert nasty in page.all("img")[0]["alt"]


def test_title_comes_from_the_call_the_dataset_or_the_file(small: xr.Dataset, tmp_path: Path):
    assert "<title>page</title>" in report.write_report(small, tmp_path / "page.html").read_text()
    small.attrs["title"] = "of the dataset"
    assert "<h1>of the dataset</h1>" in report.write_report(small, tmp_path / "b.html").read_text()
    assert "<h1>given</h1>" in report.write_report(small, tmp_path / "c.html", title="given").read_text()


def test_lazy_data_are_read_once_and_inputs_left_alone(tmp_path: Path):
    dask_array = pytest.importorskip("dask.array")
    reads = []

    def read(block: np.ndarray) -> np.ndarray:
        reads.append(block.shape)
        return block

    source = dask_array.zeros((40, 40), chunks=(10, 40), dtype="float32")
    lazy = xr.Dataset(
        {"slope": (("y", "x"), source.map_blocks(read, dtype="float32", meta=np.empty((0, 0), "float32")))}
    )
    report.write_report(lazy, tmp_path / "page.html")
    assert len(reads) == 4
    assert lazy.slope.chunks == ((10, 10, 10, 10), (40,))


def test_the_same_dataset_gives_the_same_page(scene: xr.Dataset, tmp_path: Path):
    first, second = (report.write_report(scene, tmp_path / name, title="t") for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_an_existing_file_is_kept_unless_asked(small: xr.Dataset, tmp_path: Path):
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(OutputExists, match="overwrite=True"):
        report.write_report(small, path)
    assert path.read_text() == "mine"
    assert report.write_report(small, str(path), overwrite=True) == path
    assert path.read_text().startswith("<!doctype html>")


def test_a_failed_write_leaves_what_was_there(
    small: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "page.html"
    path.write_text("mine")

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteFailed, match="No space left on device"):
        report.write_report(small, path, overwrite=True)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(small: xr.Dataset, tmp_path: Path):
    with pytest.raises(WriteFailed, match="check that its folder is there"):
        report.write_report(small, tmp_path / "nowhere" / "page.html")


def test_a_layer_instead_of_a_dataset_is_refused(small: xr.Dataset, tmp_path: Path):
    with pytest.raises(InvalidType, match="to_dataset"):
        report.write_report(small.slope, tmp_path / "page.html")


def test_a_section_more_is_a_function_more(
    small: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from insarfeat.report import page

    def count(subject: report.Subject) -> report.Section:
        return report.Section("Count", f"<p>{len(subject.rasters)} layer</p>", "count")

    monkeypatch.setattr(page, "SECTIONS", (*report.SECTIONS, count))
    assert "1 layer" in page_of(small, tmp_path).words
