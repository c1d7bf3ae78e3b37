"""Sentinel-1 annotation: the bursts of a TOPS swath, its orbit and tie points, from the XML beside its image."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.bursts.burst import (
    Antenna,
    AzimuthAxis,
    Burst,
    RangePolynomial,
    SlantRangeAxis,
    ValidSamples,
)
from insarfeat.errors import InvalidArgument, UnreadableInput
from insarfeat.geometry.orbit import Orbit
from insarfeat.geometry.swath import GeolocationGrid, Swath
from insarfeat.io._annotation_xml import Document, integers, number, numbers, time, word

__all__ = ["read_annotation", "read_swath"]

_GENERAL = "generalAnnotation/productInformation"
_IMAGE = "imageAnnotation/imageInformation"


def read_annotation(source: str | Path | IO[bytes]) -> tuple[Burst, ...]:
    """Bursts of one swath, from the annotation XML of a Sentinel-1 SLC product in a TOPS mode (IW, EW).

    Of the azimuth FM rates and the Doppler centroids (those estimated from the data) each burst gets the record
    nearest to its middle. The platform's speed there comes from the annotated orbit, as
    :class:`insarfeat.geometry.Orbit` interpolates it.

    Parameters
    ----------
    source
        An ``annotation/s1*.xml``, or an open binary file with its content, as a zipped product gives:
        ``zipfile.ZipFile(path).open(name)``.

    Returns
    -------
    Bursts in the order of the annotation. Burst k is in lines k * lines to (k + 1) * lines - 1 of the swath's
    ``measurement`` image.

    Raises
    ------
    MissingInput
        There is nothing at the path.
    UnreadableInput
        The file is empty, damaged, cut short, no annotation of Sentinel-1, or one without bursts.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441.

    Examples
    --------
    >>> import io
    >>> read_annotation(io.BytesIO(b"<html></html>"))
    Traceback (most recent call last):
    ...
    insarfeat.errors.UnreadableInput: the file given is no Sentinel-1 annotation: it holds <html>, not <product>
    """
    return _Annotation(Document.read(source)).bursts()


def read_swath(source: str | Path | IO[bytes]) -> Swath:
    """One swath with its bursts, orbit and tie points, from the annotation XML of a Sentinel-1 SLC product (IW, EW).

    Parameters
    ----------
    source
        As for :func:`read_annotation`, whose bursts are among what this returns.

    Returns
    -------
    The swath; its ``grid`` and ``footprint`` tell where on the ground its pixels lie.

    Raises
    ------
    MissingInput, UnreadableInput
        As by :func:`read_annotation`, which needs less of the file.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441.

    Examples
    --------
    >>> import io
    >>> read_swath(io.BytesIO(b"<product><name>bicycle</name></product>"))
    Traceback (most recent call last):
    ...
    insarfeat.errors.UnreadableInput: the file given has no element swathTiming/burstList; is it whole?
    """
    return _Annotation(Document.read(source)).swath()


@dataclass(frozen=True, slots=True)
class _Timed:
    """A polynomial and the azimuth time at which it holds."""

    time: datetime
    polynomial: RangePolynomial


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What is read out of the XML of one swath."""

    document: Document

    @property
    def name(self) -> str:
        """How messages call the file."""
        return self.document.name

    @property
    def root(self) -> ElementTree.Element:
        """The element that holds all others."""
        return self.document.root

    def swath(self) -> Swath:
        """All that is known of the swath."""
        value, root = self.document.value, self.root
        bursts = self.bursts()
        try:
            return Swath(
                name=value(root, "adsHeader/swath", word),
                mission=value(root, "adsHeader/missionId", word),
                polarisation=value(root, "adsHeader/polarisation", word),
                absolute_orbit=value(root, "adsHeader/absoluteOrbitNumber", int),
                direction=value(root, f"{_GENERAL}/pass", _direction),
                platform_heading=value(root, f"{_GENERAL}/platformHeading", number),
                radar_frequency=value(root, f"{_GENERAL}/radarFrequency", number),
                orbit=self._orbit(),
                bursts=bursts,
                tie_points=self._tie_points(),
            )
        except InvalidArgument as error:
            raise UnreadableInput(f"{self.name} describes an impossible swath: {error}") from error

    def bursts(self) -> tuple[Burst, ...]:
        """All bursts of the swath."""
        root = self.root
        found = self.document.children(root, "swathTiming/burstList", "burst", required=False)
        if not found:
            mode = root.findtext("adsHeader/mode", "unknown")
            raise UnreadableInput(
                f"{self.name} is of an image without bursts (mode {mode}); only the TOPS modes IW and EW have them, "
                "and of their products only SLC"
            )
        lines = self.document.value(root, "swathTiming/linesPerBurst", int)
        interval = self.document.value(root, f"{_IMAGE}/azimuthTimeInterval", number)
        fm_rates = self._polynomials("generalAnnotation/azimuthFmRateList/azimuthFmRate")
        centroids = self._polynomials("dopplerCentroid/dcEstimateList/dcEstimate")
        orbit = self._orbit()
        try:
            slant_range = self._slant_range()
            bursts = []
            for burst in found:
                azimuth = AzimuthAxis(self.document.value(burst, "azimuthTime", time), interval, lines)
                centre = azimuth.centre_time
                bursts.append(
                    Burst(
                        azimuth,
                        slant_range,
                        self._antenna(orbit, centre),
                        _nearest(fm_rates, centre),
                        _nearest(centroids, centre),
                        self._valid(burst, lines),
                    )
                )
        except InvalidArgument as error:
            raise UnreadableInput(f"{self.name} describes an impossible burst: {error}") from error
        return tuple(bursts)

    def _slant_range(self) -> SlantRangeAxis:
        return SlantRangeAxis(
            self.document.value(self.root, f"{_IMAGE}/slantRangeTime", number),
            self.document.value(self.root, f"{_GENERAL}/rangeSamplingRate", number),
            self.document.value(self.root, "swathTiming/samplesPerBurst", int),
        )

    def _antenna(self, orbit: Orbit, centre: datetime) -> Antenna:
        if not orbit.covers(centre):
            raise UnreadableInput(
                f"{self.name} has no orbit state vectors around {centre.isoformat()}, the middle of a burst"
            )
        return Antenna(
            self.document.value(self.root, f"{_GENERAL}/radarFrequency", number),
            self.document.value(self.root, f"{_GENERAL}/azimuthSteeringRate", number),
            orbit.speed(centre),
        )

    def _valid(self, burst: ElementTree.Element, lines: int) -> ValidSamples:
        first = self.document.value(burst, "firstValidSample", integers)
        last = self.document.value(burst, "lastValidSample", integers)
        for what, samples in (("firstValidSample", first), ("lastValidSample", last)):
            if len(samples) != lines:
                raise UnreadableInput(
                    f"{self.name}: {what} tells of {len(samples)} lines, linesPerBurst says {lines}"
                )
        return ValidSamples(first, last)

    def _orbit(self) -> Orbit:
        value = self.document.value
        times, positions, velocities = [], [], []
        for vector in self.document.children(self.root, "generalAnnotation/orbitList", "orbit"):
            times.append(value(vector, "time", time))
            positions.append([value(vector, f"position/{axis}", number) for axis in "xyz"])
            velocities.append([value(vector, f"velocity/{axis}", number) for axis in "xyz"])
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise UnreadableInput(f"{self.name}: the orbit state vectors are not in the order of time")
        try:
            return Orbit(times, positions, velocities)
        except InvalidArgument as error:
            raise UnreadableInput(f"{self.name} describes an impossible orbit: {error}") from error

    def _tie_points(self) -> GeolocationGrid:
        place = "geolocationGrid/geolocationGridPointList"
        points = self.document.children(self.root, place, "geolocationGridPoint")

        def column(name: str, read: Callable[[str], Any] = number) -> NDArray[Any]:
            return np.array([self.document.value(point, name, read) for point in points])

        line, pixel = column("line", int), column("pixel", int)
        width = int((line == line[0]).sum())
        if len(points) % width or not _is_grid(line.reshape(-1, width), pixel.reshape(-1, width)):
            raise UnreadableInput(
                f"{self.name}: the {len(points)} points of {place} make no grid of lines by pixels"
            )
        shape = (-1, width)
        return GeolocationGrid(
            line=line.reshape(shape),
            pixel=pixel.reshape(shape),
            azimuth_time=column("azimuthTime", time).astype("datetime64[us]").reshape(shape),
            slant_range_time=column("slantRangeTime").reshape(shape),
            latitude=column("latitude").reshape(shape),
            longitude=column("longitude").reshape(shape),
            height=column("height").reshape(shape),
            incidence=column("incidenceAngle").reshape(shape),
            elevation_angle=column("elevationAngle").reshape(shape),
        )

    def _polynomials(self, path: str) -> list[_Timed]:
        where, _, what = path.rpartition("/")
        return [
            _Timed(
                self.document.value(record, "azimuthTime", time),
                RangePolynomial(self.document.value(record, "t0", number), self._coefficients(record)),
            )
            for record in self.document.children(self.root, where, what)
        ]

    def _coefficients(self, record: ElementTree.Element) -> tuple[float, ...]:
        if record.tag == "dcEstimate":
            return self.document.value(record, "dataDcPolynomial", numbers)
        if record.find("c0") is not None:  # processors before 2.43 (2014) annotate coefficients one by one
            return tuple(self.document.value(record, name, number) for name in ("c0", "c1", "c2"))
        return self.document.value(record, "azimuthFmRatePolynomial", numbers)


def _nearest(records: Sequence[_Timed], moment: datetime) -> RangePolynomial:
    return min(records, key=lambda record: abs(record.time - moment)).polynomial


def _is_grid(line: NDArray[np.int64], pixel: NDArray[np.int64]) -> bool:
    return bool((line == line[:, :1]).all() and (pixel == pixel[:1]).all())


def _direction(text: str) -> Literal["ascending", "descending"]:
    if text.strip().lower() == "ascending":
        return "ascending"
    if text.strip().lower() == "descending":
        return "descending"
    raise ValueError(text)
