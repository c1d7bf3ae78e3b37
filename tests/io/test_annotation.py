"""Annotation XML into bursts: real products, a small one made by hand, and damaged ones."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from insarfeat.bursts import Burst, RangePolynomial, ValidSamples, cuts, reramp, total_lines
from insarfeat.errors import InvalidType, MissingInput, UnreadableInput
from insarfeat.io.annotation import read_annotation, read_swath

# -- real products --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def products(test_data: Path) -> list[Path]:
    found = sorted(test_data.glob("*/*_annotation.SAFE.zip"))
    if not found:
        pytest.skip("no samples of Sentinel-1 annotation")
    return found


def annotations(product: Path, swath: str = "iw") -> Iterator[tuple[str, tuple[Burst, ...]]]:
    with zipfile.ZipFile(product) as archive:
        for name in sorted(archive.namelist()):
            if f"/annotation/s1a-{swath}" in name:
                with archive.open(name) as file:
                    yield name, read_annotation(file)


def iw2_of_april(products: list[Path]) -> tuple[Burst, ...]:
    (april,) = [path for path in products if "20250406T022008" in path.name]
    ((_, bursts),) = annotations(april, "iw2")
    return bursts


def test_a_swath_of_iw_has_nine_bursts_that_overlap_by_a_twelfth(products: list[Path]) -> None:
    """Bursts begin every 2.758 s (the cycle of the three beams) and see about 3.0 s each."""
    for product in products:
        for name, bursts in annotations(product):
            assert len(bursts) == 9, name
            found = cuts(bursts)
            assert total_lines(found) == pytest.approx(12_197, abs=10)
            for one, other in pairwise(bursts):
                step = (other.azimuth.first_time - one.azimuth.first_time) / timedelta(seconds=1)
                assert step == pytest.approx(2.758, abs=0.012)
                assert one.valid.first_line is not None
                assert one.valid.last_line is not None
                valid = one.valid.last_line - one.valid.first_line + 1
                assert 0.07 < 1 - step / one.azimuth.interval / valid < 0.1


def test_the_image_runs_from_the_first_valid_line_to_the_last_in_time(products: list[Path]) -> None:
    """By hand for IW2 of April: 10736 lines from the first burst's start to the last one's, and valid lines."""
    bursts = iw2_of_april(products)
    found = cuts(bursts)
    assert total_lines(found) == (10736 + 1487) - 26 + 1
    # Burst 0 is valid to line 1487 and burst 1, which starts at line 1343, from its line 25: 120 common lines.
    assert found[0].last_line == 1487 - 60
    assert found[1].first_line == 25 + 60
    assert found[1].at_line == 1343 + 25 + 60 - 26


def test_a_burst_has_the_values_that_stand_in_the_annotation(products: list[Path]) -> None:
    """Picked out of the XML by hand. Mid burst is 02:20:22.977, next to the records of 22.986 and of 22.994."""
    burst = iw2_of_april(products)[4]
    assert (burst.lines, burst.samples) == (1513, 26395)
    assert burst.azimuth.first_time == datetime(2025, 4, 6, 2, 20, 21, 422975)
    assert burst.azimuth.centre_time == datetime(2025, 4, 6, 2, 20, 22, 976976)
    assert burst.azimuth.interval == 2.055556299999998e-03
    assert burst.slant_range.first_time == 5.649388426530416e-03
    assert burst.slant_range.sampling_rate == 6.434523812571428e07
    assert burst.antenna.radar_frequency == 5.405000454334350e09
    assert burst.antenna.steering_rate == 9.798633249999998e-01
    assert burst.fm_rate == RangePolynomial(
        5.649388426530416e-03, (-2.187269622132023e03, 4.017002527416157e05, -6.542964329850055e07)
    )
    assert burst.doppler_centroid == RangePolynomial(
        5.356408593182010e-03, (-4.618803, -5.835155e03, 4.200038e06)
    )
    assert (burst.valid.first_line, burst.valid.last_line) == (25, 1487)
    assert burst.valid.first[25] == 970
    assert burst.valid.last[25] == 25321


def test_the_speed_at_mid_burst_lies_between_those_of_the_state_vectors(products: list[Path]) -> None:
    """The vectors' own speeds run all but straight: 7589.8968 m/s at 13.324 s and 7589.7109 m/s at 23.324 s."""
    burst = iw2_of_april(products)[4]
    straight = 7589.896767743742 + (22.976976 - 13.324203) / 10 * (7589.710874550852 - 7589.896767743742)
    assert burst.antenna.platform_speed == pytest.approx(straight, abs=2e-4)


