"""The synthetic scene as its users may rely on it."""

import numpy as np
import pytest
import xarray as xr

from insarfeat import synth
from insarfeat.errors import InvalidArgument, InvalidType

PIXEL = 15.0
LOOKS = 4


@pytest.fixture(scope="module")
def scene() -> xr.Dataset:
    return synth.scene(7, size=256, pixel=PIXEL)


def multilook(values: np.ndarray, looks: int = LOOKS) -> np.ndarray:
    rows, columns = (side // looks for side in values.shape)
    return values.reshape(rows, looks, columns, looks).mean(axis=(1, 3))


def gradient(scene: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Rise per metre to the east and to the north, from the coordinates."""
    elevation = scene.elevation.astype("float64")
    return elevation.differentiate("x").values, elevation.differentiate("y").values


def slope(scene: xr.Dataset) -> np.ndarray:
    return np.degrees(np.arctan(np.hypot(*gradient(scene))))


def test_the_seed_alone_decides_the_scene():
    xr.testing.assert_identical(synth.scene(3, size=64), synth.scene(np.int64(3), size=64))


def test_two_seeds_give_two_scenes():
    first, second = synth.scene(3, size=64), synth.scene(4, size=64)
    for name in first.data_vars:
        assert not np.array_equal(first[name], second[name]), name


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the old global state is what is tested
    synth.scene(3, size=32)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_layers_types_and_values(scene: xr.Dataset):
    types = {name: str(variable.dtype) for name, variable in scene.data_vars.items()}
    assert types == {
        "primary": "complex64",
        "secondary": "complex64",
        "elevation": "float32",
        "landslide": "uint8",
        "displacement_true": "float32",
        "atmosphere_true": "float32",
        "phase_true": "float32",
        "coherence_true": "float32",
    }
    assert all(variable.dims == ("y", "x") for variable in scene.data_vars.values())
    assert all(np.isfinite(variable).all() for variable in scene.data_vars.values())
    assert all({"long_name", "units"} <= variable.attrs.keys() for variable in scene.data_vars.values())
    assert set(np.unique(scene.landslide)) == {0, 1}
    assert scene.coherence_true.min() >= 0
    assert scene.coherence_true.max() <= 1
    assert scene.phase_true.min() > -np.float32(np.pi)
    assert scene.phase_true.max() <= np.float32(np.pi)


def test_grid_is_north_up_utm_with_pixel_centres(scene: xr.Dataset):
    pyproj = pytest.importorskip("pyproj")
    assert pyproj.CRS.from_wkt(scene.spatial_ref.attrs["crs_wkt"]).to_epsg() == 32632
    assert np.all(np.diff(scene.y) == -PIXEL)
    assert np.all(np.diff(scene.x) == PIXEL)
    assert (scene.x[0] - PIXEL / 2) % PIXEL == 0
    assert scene.x.attrs["standard_name"] == "projection_x_coordinate"
    to_degrees = pyproj.Transformer.from_crs(32632, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(float(scene.x.mean()), float(scene.y.mean()))
    assert (round(longitude, 1), round(latitude, 1)) == (10.5, 44.3)


def test_dataset_says_that_it_is_synthetic_and_how_it_was_seen(scene: xr.Dataset):
    assert scene.attrs["source"] == "synthetic scene, insarfeat.synth"
    assert (scene.attrs["seed"], scene.attrs["wavelength"]) == (7, 0.05546576)
    assert (scene.attrs["incidence"], scene.attrs["heading"], scene.attrs["baseline_days"]) == (
        39.0,
        -12.0,
        12.0,
    )


def test_it_survives_a_round_trip_through_netcdf(scene: xr.Dataset, tmp_path):
    real = scene.drop_vars(["primary", "secondary"])
    real.to_netcdf(tmp_path / "scene.nc")
    with xr.open_dataset(tmp_path / "scene.nc", decode_coords="all") as read:
        xr.testing.assert_equal(read, real)


@pytest.mark.parametrize("seed", range(4))
def test_landscape_is_a_mountain_landscape(seed: int):
    made = synth.scene(seed, size=256)
    assert 14.5 < np.median(slope(made)) < 20.5
    assert 150 < np.ptp(made.elevation.values) < 1500


@pytest.mark.parametrize("heading", [-12.0, -168.0])
@pytest.mark.parametrize("seed", range(4))
def test_slide_lies_on_a_moderate_slope_on_coherent_ground_and_shows_a_fringe(seed: int, heading: float):
    made = synth.scene(seed, size=256, heading=heading)
    inside = made.landslide.values == 1
    assert 8 < np.median(slope(made)[inside]) < 30
    assert made.coherence_true.values[inside].mean() > 0.35
    assert np.abs(made.displacement_true).max() > 0.05546576 / 2
    assert (made.displacement_true.values[~inside] == 0).all()


def test_slide_moves_away_from_the_satellite_where_downslope_lengthens_the_range(scene: xr.Dataset):
    """From first principles: move each point down the slope and measure its distance to a far satellite."""
    azimuth, incidence = np.radians(-12.0 + 90.0), np.radians(39.0)
    towards_ground = np.array([np.sin(azimuth), np.cos(azimuth)]) * np.sin(incidence)
    satellite = np.array([*-towards_ground, np.cos(incidence)]) * 8e5

    rise = scene.elevation.astype("float64").rolling(x=9, y=9, center=True).mean()
    inside = scene.landslide.values == 1
    east_rise, north_rise = rise.differentiate("x").values[inside], rise.differentiate("y").values[inside]
    step = np.stack([-east_rise, -north_rise, -(east_rise**2 + north_rise**2)])
    step *= 0.01 / np.linalg.norm(step, axis=0)
    range_increase = np.linalg.norm(satellite[:, np.newaxis] - step, axis=0) - np.linalg.norm(satellite)

    toward = scene.displacement_true.values[inside]
    clear = np.abs(range_increase) > 0.004
    assert clear.sum() > 100
    assert (np.sign(toward[clear]) == -np.sign(range_increase[clear])).mean() > 0.98


def test_phase_grows_with_range(scene: xr.Dataset):
    """A pulse that travels farther comes back later: exp(-4 pi i range / wavelength) in each image."""
    earlier, later = 800_000.0, 800_000.0 - scene.displacement_true.astype("float64")
    # Subtracting ranges first keeps the digits that 800 km would eat.
    moved = np.exp(-4j * np.pi * (earlier - later) / scene.attrs["wavelength"])
    expected = np.angle(moved * np.exp(1j * scene.atmosphere_true))
    assert np.abs(np.exp(1j * scene.phase_true) - np.exp(1j * expected)).max() < 2e-4


def test_multilooked_interferogram_has_the_true_phase(scene: xr.Dataset):
    interferogram = multilook((scene.primary * scene.secondary.conj()).values)
    truth = multilook((scene.coherence_true * np.exp(1j * scene.phase_true)).values)
    error = np.angle(interferogram * truth.conj())
    coherent = np.abs(truth) > 0.6
    assert abs(error[coherent].mean()) < 0.01
    assert np.median(np.abs(error[coherent])) < 0.2


def test_measured_coherence_agrees_with_the_truth(scene: xr.Dataset):
    flattened = (scene.primary * scene.secondary.conj() * np.exp(-1j * scene.phase_true)).values
    intensity = np.sqrt((np.abs(scene.primary) ** 2).values), np.sqrt((np.abs(scene.secondary) ** 2).values)
    for low, high in [(0.0, 0.2), (0.3, 0.5), (0.5, 0.7), (0.7, 0.95)]:
        chosen = (scene.coherence_true.values >= low) & (scene.coherence_true.values < high)
        cross = flattened[chosen].mean()
        measured = np.abs(cross) / np.sqrt(
            (intensity[0][chosen] ** 2).mean() * (intensity[1][chosen] ** 2).mean()
        )
        assert measured == pytest.approx(scene.coherence_true.values[chosen].mean(), abs=0.03)


def test_coherence_has_good_ground_and_useless_patches(scene: xr.Dataset):
    assert 0.5 < scene.coherence_true.mean() < 0.7
    assert 0.03 < (scene.coherence_true < 0.2).mean() < 0.2


def test_coherence_falls_with_the_time_between_the_images():
    means = [float(synth.scene(1, size=64, baseline_days=days).coherence_true.mean()) for days in (6, 12, 30)]
    assert means == sorted(means, reverse=True)


def test_speckle_is_circular_and_fully_developed(scene: xr.Dataset):
    smooth = multilook((np.abs(scene.primary) ** 2).values, 8)
    spread = multilook((np.abs(scene.primary) ** 4).values, 8)
    assert np.median(spread / smooth**2) == pytest.approx(2.0, abs=0.25)
    assert abs((scene.primary**2).mean()) < 0.05 * (np.abs(scene.primary) ** 2).mean()


def test_slopes_that_face_the_radar_are_brighter(scene: xr.Dataset):
    east_rise, _ = gradient(scene)
    intensity = (np.abs(scene.primary) ** 2).values
    # Ascending and right-looking: the radar looks to the east, so ground that rises to the east faces it.
    assert intensity[east_rise > 0.2].mean() > 1.5 * intensity[east_rise < -0.2].mean()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": -1}, InvalidArgument, "seed is -1; it must be 0 or more"),
        ({"seed": 1.5}, InvalidType, "seed is 1.5; it must be a whole number"),
        ({"seed": True}, InvalidType, "seed is True"),
        ({"size": 31}, InvalidArgument, "size is 31; it must be 32 or more"),
        ({"size": (64, 32)}, InvalidType, r"size is \(64, 32\); it must be a whole number"),
        ({"pixel": 0.0}, InvalidArgument, "pixel is 0.0; it must lie from 1 to 100 metres"),
        ({"pixel": float("nan")}, InvalidArgument, "pixel is nan"),
        ({"pixel": "15 m"}, InvalidType, "pixel is '15 m'; it must be a number of metres"),
        (
            {"incidence": 0.68},
            InvalidArgument,
            "incidence is 0.68; it must lie from 15 to 60 degrees: check the unit",
        ),
        ({"baseline_days": 0}, InvalidArgument, "baseline_days is 0"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_accepted(arguments: dict, error: type, words: str):
    with pytest.raises(error, match=words):
        synth.scene(**{"seed": 1, "size": 32, **arguments})
