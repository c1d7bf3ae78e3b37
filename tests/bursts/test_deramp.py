"""Deramping against the geometry of a sweeping antenna, the published formula, and real pixels."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr
from contract import chunk_sizes
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from toy_bursts import INTERVAL, START, burst_of

from insarfeat import filters
from insarfeat.bursts import (
    Antenna,
    AzimuthAxis,
    Burst,
    RangePolynomial,
    SlantRangeAxis,
    ValidSamples,
    deramp,
    reramp,
)
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.io.annotation import read_annotation

LIGHT = 299_792_458.0


def speckle(*shape: int, seed: int = 0, dtype: str = "c8") -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def phase_by_the_book(burst: Burst) -> NDArray[np.float64]:
    """The published phase, line by sample, written once more from the document."""
    tau = burst.slant_range.first_time + np.arange(burst.samples) / burst.slant_range.sampling_rate
    eta = (np.arange(burst.lines) - (burst.lines - 1) / 2) * burst.azimuth.interval

    def along(polynomial: RangePolynomial, times: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.polyval(polynomial.coefficients[::-1], times - polynomial.reference_time)

    middle = np.array([(tau[0] + tau[-1]) / 2])
    ka, f_dc = along(burst.fm_rate, tau), along(burst.doppler_centroid, tau)
    ks = 2 * burst.antenna.platform_speed / (LIGHT / burst.antenna.radar_frequency)
    ks *= np.deg2rad(burst.antenna.steering_rate)
    alpha = 1 - ks / ka
    kt = ks / alpha
    eta_ref = -f_dc / ka + along(burst.doppler_centroid, middle) / along(burst.fm_rate, middle)
    u = eta[:, None] - eta_ref
    return np.pi * kt * u**2 + 2 * np.pi * f_dc * u


# -- from first principles ------------------------------------------------------------------------------------

WAVELENGTH = 0.05546576
SPEED = 7590.0
STEERING = np.deg2rad(1.590368784)
BANDWIDTH = 300.0  # of a target's spectrum, Hz; lines come at 486 Hz


def seen_by_a_sweeping_beam(lines: int, ranges: NDArray[Any], squints: NDArray[Any]) -> dict[str, Any]:
    """Focused targets in every line, from the geometry alone: a straight flight and a beam that turns forward.

    The platform is at ``SPEED * t``. A target abeam of it at time ``eta`` and range R is in the middle of the beam
    when the line of sight, squinted by ``squint + STEERING * t``, meets it; its spectrum then lies around the
    Doppler frequency that it has at that moment. Time 0 is the middle of the sweep.
    """
    rng = np.random.default_rng(1)

    def looked_at(eta: Any, distance: float, squint: float) -> Any:
        """Time at which a target is in the middle of the beam, by bisection."""
        low, high = np.full_like(eta, -5.0), np.full_like(eta, 5.0)
        for _ in range(60):
            t = (low + high) / 2
            behind = SPEED * t + distance * np.tan(squint + STEERING * t) < SPEED * eta
            low, high = np.where(behind, t, low), np.where(behind, high, t)
        return low

    def doppler(eta: Any, t: Any, distance: float) -> Any:
        """Change of the two-way phase with time, in turns: minus twice the range's, over the wavelength."""
        x = SPEED * (eta - t)
        return 2 / WAVELENGTH * SPEED * x / np.hypot(distance, x)

    def abeam_at_mid_sweep(distance: float, squint: float) -> float:
        return float(distance * np.tan(squint) / SPEED)

    # Line times are chosen so that the middle line at mid range belongs to the middle of the sweep.
    half = len(ranges) // 2
    middle = abeam_at_mid_sweep(ranges[half], squints[half])
    times = middle + (np.arange(lines) - (lines - 1) / 2) * INTERVAL
    images = np.empty((30, lines, len(ranges)), complex)  # of 30 different grounds
    centroids, rates = [], []
    for column, (distance, squint) in enumerate(zip(ranges, squints, strict=True)):
        eta = np.sort(rng.uniform(times[0] - 0.1, times[-1] + 0.1, 2500))
        frequency = doppler(eta, looked_at(eta, distance, squint), distance)
        reflectivity = rng.normal(size=(eta.size, 30)) + 1j * rng.normal(size=(eta.size, 30))
        away = times[:, None] - eta
        focused = np.sinc(BANDWIDTH * away) * np.exp(2j * np.pi * frequency * away)
        images[:, :, column] = (focused @ reflectivity).T
        abeam = abeam_at_mid_sweep(distance, squint)
        centroids.append(doppler(abeam, 0.0, distance))
        step = 1e-3
        rates.append((doppler(0.0, step, distance) - doppler(0.0, -step, distance)) / (2 * step))
    return {"images": images, "centroids": np.array(centroids), "rates": np.array(rates)}


