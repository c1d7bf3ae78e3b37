"""Pieces of real DEMs: whose files they are, that their metres are true, and that nodata stays behind."""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, UnreadableInput
from insarfeat.synth.dems import DemFolder, DemPiece

Array = NDArray[Any]

# Metres of this map are true metres within 1e-6 for tens of kilometres around 47 N 11 E.
TRUE_MAP = "+proj=tmerc +lat_0=47 +lon_0=11 +k=1 +x_0=0 +y_0=0 +ellps=GRS80 +units=m"


def write_dem(path: Path, heights: Array, pixel: float = 30.0, **profile: Any) -> Path:
    """A GeoTIFF with its upper left corner in the middle of the map."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = heights if heights.ndim == 3 else heights[np.newaxis]
    scale = profile.pop("scale", None)
    profile = {"crs": TRUE_MAP, "transform": Affine(pixel, 0, 0, 0, -pixel, 0), **profile}
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=bands.dtype, **profile
    ) as file:
        file.write(bands)
        if scale is not None:
            file.scales = (scale,)
    return path


def plane(rows: int, columns: int, fall: float, rise: float, pixel: float = 30.0) -> Array:
    """Heights that fall down the rows and rise along the columns, metres per metre."""
    y, x = np.arange(rows)[:, np.newaxis] * pixel, np.arange(columns) * pixel
    return np.asarray(2000.0 - fall * y + rise * x, dtype=np.float32)


def hills(rows: int, columns: int, seed: int = 0) -> Array:
    """Rugged ground between 500 and 1500 m, rough everywhere, of 30 m pixels."""
    y, x = np.arange(rows)[:, np.newaxis], np.arange(columns)
    shift = np.random.default_rng(seed).uniform(0, 6, 2)
    return np.asarray(1000 + 500 * np.sin(y / 4 + shift[0]) * np.cos(x / 5 + shift[1]), dtype=np.float32)


def draws(folder: DemFolder, count: int, *, size: int = 40, pixel: float = 15.0) -> list[DemPiece]:
    rng = np.random.default_rng(7)
    return [folder.draw(rng, size=size, pixel=pixel) for _ in range(count)]


def rises(piece: DemPiece, pixel: float = 15.0) -> tuple[float, float]:
    """Mean rise along columns and along rows, metres per metre."""
    down, across = np.gradient(piece.elevation.astype(np.float64), pixel)
    return float(across.mean()), float(down.mean())


@pytest.fixture
def twenty(tmp_path: Path) -> Path:
    for number in range(20):
        write_dem(tmp_path / "dems" / f"tile{number}.tif", hills(8, 8))
    return tmp_path / "dems"


class TestParts:
    def test_share_no_file_and_together_are_all(self, twenty: Path) -> None:
        parts = [DemFolder(twenty, part=part).files for part in ("train", "validation", "test")]
        assert sorted(sum(parts, ())) == sorted(DemFolder(twenty).files)
        assert [len(part) for part in parts] == [14, 3, 3]

    def test_follow_from_the_names_alone(self, twenty: Path, tmp_path: Path) -> None:
        for file in twenty.iterdir():
            write_dem(tmp_path / "moved" / file.stem[-1] / f"{file.stem}.TIFF", hills(9, 7), pixel=5.0)
        here = DemFolder(twenty, part="test").files
        there = DemFolder(tmp_path / "moved", part="test").files
        assert {Path(name).stem for name in here} == {Path(name).stem for name in there}

    def test_three_files_are_one_for_each_part(self, tmp_path: Path) -> None:
        for name in "abc":
            write_dem(tmp_path / f"{name}.tif", hills(8, 8))
        for part in ("train", "validation", "test"):
            assert len(DemFolder(tmp_path, part=part).files) == 1

    def test_one_tile_in_two_formats_does_not_come_to_two_parts(self, tmp_path: Path) -> None:
        for number in range(7):
            for suffix in ("tif", "tiff"):
                write_dem(tmp_path / f"tile{number}.{suffix}", hills(8, 8))
        for part in ("train", "validation", "test"):
            tiles = Counter(Path(name).stem for name in DemFolder(tmp_path, part=part).files)
            assert set(tiles.values()) == {2}

    def test_files_of_one_name_in_several_folders_are_told_apart(self, tmp_path: Path) -> None:
        for site in "abc":
            write_dem(tmp_path / site / "dem.tif", hills(8, 8))
        assert DemFolder(tmp_path).files == ("a/dem.tif", "b/dem.tif", "c/dem.tif")
        assert len(DemFolder(tmp_path, part="validation").files) == 1

    def test_two_files_are_training_and_validation_says_why_it_is_empty(self, tmp_path: Path) -> None:
        for name in "ab":
            write_dem(tmp_path / f"{name}.tif", hills(8, 8))
        assert DemFolder(tmp_path, part="train").files == ("a.tif", "b.tif")
        with pytest.raises(InvalidArgument, match=r"2 DEM file\(s\) are all training; give three or more"):
            DemFolder(tmp_path, part="validation")

    def test_have_names(self, twenty: Path) -> None:
        with pytest.raises(
            InvalidArgument, match="part must be one of all, train, validation, test; got 'dev'"
        ):
            DemFolder(twenty, part="dev")  # type: ignore[arg-type]


class TestFiles:
    def test_are_found_below_the_folder_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        for name in ("c.tif", "deep/er/b.TIF", "deep/a.tiff"):
            write_dem(tmp_path / name, hills(8, 8))
        assert DemFolder(str(tmp_path)).files == ("deep/a.tiff", "deep/er/b.TIF", "c.tif")

    def test_may_be_one(self, tmp_path: Path) -> None:
        file = write_dem(tmp_path / "one.tif", hills(60, 60))
        assert draws(DemFolder(file), 1)[0].source == "one.tif"

    def test_may_be_srtm_tiles_as_they_are_delivered(self, tmp_path: Path) -> None:
        hills(1201, 1201).astype(">i2").tofile(tmp_path / "N46E010.hgt")
        (piece,) = draws(DemFolder(tmp_path), 1)
        assert piece.source == "N46E010.hgt"
        assert piece.resolution == pytest.approx(92.6, rel=1e-3)

    @pytest.mark.parametrize(
        ("values", "profile", "reason"),
        [
            (np.ones((3, 8, 8), np.float32), {}, "has 3 bands"),
            (np.ones((8, 8), np.complex64), {}, "holds complex64"),
            (np.ones((8, 8), np.uint8), {}, "holds uint8"),
            (np.ones((8, 8), np.float32), {"crs": None}, "has no CRS"),
            (np.ones((8, 8), np.float32), {"crs": 'LOCAL_CS["mine",UNIT["metre",1]]'}, "the CRS"),
            (np.ones((8, 8), np.float32), {"transform": Affine(9, 3, 0, 3, -9, 0)}, "is turned"),
        ],
    )
    def test_that_are_no_dems_are_left_out_and_named(
        self, values: Array, profile: Any, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        write_dem(tmp_path / "other.tif", values, **profile)
        write_dem(tmp_path / "real.tif", hills(8, 8))
        with caplog.at_level(logging.WARNING):
            assert DemFolder(tmp_path).files == ("real.tif",)
        assert f"other.tif ({reason}" in caplog.text

    def test_that_are_no_dems_do_not_make_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "damaged.tif").write_bytes(b"II*\0 and then nothing")
        write_dem(tmp_path / "mask.tif", np.ones((8, 8), np.uint8))
        with pytest.raises(
            InvalidArgument, match=r"has no DEM.*damaged.tif.*cannot be read.*mask.tif \(holds uint8"
        ):
            DemFolder(tmp_path)

    def test_are_missed_where_there_are_none(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="found: no such file"):
            DemFolder(tmp_path)
        with pytest.raises(MissingInput, match="does not exist"):
            DemFolder(tmp_path / "nowhere")
        with pytest.raises(InvalidType, match="path must be a folder or a file; got int"):
            DemFolder(3)  # type: ignore[arg-type]

    def test_that_break_off_are_an_error_of_the_draw(self, tmp_path: Path) -> None:
        file = write_dem(tmp_path / "cut.tif", hills(300, 300))
        file.write_bytes(file.read_bytes()[:20_000])
        folder = DemFolder(tmp_path)
        with pytest.raises(UnreadableInput, match=r"cut.tif cannot be read"):
            draws(folder, 20)


class TestDraws:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> DemFolder:
        for number in range(4):
            write_dem(tmp_path / f"tile{number}.tif", hills(90, 120, number))
        return DemFolder(tmp_path)

    def test_repeat_with_the_seed(self, folder: DemFolder) -> None:
        first, second = draws(folder, 5), draws(folder, 5)
        for one, other in zip(first, second, strict=True):
            assert one.source == other.source
            assert np.array_equal(one.elevation, other.elevation)

    def test_differ_from_draw_to_draw(self, folder: DemFolder) -> None:
        first, second = draws(folder, 2)
        assert not np.array_equal(first.elevation, second.elevation)

    def test_are_square_float32_in_one_block_of_memory(self, folder: DemFolder) -> None:
        for piece in draws(folder, 8):
            assert piece.elevation.shape == (40, 40)
            assert piece.elevation.dtype == np.float32
            assert piece.elevation.flags.c_contiguous

    def test_are_the_same_from_a_pickled_folder(self, folder: DemFolder) -> None:
        (expected,), (found,) = draws(folder, 1), draws(pickle.loads(pickle.dumps(folder)), 1)
        assert np.array_equal(found.elevation, expected.elevation)

    def test_are_the_same_in_many_threads(self, folder: DemFolder) -> None:
        def drawn(seed: int) -> DemPiece:
            return folder.draw(np.random.default_rng(seed), size=40, pixel=15.0)

        with ThreadPoolExecutor(4) as threads:
            for seed, piece in enumerate(threads.map(drawn, range(24))):
                assert np.array_equal(piece.elevation, drawn(seed).elevation)

    def test_are_the_same_in_a_forked_process(self, folder: DemFolder) -> None:
        expected = draws(folder, 3)
        with get_context("fork").Pool(1) as processes:
            found = processes.apply(draws, (folder, 3))
        for one, other in zip(found, expected, strict=True):
            assert np.array_equal(one.elevation, other.elevation)

    def test_turn_and_mirror_in_all_eight_ways(self, tmp_path: Path) -> None:
        write_dem(tmp_path / "plane.tif", plane(60, 60, fall=0.2, rise=0.5))
        seen = Counter(
            tuple(round(rise, 2) for rise in rises(piece)) for piece in draws(DemFolder(tmp_path), 160)
        )
        assert set(seen) == {
            (x * one, y * other) for x in (1, -1) for y in (1, -1) for one, other in ((0.2, 0.5), (0.5, 0.2))
        }
        assert min(seen.values()) >= 8

    def test_come_from_all_over_the_file(self, tmp_path: Path) -> None:
        write_dem(tmp_path / "plane.tif", plane(200, 200, fall=0.0, rise=0.5))
        middles = [float(piece.elevation.mean()) for piece in draws(DemFolder(tmp_path), 60)]
        # 600 m wide pieces with 5 pixels kept free: their middles lie 450 to 5550 m along the slope.
        assert min(middles) == pytest.approx(2000 + 0.5 * 450, abs=100)
        assert max(middles) == pytest.approx(2000 + 0.5 * 5550, abs=100)

    def test_favour_files_with_much_land(self, tmp_path: Path) -> None:
        land = hills(240, 240)
        write_dem(tmp_path / "land.tif", land)
        coast = np.where(np.arange(240) < 60, land, np.float32(0))
        write_dem(tmp_path / "coast.tif", coast)
        count = Counter(piece.source for piece in draws(DemFolder(tmp_path), 250, size=20))
        assert count["coast.tif"] / 250 == pytest.approx(0.2, abs=0.08)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"size": 1}, InvalidArgument, "size must be a whole number of pixels from 2; got 1"),
            ({"size": 9.5}, InvalidArgument, "size must be a whole number"),
            ({"pixel": 0}, InvalidArgument, "pixel must be a finite number of metres above 0; got 0"),
            ({"pixel": np.nan}, InvalidArgument, "pixel must be a finite number"),
            ({"rng": 5}, InvalidType, "rng must be a NumPy generator.*got int"),
        ],
    )
    def test_refuse_what_makes_no_piece(
        self, folder: DemFolder, arguments: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        given: dict[str, Any] = {"rng": np.random.default_rng(1), "size": 40, "pixel": 15.0, **arguments}
        with pytest.raises(error, match=message):
            folder.draw(given.pop("rng"), **given)

    def test_say_how_large_pieces_may_be_and_hold_to_it(self, tmp_path: Path) -> None:
        write_dem(tmp_path / "small.tif", hills(40, 60))
        write_dem(tmp_path / "large.tif", hills(50, 50), pixel=29.9)
        folder = DemFolder(tmp_path)
        words = (
            r"size=100 at pixel=15 m is 1.50 km wide; the largest of 2 DEM file\(s\) in .*, large.tif, holds "
            r"1.19 km: ask for at most 79 pixels, or join neighbouring tiles"
        )
        with pytest.raises(InvalidArgument, match=words):
            draws(folder, 1, size=100)
        assert {piece.source for piece in draws(folder, 5, size=79)} == {"large.tif"}


class TestMetres:
    """A plane keeps its slope, whatever the map."""

    FALL, RISE = 0.15, 0.4

    def check(self, folder: Path, pixel: float = 15.0, tolerance: float = 0.003) -> None:
        for piece in draws(DemFolder(folder), 6, pixel=pixel):
            down, across = (np.abs(part) for part in np.gradient(piece.elevation.astype(np.float64), pixel))
            small, large = (down, across) if down.mean() < across.mean() else (across, down)
            # Everywhere, at edges of the piece and of the file, too: no facets.
            np.testing.assert_allclose(small, self.FALL, rtol=tolerance)
            np.testing.assert_allclose(large, self.RISE, rtol=tolerance)

    @pytest.mark.parametrize("pixel", [4.0, 15.0, 30.0, 47.0, 100.0])
    def test_on_a_projected_map_at_any_pixel_size(self, pixel: float, tmp_path: Path) -> None:
        write_dem(tmp_path / "dem.tif", plane(180, 180, self.FALL, self.RISE))
        self.check(tmp_path, pixel)

    def test_on_a_map_with_rows_that_run_north(self, tmp_path: Path) -> None:
        heights = plane(80, 80, self.FALL, self.RISE)
        write_dem(tmp_path / "dem.tif", heights, transform=Affine(30, 0, 0, 0, 30, 0))
        self.check(tmp_path)

    def test_on_a_map_with_pixels_that_are_not_square(self, tmp_path: Path) -> None:
        heights = plane(60, 240, self.FALL * 2, self.RISE / 2)
        write_dem(tmp_path / "dem.tif", heights, transform=Affine(15, 0, 0, 0, -60, 0))
        self.check(tmp_path)

    def degrees(self, radius_down: float, radius_across: float, step: float) -> Array:
        """The plane on a grid of degrees, given the radii along the meridian and along the parallel."""
        metres_down, metres_across = np.radians(step) * radius_down, np.radians(step) * radius_across
        return plane(200, 200, self.FALL * metres_down / 30, self.RISE * metres_across / 30)

    def test_on_a_map_of_degrees(self, tmp_path: Path) -> None:
        axis, flattening, sine = 6_378_137.0, 1 / 298.257223563, np.sin(np.radians(47.0))
        squared = flattening * (2 - flattening)
        normal = axis / np.sqrt(1 - squared * sine**2)
        meridian = normal * (1 - squared) / (1 - squared * sine**2)
        step = 1 / 3600
        heights = self.degrees(meridian, normal * np.cos(np.radians(47.0)), step)
        corner = Affine(step, 0, 11.0, 0, -step, 47.0 + 100 * step)
        write_dem(tmp_path / "dem.tif", heights, crs="EPSG:4326", transform=corner)
        self.check(tmp_path)

    def test_on_a_web_map_that_stretches_to_the_north(self, tmp_path: Path) -> None:
        # On the sphere of web maps, the ellipsoid's metres are 1/cos(latitude) long within 0.5 %.
        latitude = np.radians(47.0)
        y = 6_378_137.0 * np.log(np.tan(np.pi / 4 + latitude / 2))
        pixel = 30.0 / np.cos(latitude)
        corner = Affine(pixel, 0, 1.2e6, 0, -pixel, y + 40 * pixel)
        heights = plane(80, 80, self.FALL, self.RISE)
        write_dem(tmp_path / "dem.tif", heights, crs="EPSG:3857", transform=corner)
        self.check(tmp_path, tolerance=0.006)

    def test_of_a_map_in_feet_are_metres(self, tmp_path: Path) -> None:
        foot = 0.3048
        heights = plane(80, 80, self.FALL, self.RISE)
        corner = Affine(30 / foot, 0, 0, 0, -30 / foot, 0)
        write_dem(tmp_path / "dem.tif", heights, crs=TRUE_MAP.replace("=m", "=ft"), transform=corner)
        self.check(tmp_path)

    def test_of_the_dem_are_told(self, tmp_path: Path) -> None:
        write_dem(tmp_path / "dem.tif", hills(60, 60), transform=Affine(20, 0, 0, 0, -30, 0))
        assert draws(DemFolder(tmp_path), 1)[0].resolution == pytest.approx(30.0, rel=1e-5)

    def test_of_heights_follow_the_scale_in_the_file(self, tmp_path: Path) -> None:
        write_dem(tmp_path / "dem.tif", (hills(60, 60) * 10).astype(np.int16), scale=0.1)
        (piece,) = draws(DemFolder(tmp_path), 1)
        assert 450 < piece.elevation.min() < piece.elevation.max() < 1550


class TestResampling:
    def residual(self, piece: DemPiece, pixel: float, waves: tuple[float, float]) -> Array:
        """What is left of a piece after the best sum of a wave along each axis; turns may swap them."""
        along = np.arange(len(piece.elevation)) * pixel
        left: list[Array] = []
        for first, second in (waves, waves[::-1]):
            y, x = np.meshgrid(along / first, along / second, indexing="ij")
            basis = [np.ones_like(x), np.sin(y), np.cos(y), np.sin(x), np.cos(x)]
            columns = np.stack([part.ravel() for part in basis], axis=1)
            values = piece.elevation.astype(np.float64).ravel()
            left.append(values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0])
        return min(left, key=lambda values: float(np.abs(values).max())).reshape(piece.elevation.shape)

    def test_of_a_coarse_dem_follows_the_smooth_surface_between_its_pixels(self, tmp_path: Path) -> None:
        waves = (300.0, 240.0)  # metres per radian
        y, x = np.arange(80)[:, np.newaxis] * 90.0, np.arange(80) * 90.0
        heights = 1000 + 100 * np.sin(y / waves[0]) + 80 * np.cos(x / waves[1])
        write_dem(tmp_path / "dem.tif", heights.astype(np.float32), pixel=90.0)
        for piece in draws(DemFolder(tmp_path), 4, size=200):
            astray = self.residual(piece, 15.0, waves)
            assert np.abs(astray).max() < 0.1
            assert np.hypot(*np.gradient(astray, 15.0)).max() < 0.001  # slopes reach 0.47

    def test_of_a_fine_dem_lets_no_waves_through_that_its_pixels_cannot_show(self, tmp_path: Path) -> None:
        heights = 1000 + 100 * np.sin(2 * np.pi / 20.0 * np.arange(400) * 5.0) + plane(400, 400, 0.1, 0.0)
        write_dem(tmp_path / "dem.tif", heights.astype(np.float32), pixel=5.0)
        for piece in draws(DemFolder(tmp_path), 4):
            ripples = min(
                (np.diff(piece.elevation, axis=axis) for axis in (0, 1)), key=lambda part: abs(part.mean())
            )
            # Of a wave of 20 m, means over 15 m keep sinc(15 / 20) = 0.3.
            assert np.abs(ripples).max() < 2 * 40

    @pytest.mark.parametrize("pixel", [12.5, 15.0, 30.0])
    def test_of_a_fine_dem_takes_means(self, pixel: float, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        noise = 100.0 * rng.standard_normal((500, 500))
        write_dem(tmp_path / "dem.tif", (1000 + noise).astype(np.float32), pixel=5.0)
        piece = DemFolder(tmp_path).draw(rng, size=60, pixel=pixel)
        # A mean of n independent heights spreads by 1 / sqrt(n).
        assert 0.8 < piece.elevation.std() / (100 * 5 / pixel) < 1.1
        assert piece.elevation.mean() == pytest.approx(1000, abs=5)


class TestGround:
    @pytest.mark.parametrize(
        ("nodata", "declared"),
        [(-9999.0, -9999.0), (np.nan, np.nan), (-32768.0, None), (3.4e38, None), (np.nan, None)],
    )
    def test_is_never_nodata(self, nodata: float, declared: float | None, tmp_path: Path) -> None:
        heights = hills(150, 150)
        y, x = np.mgrid[:150, :150]
        heights[np.hypot(y - 75, x - 75) > 60] = nodata  # half of the file, all around
        write_dem(tmp_path / "dem.tif", heights, nodata=declared)
        for piece in draws(DemFolder(tmp_path), 30, size=80):
            assert 450 < piece.elevation.min() < piece.elevation.max() < 1550

    def test_is_never_nodata_where_pixels_are_averaged(self, tmp_path: Path) -> None:
        heights = hills(300, 300)
        heights[np.hypot(*np.mgrid[-150:150, -150:150]) > 120] = -9999.0
        write_dem(tmp_path / "dem.tif", heights, pixel=5.0, nodata=-9999.0)
        for piece in draws(DemFolder(tmp_path), 20):
            assert 450 < piece.elevation.min() < piece.elevation.max() < 1550

    def test_with_a_small_void_is_filled_from_its_rim(self, tmp_path: Path) -> None:
        heights = plane(50, 50, fall=0.2, rise=0.2)
        heights[24:26, 24:26] = -9999.0
        write_dem(tmp_path / "dem.tif", heights, nodata=-9999.0)
        for piece in draws(DemFolder(tmp_path), 10, size=75):  # any of that size has the void
            y, x = np.meshgrid(*[np.arange(75.0)] * 2, indexing="ij")
            columns = np.stack([np.ones(y.size), y.ravel(), x.ravel()], axis=1)
            values = piece.elevation.ravel().astype(np.float64)
            astray = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
            assert np.abs(astray).max() < 6.0  # rises of one DEM pixel

    def test_is_not_the_sea(self, tmp_path: Path) -> None:
        heights = hills(150, 150)
        heights[:, 60:] = 0.0
        write_dem(tmp_path / "dem.tif", heights)
        for piece in draws(DemFolder(tmp_path), 30):
            assert (piece.elevation < 250).mean() < 0.05

    def test_is_not_flat_where_there_is_better(self, tmp_path: Path) -> None:
        heights = hills(150, 150)
        heights[:, 50:] = 300.0
        write_dem(tmp_path / "dem.tif", heights)
        for piece in draws(DemFolder(tmp_path), 30):
            assert np.ptp(piece.elevation) >= 95

    def test_may_be_gentle_over_a_short_way_if_it_slopes(self, tmp_path: Path) -> None:
        heights = np.full((100, 200), 300.0, np.float32)
        heights[:, 100:] += (0.1 * 30.0 * np.arange(100)).astype(np.float32)  # 5.7 degrees
        write_dem(tmp_path / "dem.tif", heights)
        for piece in draws(DemFolder(tmp_path), 20, size=20):
            assert 10 < np.ptp(piece.elevation) < 100

    def test_is_flat_where_there_is_no_other(self, tmp_path: Path) -> None:
        write_dem(tmp_path / "plain.tif", np.full((60, 60), 70.0, np.float32))
        np.testing.assert_allclose(draws(DemFolder(tmp_path), 1)[0].elevation, 70.0, atol=1e-3)

    def test_comes_from_another_file_where_one_is_full_of_voids(self, tmp_path: Path) -> None:
        heights = hills(200, 200)
        heights[::6, ::6] = -9999.0
        write_dem(tmp_path / "voids.tif", heights, nodata=-9999.0)
        write_dem(tmp_path / "whole.tif", hills(40, 40))
        assert {piece.source for piece in draws(DemFolder(tmp_path), 4)} == {"whole.tif"}

    def test_that_is_nowhere_without_voids_is_an_error(self, tmp_path: Path) -> None:
        heights = hills(80, 80)
        heights[::6, ::6] = -9999.0
        write_dem(tmp_path / "voids.tif", heights, nodata=-9999.0)
        with pytest.raises(
            InvalidArgument, match=r"no piece of size=40 at pixel=15 m without nodata.*smaller pieces"
        ):
            draws(DemFolder(tmp_path), 1)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("dem_srtm3", 200),
        ("dem_davos_srtm1", 200),
        ("dem_exploradores_aster", 200),
        ("dem_bigtujunga_srtm1", 200),
        ("dem_tyrol_5m", 80),  # its files are 2.1 and 2.4 km wide
    ],
)
def test_real_dems_give_pieces_without_nodata(name: str, size: int, test_data: Path) -> None:
    if not (test_data / name).is_dir():
        pytest.skip(f"no {name} among the real samples")
    for piece in draws(DemFolder(test_data / name), 12, size=size):
        assert piece.elevation.shape == (size, size)
        assert -30 < piece.elevation.min() < piece.elevation.max() < 4000
        assert np.ptp(piece.elevation) > 60
