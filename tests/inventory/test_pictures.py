"""Pictures of inventories: what stands on them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from insarfeat import inventory, plot
from insarfeat.errors import InvalidType

pytest.importorskip("matplotlib")

WEST = {"type": "Polygon", "coordinates": [[(0, 0), (50, 0), (50, 200), (0, 200), (0, 0)]]}


def comparison(layers: int = 2, *, covered: float = 50.0) -> inventory.Comparison:
    random = np.random.default_rng(0)
    coords = {"y": 195.0 - 10 * np.arange(20), "x": 5.0 + 10 * np.arange(20)}
    names = ["slope", "profile_curvature", "cost_in_$_a", "twi", "tri"][:layers]
    made = {name: xr.DataArray(random.normal(size=(20, 20)), coords, ("y", "x")) for name in names}
    west = {"type": "Polygon", "coordinates": [[(0, 0), (covered, 0), (covered, 200), (0, 200), (0, 0)]]}
    return inventory.compare(xr.Dataset(made), west, bins=8)


def law() -> inventory.PowerLaw:
    areas = 1000.0 * (1 - np.random.default_rng(1).random(300)) ** (-1 / 1.4)
    return inventory.frequency_area([*areas, *np.linspace(50, 900, 40)], smallest=1000.0)


def test_each_layer_has_a_panel_with_its_name_and_units():
    found = comparison()
    figure = plot.distributions(found)
    assert [axes.get_xlabel() for axes in figure.axes] == ["slope, °", "profile_curvature, 1/m"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["density, 1/°", "density, m"]
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith("terrain slope\n")
    assert f"AUC {found['slope'].auc:.2f}, 100 pixels each" in title
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["inside", "median inside", "outside", "median outside"]


def test_the_drawn_densities_and_medians_are_those_found():
    found = comparison(1)["slope"]
    axes = plot.distributions(comparison(1)).axes[0]
    drawn = [patch.get_data() for patch in axes.patches]
    assert np.array_equal(drawn[0].values, found.density_inside)
    assert np.array_equal(drawn[1].values, found.density_outside)
    assert np.array_equal(drawn[1].edges, found.edges)
    assert [line.get_xdata()[0] for line in axes.lines] == [found.inside.median, found.outside.median]


@pytest.mark.parametrize("layers", [1, 3, 5])
def test_any_number_of_layers_fits_on_the_sheet(layers: int):
    figure = plot.distributions(comparison(layers))
    assert plot.png(figure, dpi=40).startswith(b"\x89PNG")
    figure.canvas.draw()
    sheet = figure.bbox
    for axes in figure.axes:
        around = axes.get_tightbbox()
        assert around.x0 >= sheet.x0 - 1
        assert around.x1 <= sheet.x1 + 1
        assert around.y1 <= sheet.y1 + 1
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= sheet.x1
    assert legend.y1 <= min(axes.get_tightbbox().y0 for axes in figure.axes) + 1


def test_unequal_and_empty_samples_are_told():
    axes = plot.distributions(comparison(1, covered=150)).axes[0]
    assert "300 pixels inside, 100 outside" in axes.get_title(loc="left")
    axes = plot.distributions(comparison(1, covered=200)).axes[0]
    assert "nothing to compare: 400 pixels inside, 0 outside" in axes.get_title(loc="left")
    assert len(axes.patches) == 1


def test_the_power_law_is_drawn_where_it_holds():
    found = law()
    figure = plot.frequency_area(found)
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("area, m²", "probability density, 1/m²")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any(label.startswith(f"exponent {found.exponent:.2f} (95 %: ") for label in labels)
    fitted = next(line for line in axes.lines if str(line.get_label()).startswith("exponent"))
    x, y = (np.asarray(values) for values in fitted.get_data())
    assert x[0] == 1000.0
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(-found.exponent)
    above = axes.containers[0].lines[0].get_xdata()
    below = axes.containers[1].lines[0].get_xdata()
    assert min(above) > 1000.0 > max(below)
    assert "300 in the fit, from 1000 m² on (given)" in axes.get_title(loc="left")
    assert plot.png(figure, dpi=40).startswith(b"\x89PNG")


def test_other_things_are_refused():
    with pytest.raises(InvalidType, match=r"comparison is a PowerLaw; it must be the Comparison .*compare"):
        plot.distributions(law())
    with pytest.raises(InvalidType, match="law is a list; it must be the PowerLaw"):
        plot.frequency_area([1.0])


def test_pictures_load_no_inventory():
    code = (
        "import sys; from insarfeat import plot; import insarfeat.plot._charts\n"
        "try: plot.distributions(3)\n"
        "except TypeError: pass\n"
        "assert 'insarfeat.inventory' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pyplot_is_not_touched():
    code = (
        "import sys; from insarfeat import inventory, plot\n"
        "plot.png(plot.frequency_area(inventory.frequency_area([1.0, 2.0], smallest=1.0)))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