def fitted(times: NDArray[Any], values: NDArray[Any], degree: int) -> RangePolynomial:
    """A polynomial as the annotation has it, through values at slant-range times."""
    scale = times[-1] - times[0]
    coefficients = np.polynomial.polynomial.polyfit((times - times[0]) / scale, values, degree)
    return RangePolynomial(float(times[0]), tuple((coefficients / scale ** np.arange(degree + 1)).tolist()))


def spectrum(columns: NDArray[Any]) -> tuple[float, float]:
    """Centre of the columns' spectrum in Hz, and the part of its energy within the bandwidth around zero."""
    power = (np.abs(np.fft.fft(columns)) ** 2).mean(axis=0)
    frequency = np.fft.fftfreq(power.size, INTERVAL)
    centre = np.angle((power * np.exp(2j * np.pi * frequency * INTERVAL)).sum()) / (2 * np.pi * INTERVAL)
    return float(centre), float(power[np.abs(frequency) < BANDWIDTH / 2 + 10].sum() / power.sum())


@pytest.mark.parametrize("squint", [0.0, 2e-4, -2e-4], ids=["no squint", "forward", "backward"])
def test_a_deramped_burst_has_its_spectrum_within_the_bandwidth_around_zero(squint: float) -> None:
    """Squints differ along the range, as those of a real antenna do: then the reference time matters."""
    ranges = np.linspace(800_000.0, 850_000.0, 5)
    squints = squint + np.linspace(-1e-4, 1e-4, 5)
    seen = seen_by_a_sweeping_beam(1500, ranges, squints)
    tau = 2 * ranges / LIGHT
    burst = Burst(
        azimuth=AzimuthAxis(START, INTERVAL, 1500),
        slant_range=SlantRangeAxis(float(tau[0]), float(1 / (tau[1] - tau[0])), 5),
        antenna=Antenna(LIGHT / WAVELENGTH, float(np.rad2deg(STEERING)), SPEED),
        fm_rate=fitted(tau, seen["rates"], 3),
        doppler_centroid=fitted(tau, seen["centroids"], 2),
        valid=ValidSamples(1500 * (0,), 1500 * (4,)),
    )
    assert np.ptp(seen["centroids"]) > 50
    deramped = deramp(seen["images"], burst)
    for column in range(5):
        _, within = spectrum(seen["images"][:, :, column])
        assert within < 0.7, "the sweep should fill the whole band"
        centre, within = spectrum(deramped[:, :, column])
        assert within > 0.97
        assert abs(centre) < 2
        for part in (
            deramped[:, :400, column],
            deramped[:, -400:, column],
        ):  # and so at both ends of the sweep
            assert abs(spectrum(part)[0]) < 5


def test_real_pixels_sweep_at_the_rate_that_is_removed(test_data: Path) -> None:
    """A crop of IW3 over Amsterdam, full resolution, ramp still in it; parameters of another day's IW3 burst.

    How fast its Doppler centroid runs is measured from the phase between neighbouring lines.
    """
    pixels = test_data / "slc_amsterdam_sarxarray" / "slc_20230319_vv.tif"
    annotations = sorted((test_data / "s1meta_hyp3isce2").glob("*.zip"))
    if not pixels.exists() or not annotations:
        pytest.skip("the samples of Amsterdam or of the annotation are not there")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # radar geometry has none
        with rasterio.open(pixels) as file:
            slc = file.read(1)
    with zipfile.ZipFile(annotations[0]) as product:
        (name,) = [name for name in product.namelist() if "/annotation/s1a-iw3" in name]
        with product.open(name) as file:
            whole = read_annotation(file)[4]
    lines, samples = slc.shape
    burst = Burst(
        azimuth=replace(whole.azimuth, lines=lines),
        slant_range=replace(
            whole.slant_range, first_time=6.165e-3, samples=samples
        ),  # 43.2 degrees of incidence
        antenna=whole.antenna,
        fm_rate=whole.fm_rate,
        doppler_centroid=RangePolynomial(6e-3, (0.0,)),
        valid=ValidSamples(lines * (0,), lines * (samples - 1,)),
    )

    def sweep(image: NDArray[Any]) -> float:
        """Hertz per second that, taken out, leave the step from line to line most alike all over the image."""
        step = np.nansum(image[1:] * image[:-1].conj(), axis=1, dtype=complex)
        rates = np.arange(-3000.0, 3000.0, 5.0)
        turns = np.outer(rates, np.arange(lines - 1)) * INTERVAL**2
        return float(rates[np.abs((step * np.exp(-2j * np.pi * turns)).sum(axis=1)).argmax()])

    assert sweep(slc) == pytest.approx(1535, abs=40)
    assert sweep(deramp(slc, burst)) == pytest.approx(0, abs=40)