@pytest.mark.parametrize(
    ("swath", "low", "high"), [("iw1", 1685, 1790), ("iw2", 1415, 1500), ("iw3", 1485, 1580)]
)
def test_doppler_rates_are_those_of_the_three_beams(
    products: list[Path], swath: str, low: float, high: float
) -> None:
    """As they come out of the ramp itself; IW2, steered slowest (0.98 degrees per second, IW1 1.59), has the lowest.

    The real pixels in the tests of deramping, from IW3, sweep at 1540 Hz/s.
    """
    for product in products:
        for _, bursts in annotations(product, swath):
            burst = bursts[4]
            flat = da.ones((burst.lines, burst.samples), dtype="c16", chunks=(100, 500))
            ramp = reramp(flat, burst)[700:800, :: burst.samples - 1].compute(scheduler="sync")
            phase = np.unwrap(np.angle(ramp), axis=0)
            rates = np.polyfit(np.arange(100) * burst.azimuth.interval, phase, 2)[0] / np.pi
            assert low < rates[1] < rates[0] < high  # lower at far range


def test_a_path_is_as_good_as_an_open_file(products: list[Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(products[0]) as archive:
        name = next(name for name in archive.namelist() if "/annotation/s1a-iw1" in name)
        path = tmp_path / "iw1.xml"
        path.write_bytes(archive.read(name))
        with archive.open(name) as file:
            assert read_annotation(path) == read_annotation(str(path)) == read_annotation(file)
            file.seek(0)
            swath = read_swath(file)
        assert swath == read_swath(path)
        assert swath.bursts == read_annotation(path)


def test_a_calibration_file_is_no_annotation(products: list[Path]) -> None:
    for product in products:
        with zipfile.ZipFile(product) as archive:
            for name in archive.namelist():
                if "/calibration/" in name and name.endswith(".xml"):
                    with (
                        archive.open(name) as file,
                        pytest.raises(UnreadableInput, match="holds <calibration>"),
                    ):
                        read_annotation(file)


# -- a small one by hand, and what can be wrong with it ----------------------------------------------------------

ORBIT = "".join(
    f"<orbit><time>2024-01-01T00:0{second // 60}:{second % 60:02d}.000000</time><position>"
    f"<x>{7e6 + 7000 * second + second**2 / 2}</x><y>{-(second**3) / 3}</y><z>0.0</z></position><velocity>"
    f"<x>{7000 + second}</x><y>{-second * second}</y><z>0.0</z></velocity></orbit>"
    for second in range(0, 100, 10)
)
TIE_POINTS = "".join(
    f"<geolocationGridPoint><azimuthTime>2024-01-01T00:00:{second}.000000</azimuthTime>"
    f"<slantRangeTime>{5.35e-3 + pixel / 6.4e7}</slantRangeTime><line>{line}</line><pixel>{pixel}</pixel>"
    f"<latitude>{second / 10}</latitude><longitude>{pixel}</longitude><height>12.5</height>"
    f"<incidenceAngle>{30 + pixel}</incidenceAngle><elevationAngle>{27 + pixel}</elevationAngle>"
    "</geolocationGridPoint>"
    for line, second in ((0, 40), (3, 42))
    for pixel in (0, 10, 19)
)
SMALL = f"""<?xml version="1.0" encoding="UTF-8"?>
<product>
  <adsHeader><missionId>S1A</missionId><polarisation>VV</polarisation><mode>IW</mode><swath>IW2</swath>
    <absoluteOrbitNumber>51234</absoluteOrbitNumber></adsHeader>
  <generalAnnotation>
    <productInformation>
      <pass>Ascending</pass><platformHeading>-12.5</platformHeading>
      <rangeSamplingRate>6.4e+07</rangeSamplingRate>
      <radarFrequency>5.405e+09</radarFrequency>
      <azimuthSteeringRate>1.59</azimuthSteeringRate>
    </productInformation>
    <orbitList count="10">{ORBIT}</orbitList>
    <azimuthFmRateList count="2">
      <azimuthFmRate><azimuthTime>2024-01-01T00:00:40.000000</azimuthTime><t0>5.3e-03</t0>
        <azimuthFmRatePolynomial count="3">-2300.0 4.0e5 -7.0e7</azimuthFmRatePolynomial></azimuthFmRate>
      <azimuthFmRate><azimuthTime>2024-01-01T00:00:43.000000</azimuthTime><t0>5.3e-03</t0>
        <c0>-2299.0</c0><c1>4.1e5</c1><c2>-7.1e7</c2></azimuthFmRate>
    </azimuthFmRateList>
  </generalAnnotation>
  <imageAnnotation><imageInformation>
    <slantRangeTime>5.35e-03</slantRangeTime><azimuthTimeInterval>2.0e-03</azimuthTimeInterval>
  </imageInformation></imageAnnotation>
  <dopplerCentroid><dcEstimateList count="1">
    <dcEstimate><azimuthTime>2024-01-01T00:00:41.000000</azimuthTime><t0>5.36e-03</t0>
      <geometryDcPolynomial count="3">1.0 2.0 3.0</geometryDcPolynomial>
      <dataDcPolynomial count="3">12.0 -2.0e4 1.0e6</dataDcPolynomial></dcEstimate>
  </dcEstimateList></dopplerCentroid>
  <swathTiming>
    <linesPerBurst>3</linesPerBurst><samplesPerBurst>20</samplesPerBurst>
    <burstList count="2">
      <burst><azimuthTime>2024-01-01T00:00:40.000000</azimuthTime>
        <firstValidSample count="3">-1 2 2</firstValidSample>
        <lastValidSample count="3">-1 17 17</lastValidSample></burst>
      <burst><azimuthTime>2024-01-01T00:00:42.000000</azimuthTime>
        <firstValidSample count="3">3 3 -1</firstValidSample>
        <lastValidSample count="3">18 18 -1</lastValidSample></burst>
    </burstList>
  </swathTiming>
  <geolocationGrid><geolocationGridPointList count="6">{TIE_POINTS}</geolocationGridPointList></geolocationGrid>
</product>
"""


def small(old: str = "", new: str = "") -> io.BytesIO:
    """The small annotation, one thing in it replaced."""
    assert old in SMALL
    return io.BytesIO(SMALL.replace(old, new, 1).encode())


def test_each_burst_gets_the_records_nearest_to_its_middle_in_old_and_new_spelling() -> None:
    first, second = read_annotation(small())
    assert first.fm_rate == RangePolynomial(5.3e-3, (-2300.0, 4e5, -7e7))
    assert second.fm_rate == RangePolynomial(5.3e-3, (-2299.0, 4.1e5, -7.1e7))
    assert first.doppler_centroid == second.doppler_centroid == RangePolynomial(5.36e-3, (12.0, -2e4, 1e6))
    assert second.valid == ValidSamples((3, 3, -1), (18, 18, -1))


def test_the_orbit_is_interpolated_without_cutting_corners() -> None:
    """The velocity made by hand is quadratic in time, which four vectors tell exactly."""
    _, burst = read_annotation(small())
    seconds = 42.002
    assert burst.antenna.platform_speed == pytest.approx(np.hypot(7000 + seconds, seconds**2), abs=1e-9)


def test_times_with_a_zone_are_put_into_utc() -> None:
    first, _ = read_annotation(
        small(
            "<burst><azimuthTime>2024-01-01T00:00:40.000000", "<burst><azimuthTime>2024-01-01T01:00:40+01:00"
        )
    )
    assert first.azimuth.first_time == datetime(2024, 1, 1, 0, 0, 40)


def test_nothing_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        read_annotation(tmp_path / "iw1.xml")


def test_an_empty_file_and_a_folder_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "iw1.xml").touch()
    with pytest.raises(UnreadableInput, match=r"iw1\.xml is empty \(0 bytes\)"):
        read_annotation(tmp_path / "iw1.xml")
    with pytest.raises(UnreadableInput, match="is a folder; give one of the annotation"):
        read_annotation(tmp_path)


def test_what_is_no_file_is_refused() -> None:
    with pytest.raises(InvalidType, match="a path or an open binary file; got int"):
        read_annotation(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.999])
