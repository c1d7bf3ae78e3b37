"""Pictures: what each kind of layer looks like."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

from insarfeat import plot
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, MissingExtra
from insarfeat.layers import LAYERS
from insarfeat.plot._grid import MapGrid

pytest.importorskip("matplotlib")

GREY = np.array([0x9C, 0x9C, 0x9C]) / 255.0


def layer(name: str, values: object, **coords: object) -> xr.DataArray:
    return xr.DataArray(np.asarray(values), coords, dims=("y", "x"), name=name)


def utm(
    values: np.ndarray, name: str = "slope", *, pixel: float = 15.0, ascending: bool = False
) -> xr.DataArray:
    rows, columns = values.shape
    y = 4_905_000.0 + pixel * np.arange(rows)
    made = layer(name, values, y=y if ascending else y[::-1], x=620_000.0 + pixel * np.arange(columns))
    made.x.attrs["units"] = made.y.attrs["units"] = "m"
    return made


def colours(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def words(figure) -> list[str]:
    figure.canvas.draw()
    return [
        text.get_text()
        for axes in figure.axes
        for text in axes.findobj(match=lambda a: hasattr(a, "get_text"))
    ]


@pytest.mark.parametrize("name", LAYERS)
def test_every_canonical_layer_has_a_picture(name: str):
    values = np.arange(48).reshape(6, 8) % 4
    dtype = LAYERS[name].dtype
    figure = plot.picture(layer(name, values.astype(dtype) * (1 + 1j if dtype == "complex64" else 1)))
    assert plot.png(figure, dpi=30).startswith(b"\x89PNG")


def test_pyplot_is_not_touched():
    plot.png(plot.picture(layer("slope", np.eye(4))))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_colours_of_a_phase_close_the_circle():
    drawn = colours(plot.picture(layer("wrapped_phase", [[-np.pi, 0.0, np.pi]])))
    assert np.allclose(drawn[0, 0], drawn[0, 2], atol=0.02)
    assert not np.allclose(drawn[0, 0], drawn[0, 1], atol=0.2)


def test_zero_of_a_signed_layer_is_neutral_whatever_its_range():
    drawn = colours(plot.picture(layer("displacement", [[-0.01, 0.0, 0.09]])))
    assert np.ptp(drawn[0, 1]) < 0.03
    assert drawn[0, 1].min() > 0.9


def test_a_small_slide_in_a_still_scene_is_not_clipped_away():
    values = np.zeros((60, 60))
    values[3, 3] = -0.04
    assert plot.picture(layer("displacement", values)).axes[1].get_ylim() == (-0.04, 0.04)


def test_complex_layers_show_phase_as_hue_and_magnitude_as_brightness():
    drawn = colours(plot.picture(layer("interferogram", [[1 + 0j, 0.01 + 0j, 1j, 0j]])))
    assert drawn[0, 0].sum() > 1.5 * drawn[0, 1].sum()
    assert np.allclose(drawn[0, 0] / drawn[0, 0].sum(), drawn[0, 1] / drawn[0, 1].sum(), atol=0.01)
    assert not np.allclose(drawn[0, 0], drawn[0, 2], atol=0.2)
    assert np.allclose(drawn[0, 3], GREY)


def test_intensity_is_told_in_decibels():
    figure = plot.picture(layer("intensity", np.logspace(-1, 1, 16).reshape(4, 4)))
    assert figure.axes[1].get_ylabel() == "dB"
    assert figure.axes[1].get_ylim() == pytest.approx((-10, 10), abs=1)


def test_no_data_is_grey_and_the_legend_says_so():
    figure = plot.picture(layer("coherence", [[0.5, np.nan, np.inf]]))
    assert np.allclose(colours(figure)[0, 1:], GREY)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no data"]


def test_classes_have_a_legend_and_no_colour_bar():
    figure = plot.picture(layer("shadow_layover", np.array([[0, 1], [2, 255]], "uint8")))
    assert len(figure.axes) == 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["clear", "shadow", "layover", "shadow and layover", "no data"]
    assert np.allclose(colours(figure)[1, 1], GREY)


def test_flags_of_an_unknown_layer_make_it_categorical():
    kinds = layer("cover", np.array([[1, 2]], "int16"))
    kinds.attrs.update(flag_values=np.array([1, 2], "int16"), flag_meanings="wood meadow")
    assert [text.get_text() for text in plot.picture(kinds).legends[0].get_texts()] == ["wood", "meadow"]


def test_a_layer_may_borrow_the_colours_of_another():
    borrowed = layer("my_phase", [[-np.pi, 1.0]]).assign_attrs(
        drawn_as="wrapped_phase", long_name="phase of mine"
    )
    figure = plot.picture(borrowed)
    assert figure.axes[1].get_ylim() == pytest.approx((-np.pi, np.pi))
    assert figure.axes[0].get_title(loc="left") == "phase of mine"


def test_very_uneven_counts_get_a_logarithmic_scale():
    cells = np.ones((20, 20))
    cells[:, 0] = 1e4
    assert plot.picture(layer("flow_accumulation", cells)).axes[1].get_yscale() == "log"


def test_north_is_up_whichever_way_y_runs():
    values = np.array([[0.0, 0.0], [30.0, 30.0]])
    down, up = utm(values), utm(values[::-1], ascending=True)
    assert np.array_equal(colours(plot.picture(down)), colours(plot.picture(up)))


def test_relief_is_lit_from_the_north_west():
    cone = -np.hypot(*np.mgrid[-8:9, -8:9]) * 10.0
    drawn = colours(plot.picture(utm(cone, "elevation"))).sum(axis=-1)
    assert drawn[4, 4] > 1.5 * drawn[12, 12]


def test_projected_metres_get_a_scale_bar_of_a_round_length():
    assert "1 km" in words(plot.picture(utm(np.eye(300))))
    assert "200 m" in words(plot.picture(utm(np.eye(60))))
    assert not [word for word in words(plot.picture(layer("slope", np.eye(60)))) if word.endswith(" m")]


def test_scale_bar_tells_ground_length_where_the_projection_stretches():
    pyproj = pytest.importorskip("pyproj")
    mercator = utm(np.eye(8))
    mercator = mercator.assign_coords(
        x=mercator.x * 0 + np.arange(8) * 30.0, y=5_780_000.0 - np.arange(8) * 30.0
    )
    mercator = mercator.assign_coords(spatial_ref=((), 0, {"crs_wkt": pyproj.CRS.from_epsg(3857).to_wkt()}))
    grid = MapGrid.of(mercator)
    assert (grid.unit, grid.crs) == ("m", "WGS 84 / Pseudo-Mercator (EPSG:3857)")
    assert 1.0 / grid.ground_x == pytest.approx(1.44, abs=0.02)


def test_geographic_maps_are_true_to_shape():
    made = xr.DataArray(
        np.eye(40),
        {"lat": 60 + np.arange(40) * 0.01, "lon": np.arange(40) * 0.01},
        ("lat", "lon"),
        name="slope",
    )
    width, height = plot.picture(made).axes[0].get_window_extent().size
    assert height / width == pytest.approx(2.0, rel=0.02)


def test_extent_reaches_to_the_outer_pixel_edges():
    figure = plot.picture(utm(np.eye(4)))
    assert figure.axes[0].get_xlim() == (620_000.0 - 7.5, 620_045.0 + 7.5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (3, 2000), (2000, 3)])
def test_odd_shapes_can_be_drawn(shape: tuple[int, int]):
    for name in ("elevation", "wrapped_phase", "landslide"):
        assert plot.png(plot.picture(utm(np.zeros(shape, "float32"), name)), dpi=30)


@pytest.mark.parametrize(
    "name", ["slope", "elevation", "intensity", "interferogram", "displacement", "landslide"]
)
def test_layers_without_any_data_can_be_drawn(name: str):
    dtype = LAYERS[name].dtype
    empty = np.full((3, 3), 255 if dtype == "uint8" else np.nan, dtype)
    assert plot.png(plot.picture(layer(name, empty)), dpi=30)


def test_text_from_data_is_never_read_as_formula():
    dear = layer("slope", np.eye(3)).assign_attrs(long_name="costs $5 or $\\bad", units="$")
    assert plot.png(plot.picture(dear), dpi=30)


def test_large_lazy_layers_are_thinned_and_stay_lazy_until_drawn():
    dask_array = pytest.importorskip("dask.array")
    values = dask_array.ones((2500, 5000), chunks=(500, 500), dtype="float32")
    lazy = xr.DataArray(values, dims=("y", "x"), name="slope")
    assert plot.thinned(lazy).shape == (500, 1000)
    assert plot.thinned(lazy).chunks is not None
    assert colours(plot.picture(lazy)).shape == (500, 1000, 3)


def test_shading_comes_from_the_background():
    cone = utm(-np.hypot(*np.mgrid[-8:9, -8:9]) * 10.0, "elevation")
    slide = utm(np.zeros((17, 17), "uint8"), "landslide")
    slide[8, 8] = 1
    drawn = colours(plot.picture(slide, background=cone))
    assert drawn[4, 4, 0] > 1.5 * drawn[12, 12, 0]
    assert drawn[8, 8, 0] > 2 * drawn[8, 8, 2]


def test_threads_may_draw_at_the_same_time():
    noise = [utm(np.random.default_rng(seed).random((40, 40)), "coherence") for seed in range(6)]
    alone = [plot.png(plot.picture(made), dpi=40) for made in noise]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda made: plot.png(plot.picture(made), dpi=40), noise)) == alone


def test_inputs_stay_as_they_were():
    values = np.array([[0j, 1 + 1j], [np.nan, 2]])
    given = layer("interferogram", values.copy())
    plot.picture(given)
    assert np.array_equal(given.values, values, equal_nan=True)


def test_pngs_have_the_asked_size():
    image = pytest.importorskip("PIL.Image")
    figure = plot.picture(layer("slope", np.eye(4)))
    width = image.open(io.BytesIO(plot.png(figure, dpi=50))).width
    assert image.open(io.BytesIO(plot.png(figure, dpi=100))).width == pytest.approx(2 * width, abs=2)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.eye(3), InvalidType, "layer is a ndarray; it must be an xarray.DataArray"),
        (
            xr.DataArray(np.zeros((2, 3, 4)), dims=("time", "y", "x")),
            InvalidArgument,
            r"layer.isel\(time=0\)",
        ),
        (xr.DataArray(np.zeros(3), dims="x"), InvalidArgument, r"layer has dims \('x',\)"),
        (xr.DataArray(np.array([["a"]]), dims=("y", "x")), InvalidType, "must be numeric or bool"),
        (xr.DataArray(np.zeros((0, 3)), dims=("y", "x")), InvalidArgument, "at least one pixel"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given: object, error: type, message: str):
    with pytest.raises(error, match=message):
        plot.picture(given)


def test_background_on_another_grid_is_refused():
    with pytest.raises(GridMismatch, match=r"background has shape \(3, 3\) and layer \(2, 2\)"):
        plot.picture(layer("slope", np.eye(2)), background=layer("elevation", np.eye(3)))


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    for module in ("insarfeat.plot._figure", "insarfeat.plot._paint"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(plot, "_figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"insarfeat\[plot\]"):
        plot.picture(layer("slope", np.eye(2)))


def test_importing_loads_no_matplotlib():
    check = "import sys, insarfeat.plot, insarfeat.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