# -- the formula ----------------------------------------------------------------------------------------------


def test_the_phase_is_the_published_one() -> None:
    """To a microradian, over thousands of turns; the whole sweep of an IW burst, and its whole width."""
    burst = burst_of(1502, 90, sampling_rate=90 / 3.5e-4)
    turned = reramp(np.ones((1502, 90), "c16"), burst)
    expected = phase_by_the_book(burst)
    assert np.ptp(expected) > 1000 * 2 * np.pi
    np.testing.assert_allclose(turned, np.exp(1j * expected), atol=1e-6)
    single = reramp(np.ones((1502, 90), "c8"), burst)
    np.testing.assert_allclose(single, np.exp(1j * expected), atol=2e-6)


def test_the_rotation_is_exact_to_the_last_digits_of_its_phase() -> None:
    """The kernel's own sine against the library's, in the middle of the burst where the phase itself is small."""
    burst = burst_of(41, 50, sampling_rate=50 / 3.5e-4)
    turned = reramp(np.ones((41, 50), "c16"), burst)
    np.testing.assert_allclose(turned, np.exp(1j * phase_by_the_book(burst)), atol=2e-12)
    np.testing.assert_allclose(np.abs(turned), 1, atol=1e-15)


def test_the_doppler_rate_of_iw1_by_hand() -> None:
    """Steering brings 2 * 7589.75 * 5.405e9 * 0.0277572 / 2.99792e8 = 7596.4 Hz/s.

    With an FM rate of -2311.9 Hz/s at near range, 7596.4 * 2311.9 / (7596.4 + 2311.9) = 1772.5 Hz/s are left.
    """
    burst = burst_of(1502, 3)
    assert burst.antenna.doppler_rate == pytest.approx(7596.398, abs=1e-3)
    phase = np.unwrap(np.angle(reramp(np.ones((1502, 3), "c16"), burst)[700:800, 0]))
    rate = np.polyfit(np.arange(100) * INTERVAL, phase, 2)[0] / np.pi
    assert rate == pytest.approx(1772.5, abs=0.5)


# -- what users rely on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "close"), [("c8", 3e-7), ("c16", 2e-15)])
def test_reramp_undoes_deramp(dtype: str, close: float) -> None:
    burst = burst_of(1502, 40)
    slc = speckle(1502, 40, dtype=dtype)
    back = reramp(deramp(slc, burst), burst)
    assert back.dtype == slc.dtype
    assert np.max(np.abs(back - slc) / np.abs(slc)) < close


def test_deramping_both_images_with_one_burst_leaves_their_interferogram_as_it_was() -> None:
    burst = burst_of(300, 50)
    primary, secondary = speckle(300, 50, seed=1), speckle(300, 50, seed=2)
    before = filters.interferogram(primary, secondary)
    after = filters.interferogram(deramp(primary, burst), deramp(secondary, burst))
    np.testing.assert_allclose(after, before, atol=2e-6)


def test_amplitude_is_kept() -> None:
    slc = speckle(200, 30)
    np.testing.assert_allclose(np.abs(deramp(slc, burst_of(200, 30))), np.abs(slc), rtol=3e-7)


@given(data=st.data(), lines=st.integers(1, 70), samples=st.integers(1, 70), double=st.booleans())
def test_any_tiles_give_the_same_burst_bit_for_bit(
    data: st.DataObject, lines: int, samples: int, double: bool
) -> None:
    burst = burst_of(lines, samples)
    slc = speckle(lines, samples, dtype="c16" if double else "c8")
    chunks = (data.draw(chunk_sizes(lines)), data.draw(chunk_sizes(samples)))
    for function in (deramp, reramp):
        lazy = function(da.from_array(slc, chunks=chunks), burst)
        np.testing.assert_array_equal(lazy.compute(scheduler="sync"), function(slc, burst))


def test_tiles_of_a_burst_of_full_length_give_it_bit_for_bit() -> None:
    burst = burst_of(1502, 1200)
    slc = speckle(1502, 1200)
    tiles = deramp(da.from_array(slc, chunks=(512, 333)), burst)
    np.testing.assert_array_equal(tiles.compute(scheduler="sync"), deramp(slc, burst))