def test_a_file_that_is_cut_short_is_unreadable(part: float, tmp_path: Path) -> None:
    path = tmp_path / "iw1.xml"
    path.write_text(SMALL[: int(part * len(SMALL.rstrip()))])
    with pytest.raises(UnreadableInput, match=r"iw1\.xml is not readable XML, or cut short"):
        read_annotation(path)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 zipped", b"II*\x00 tiff", b"<product encoding", b"", b"\xff\xfe"]
)
def test_what_is_no_xml_is_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableInput, match="the file given is not readable XML"):
        read_annotation(io.BytesIO(content))


def test_xml_in_a_false_encoding_is_unreadable() -> None:
    with pytest.raises(UnreadableInput, match="not readable XML"):
        read_annotation(small("UTF-8", "klingon"))


def test_xml_of_something_else_is_no_annotation() -> None:
    with pytest.raises(UnreadableInput, match="is no Sentinel-1 annotation: it holds <noise>, not <product>"):
        read_annotation(io.BytesIO(b"<noise/>"))
    with pytest.raises(UnreadableInput, match="has no element swathTiming/burstList"):
        read_annotation(io.BytesIO(b"<product><name>bicycle</name></product>"))


def test_an_image_without_bursts_is_said_to_be_no_tops_image() -> None:
    timing = "<swathTiming><burstList count='0'/></swathTiming>"
    stripmap = f"<product><adsHeader><mode>SM</mode></adsHeader>{timing}</product>".encode()
    with pytest.raises(UnreadableInput, match=r"without bursts \(mode SM\); only the TOPS modes IW and EW"):
        read_annotation(io.BytesIO(stripmap))


@pytest.mark.parametrize(
    "element",
    [
        "rangeSamplingRate",
        "radarFrequency",
        "azimuthSteeringRate",
        "orbitList",
        "orbit",
        "position",
        "velocity",
        "azimuthFmRateList",
        "azimuthFmRate",
        "azimuthFmRatePolynomial",
        "c1",
        "slantRangeTime",
        "azimuthTimeInterval",
        "dcEstimateList",
        "dataDcPolynomial",
        "linesPerBurst",
        "samplesPerBurst",
        "burstList",
        "firstValidSample",
        "lastValidSample",
        "azimuthTime",
        "t0",
    ],
)
def test_a_missing_element_is_named(element: str) -> None:
    """Renamed, so that it is not there."""
    text = SMALL.replace(f"<{element}>", "<gone>").replace(f"<{element} ", "<gone ")
    text = text.replace(f"</{element}>", "</gone>")
    with pytest.raises(UnreadableInput, match=rf"has no element .*\b{element}\b"):
        read_annotation(io.BytesIO(text.encode()))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("5.405e+09", "fast", "productInformation/radarFrequency cannot be 'fast'"),
        ("5.405e+09", "nan", "radarFrequency cannot be 'nan'"),
        ("5.405e+09", "", "radarFrequency cannot be ''"),
        ("<linesPerBurst>3", "<linesPerBurst>3.5", "swathTiming/linesPerBurst cannot be '3.5'"),
        ("<linesPerBurst>3", "<linesPerBurst>4", "firstValidSample tells of 3 lines, linesPerBurst says 4"),
        ("-1 2 2", "-1 2", "firstValidSample tells of 2 lines"),
        ("-1 17 17", "-1 17 x", "burst/lastValidSample cannot be '-1 17 x'"),
        ("-1 17 17", "-1 17 20", "impossible burst: valid samples must lie in the burst's 20; got 20"),
        ("-1 17 17", "5 17 17", "impossible burst: line 0 cannot be valid from sample -1 to 5"),
        ("-2300.0 4.0e5 -7.0e7", " ", "azimuthFmRatePolynomial cannot be ' '"),
        ("-2300.0 4.0e5 -7.0e7", "2300.0", "impossible burst: fm_rate must be negative"),
        ("2.0e-03", "0.0", "impossible burst: interval must be a positive number"),
        ("2024-01-01T00:00:42", "yesterday", "burst/azimuthTime cannot be 'yesterday.000000'"),
        ("2024-01-01T00:00:42", "2024-01-01T00:02:42", "no orbit state vectors around 2024-01-01T00:02:42"),
        ("2024-01-01T00:00:10", "2024-01-01T00:00:00", "state vectors are not in the order of time"),
        (
            "<x>7000000.0",
            "<x>7000.0",
            "describes an impossible orbit: positions must be 6.4e+06 to 5e+07 metres",
        ),
    ],
)
def test_values_that_cannot_be_are_named(old: str, new: str, message: str) -> None:
    with pytest.raises(UnreadableInput) as caught:
        read_annotation(small(old, new))
    assert message in str(caught.value)


# -- the swath ----------------------------------------------------------------------------------------------------


def test_the_swath_has_what_the_bursts_leave_out() -> None:
    swath = read_swath(small())
    assert (swath.name, swath.mission, swath.polarisation) == ("IW2", "S1A", "VV")
    assert (swath.absolute_orbit, swath.direction, swath.platform_heading) == (51234, "ascending", -12.5)
    assert swath.radar_frequency == 5.405e9
    assert swath.bursts == read_annotation(small())
    assert swath.orbit.times[3] == datetime(2024, 1, 1, 0, 0, 30)
    assert swath.orbit.positions[3] == (7e6 + 210e3 + 450, -9000.0, 0.0)
    assert swath.orbit.velocities[3] == (7030.0, -900.0, 0.0)