def test_nodata_stays_where_it_is() -> None:
    slc = speckle(4, 5)
    slc[0, 0] = 0
    slc[1, 1] = np.nan
    slc[2, 2] = complex(1, np.nan)
    result = deramp(slc, burst_of(4, 5))
    missing = np.zeros((4, 5), bool)
    missing[[0, 1, 2], [0, 1, 2]] = True
    np.testing.assert_array_equal(np.isnan(result.real), missing)
    np.testing.assert_array_equal(np.isnan(result.imag), missing)


def test_polarisations_in_a_dataset_or_along_a_dimension_share_the_ramp() -> None:
    burst = burst_of(6, 7)
    slc = xr.Dataset({pol: (("y", "x"), speckle(6, 7, seed=n)) for n, pol in enumerate(("vv", "vh"))})
    together = deramp(slc, burst)
    stacked = deramp(np.stack([slc["vv"], slc["vh"]]), burst)
    for n, pol in enumerate(("vv", "vh")):
        np.testing.assert_array_equal(together[pol], deramp(slc[pol], burst))
        np.testing.assert_array_equal(together[pol], stacked[n])


def test_provenance_tells_the_ramp() -> None:
    slc = xr.DataArray(speckle(6, 7), dims=("y", "x"), name="vv")
    result = deramp(slc, burst_of(6, 7))
    assert result.name == "vv"
    assert result.attrs["processing"].startswith("bursts.deramp(centre_line=2.5, line_interval=0.0020555563")


def test_a_crop_is_refused_because_the_ramp_would_start_in_the_wrong_place() -> None:
    burst = burst_of(60, 70)
    for slc in (speckle(59, 70), speckle(60, 71), speckle(70, 60)):
        for function in (deramp, reramp):
            with pytest.raises(GridMismatch, match="the burst 60 x 70; give the whole burst"):
                function(slc, burst)
    with pytest.raises(GridMismatch, match="slc is 59 x 70"):
        deramp(xr.Dataset({"vv": (("y", "x"), speckle(59, 70))}), burst)


def test_what_is_no_burst_or_no_complex_image_is_refused() -> None:
    with pytest.raises(InvalidType, match="burst must be a Burst, as read_annotation gives; got dict"):
        deramp(speckle(3, 3), {})  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="slc must hold complex numbers"):
        deramp(np.ones((3, 4), "f4"), burst_of(3, 4))
    with pytest.raises(InvalidType, match="slc must be a NumPy array"):
        deramp("burst.tif", burst_of(3, 4))


# -- bursts that cannot be ------------------------------------------------------------------------------------


def test_impossible_bursts_are_refused_by_name() -> None:
    burst = burst_of(4, 5)
    with pytest.raises(InvalidArgument, match="interval must be a positive number; got 0"):
        replace(burst.azimuth, interval=0.0)
    with pytest.raises(InvalidArgument, match="samples must be a positive number; got -1"):
        replace(burst.slant_range, samples=-1)
    with pytest.raises(InvalidArgument, match="platform_speed must be a positive number; got nan"):
        replace(burst.antenna, platform_speed=float("nan"))
    with pytest.raises(InvalidArgument, match="fm_rate must be negative all over the burst"):
        replace(burst, fm_rate=RangePolynomial(5e-3, (2311.9,)))
    with pytest.raises(InvalidArgument, match="at least one coefficient"):
        RangePolynomial(5e-3, ())
    with pytest.raises(InvalidArgument, match="each of the burst's 4 lines; got 3"):
        replace(burst, valid=ValidSamples((0, 0, 0), (4, 4, 4)))
    with pytest.raises(InvalidArgument, match="must lie in the burst's 5; got 5 as the last"):
        replace(burst, valid=ValidSamples((0, 0, 0, 0), (4, 4, 5, 4)))
    with pytest.raises(InvalidArgument, match="line 1 cannot be valid from sample -1 to 4"):
        ValidSamples((0, -1), (4, 4))
    with pytest.raises(InvalidArgument, match="same lines; got 1 and 2"):
        ValidSamples((0,), (4, 4))
    with pytest.raises(InvalidArgument, match="UTC and say no time zone"):
        replace(burst.azimuth, first_time=START.astimezone())


def test_bursts_are_values() -> None:
    assert burst_of(4, 5) == burst_of(4, 5)
    assert len({burst_of(4, 5), burst_of(4, 5), burst_of(5, 5)}) == 2