def test_tie_points_are_arrays_of_lines_by_pixels() -> None:
    points = read_swath(small()).tie_points
    assert points.line.tolist() == [[0, 0, 0], [3, 3, 3]]
    assert points.pixel.tolist() == [[0, 10, 19], [0, 10, 19]]
    assert points.azimuth_time[:, 0].tolist() == [datetime(2024, 1, 1, 0, 0, s) for s in (40, 42)]
    assert points.slant_range_time[1, 1] == 5.35e-3 + 10 / 6.4e7
    assert points.latitude[:, 0].tolist() == [4.0, 4.2]
    assert points.longitude[0].tolist() == [0.0, 10.0, 19.0]
    assert (points.height == 12.5).all()
    assert points.incidence[1].tolist() == [30.0, 40.0, 49.0]
    assert points.elevation_angle[1].tolist() == [27.0, 37.0, 46.0]


@pytest.mark.parametrize(
    "path",
    [
        "adsHeader/swath",
        "adsHeader/missionId",
        "adsHeader/polarisation",
        "adsHeader/absoluteOrbitNumber",
        "generalAnnotation/productInformation/pass",
        "generalAnnotation/productInformation/platformHeading",
        "generalAnnotation/orbitList",
        "generalAnnotation/orbitList/orbit/position/y",
        "geolocationGrid",
        "geolocationGrid/geolocationGridPointList",
        *(
            f"geolocationGrid/geolocationGridPointList/geolocationGridPoint/{name}"
            for name in (
                "azimuthTime", "slantRangeTime", "line", "pixel", "latitude", "longitude", "height",
                "incidenceAngle", "elevationAngle",
            )
        ),
    ],
)  # fmt: skip
def test_an_element_that_the_swath_misses_is_named(path: str) -> None:
    root = ElementTree.fromstring(SMALL.encode())
    where, _, element = path.rpartition("/")
    parent = root.find(where or ".")
    assert parent is not None
    gone = parent.find(element)
    assert gone is not None
    parent.remove(gone)
    with pytest.raises(UnreadableInput, match=rf"the file given has no element .*\b{element}\b"):
        read_swath(io.BytesIO(ElementTree.tostring(root)))


def test_a_list_without_tie_points_is_named() -> None:
    with pytest.raises(UnreadableInput, match=r"no element .*List/geolocationGridPoint;"):
        read_swath(small(TIE_POINTS, ""))


def test_bursts_need_no_tie_points() -> None:
    begin, end = SMALL.index("<geolocationGrid>"), SMALL.index("</product>")
    assert len(read_annotation(io.BytesIO((SMALL[:begin] + SMALL[end:]).encode()))) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Ascending", "Sideways", "productInformation/pass cannot be 'Sideways'"),
        ("-12.5", "north", "productInformation/platformHeading cannot be 'north'"),
        ("-12.5", "1234.5", "impossible swath: platform_heading must be degrees from -180 to 360; got 1234.5"),
        ("51234", "5.5", "adsHeader/absoluteOrbitNumber cannot be '5.5'"),
        ("<swath>IW2", "<swath> ", "adsHeader/swath cannot be ' '"),
        ("<line>3", "<line>4", "6 points of geolocationGrid/geolocationGridPointList make no grid"),
        ("<pixel>10", "<pixel>11", "6 points of geolocationGrid/geolocationGridPointList make no grid"),
        ("<line>0", "<line>1", "6 points of geolocationGrid/geolocationGridPointList make no grid"),
        ("<incidenceAngle>40", "<incidenceAngle>steep", "geolocationGridPoint/incidenceAngle cannot be 'steep'"),
        ("<latitude>4.2", "<latitude>nan", "geolocationGridPoint/latitude cannot be 'nan'"),
    ],
)  # fmt: skip
def test_values_that_a_swath_cannot_have_are_named(old: str, new: str, message: str) -> None:
    with pytest.raises(UnreadableInput) as caught:
        read_swath(small(old, new))
    assert message in str(caught.value)


def test_what_is_no_annotation_is_no_swath_either(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        read_swath(tmp_path / "iw1.xml")
    with pytest.raises(UnreadableInput, match="holds <noise>, not <product>"):
        read_swath(io.BytesIO(b"<noise/>"))
    with pytest.raises(InvalidType, match="a path or an open binary file; got int"):
        read_swath(3)  # type: ignore[arg-type]
