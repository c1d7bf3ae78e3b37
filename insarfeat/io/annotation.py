"""Sentinel-1 annotation: the bursts of a TOPS swath from the XML beside its image."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, TypeVar

from insarfeat.bursts.burst import (
    Antenna,
    AzimuthAxis,
    Burst,
    RangePolynomial,
    SlantRangeAxis,
    ValidSamples,
)
from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, UnreadableInput

__all__ = ["read_annotation"]

Value = TypeVar("Value")


def read_annotation(source: str | Path | IO[bytes]) -> tuple[Burst, ...]:
    """Bursts of one swath, from the annotation XML of a Sentinel-1 SLC product in a TOPS mode (IW, EW).

    Of the azimuth FM rates and the Doppler centroids (those estimated from the data) each burst gets the record
    nearest to its middle. The platform's speed there comes from the annotated orbit: a cubic through the four state
    vectors around it, in each component of the Earth-fixed velocity.

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
    name, root = _parsed(source)
    return _Annotation(name, root).bursts()


def _parsed(source: str | Path | IO[bytes]) -> tuple[str, ElementTree.Element]:
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.exists():
            raise MissingInput(f"{path} does not exist")
        if path.is_dir():
            raise UnreadableInput(f"{path.name} is a folder; give one of the annotation/*.xml of a product")
        if path.stat().st_size == 0:
            raise UnreadableInput(f"{path.name} is empty (0 bytes)")
        with path.open("rb") as file:
            return path.name, _root(file, path.name)
    if not callable(getattr(source, "read", None)):
        raise InvalidType(f"source must be a path or an open binary file; got {type(source).__name__}")
    named = getattr(source, "name", None)
    name = Path(named).name if isinstance(named, str) else "the file given"
    return name, _root(source, name)


def _root(file: IO[bytes], name: str) -> ElementTree.Element:
    try:
        root = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, LookupError, UnicodeError) as error:  # the latter: a false encoding
        raise UnreadableInput(f"{name} is not readable XML, or cut short: {error}") from error
    if root.tag != "product":
        raise UnreadableInput(f"{name} is no Sentinel-1 annotation: it holds <{root.tag}>, not <product>")
    return root


@dataclass(frozen=True, slots=True)
class _Timed:
    """A polynomial and the azimuth time at which it holds."""

    time: datetime
    polynomial: RangePolynomial


@dataclass(frozen=True, slots=True)
class _Annotation:
    """The XML of one swath, and how to say what is wrong with it."""

    name: str
    root: ElementTree.Element

    def bursts(self) -> tuple[Burst, ...]:
        """All bursts of the swath."""
        root = self.root
        found = self._children(root, "swathTiming/burstList", "burst", required=False)
        if not found:
            mode = root.findtext("adsHeader/mode", "unknown")
            raise UnreadableInput(
                f"{self.name} is of an image without bursts (mode {mode}); only the TOPS modes IW and EW have them, "
                "and of their products only SLC"
            )
        lines = self._value(root, "swathTiming/linesPerBurst", int)
        interval = self._value(root, "imageAnnotation/imageInformation/azimuthTimeInterval", _number)
        fm_rates = self._polynomials("generalAnnotation/azimuthFmRateList/azimuthFmRate")
        centroids = self._polynomials("dopplerCentroid/dcEstimateList/dcEstimate")
        orbit = self._orbit()
        try:
            slant_range = self._slant_range()
            bursts = []
            for burst in found:
                azimuth = AzimuthAxis(self._value(burst, "azimuthTime", _time), interval, lines)
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
            self._value(self.root, "imageAnnotation/imageInformation/slantRangeTime", _number),
            self._value(self.root, "generalAnnotation/productInformation/rangeSamplingRate", _number),
            self._value(self.root, "swathTiming/samplesPerBurst", int),
        )

    def _antenna(self, orbit: _Orbit, centre: datetime) -> Antenna:
        if not orbit.covers(centre):
            raise UnreadableInput(
                f"{self.name} has no orbit state vectors around {centre.isoformat()}, the middle of a burst"
            )
        return Antenna(
            self._value(self.root, "generalAnnotation/productInformation/radarFrequency", _number),
            self._value(self.root, "generalAnnotation/productInformation/azimuthSteeringRate", _number),
            orbit.speed(centre),
        )

    def _valid(self, burst: ElementTree.Element, lines: int) -> ValidSamples:
        first = self._value(burst, "firstValidSample", _integers)
        last = self._value(burst, "lastValidSample", _integers)
        for what, samples in (("firstValidSample", first), ("lastValidSample", last)):
            if len(samples) != lines:
                raise UnreadableInput(
                    f"{self.name}: {what} tells of {len(samples)} lines, linesPerBurst says {lines}"
                )
        return ValidSamples(first, last)

    def _orbit(self) -> _Orbit:
        times, velocities = [], []
        for vector in self._children(self.root, "generalAnnotation/orbitList", "orbit"):
            times.append(self._value(vector, "time", _time))
            velocities.append(tuple(self._value(vector, f"velocity/{axis}", _number) for axis in "xyz"))
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise UnreadableInput(f"{self.name}: the orbit state vectors are not in the order of time")
        return _Orbit(tuple(times), tuple(velocities))

    def _polynomials(self, path: str) -> list[_Timed]:
        where, _, what = path.rpartition("/")
        return [
            _Timed(
                self._value(record, "azimuthTime", _time),
                RangePolynomial(self._value(record, "t0", _number), self._coefficients(record)),
            )
            for record in self._children(self.root, where, what)
        ]

    def _coefficients(self, record: ElementTree.Element) -> tuple[float, ...]:
        if record.tag == "dcEstimate":
            return self._value(record, "dataDcPolynomial", _numbers)
        if record.find("c0") is not None:  # processors before 2.43 (2014) annotate coefficients one by one
            return tuple(self._value(record, name, _number) for name in ("c0", "c1", "c2"))
        return self._value(record, "azimuthFmRatePolynomial", _numbers)

    def _children(
        self, parent: ElementTree.Element, where: str, what: str, required: bool = True
    ) -> list[ElementTree.Element]:
        node = parent.find(where)
        if node is None:
            raise UnreadableInput(f"{self.name} has no element {where}; is it whole?")
        found = node.findall(what)
        if required and not found:
            raise UnreadableInput(f"{self.name} has no element {where}/{what}; is it whole?")
        return found

    def _value(self, parent: ElementTree.Element, path: str, read: Callable[[str], Value]) -> Value:
        text = parent.findtext(path)
        place = path if parent is self.root else f"{parent.tag}/{path}"
        if text is None:
            raise UnreadableInput(f"{self.name} has no element {place}; is it whole?")
        try:
            return read(text)
        except ValueError as error:
            shown = text if len(text) <= 40 else text[:37] + "..."
            raise UnreadableInput(f"{self.name}: {place} cannot be {shown!r}") from error


@dataclass(frozen=True, slots=True)
class _Orbit:
    """Earth-fixed velocities at times in order."""

    times: tuple[datetime, ...]
    velocities: tuple[tuple[float, ...], ...]

    def covers(self, time: datetime) -> bool:
        """Whether there are state vectors on both sides of a time."""
        return self.times[0] <= time <= self.times[-1]

    def speed(self, time: datetime) -> float:
        """Length of the velocity, each component by Lagrange's polynomial through the four nearest vectors.

        Vectors are 10 s apart: a straight line between two of them cuts the corner by 0.1 m/s, which would turn
        the ends of a burst by some hundredths of a radian; the cubic is off by some micrometres per second.
        """
        nearest = sorted(range(len(self.times)), key=lambda k: abs(self.times[k] - time))[:4]
        velocity = [0.0, 0.0, 0.0]
        for k in nearest:
            weight = math.prod(
                (time - self.times[other]) / (self.times[k] - self.times[other])
                for other in nearest
                if other != k
            )
            velocity = [
                total + weight * part for total, part in zip(velocity, self.velocities[k], strict=True)
            ]
        return math.hypot(*velocity)


def _nearest(records: Sequence[_Timed], time: datetime) -> RangePolynomial:
    return min(records, key=lambda record: abs(record.time - time)).polynomial


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text.strip())
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _numbers(text: str) -> tuple[float, ...]:
    values = tuple(_each(text, _number))
    if not values:
        raise ValueError(text)
    return values


def _integers(text: str) -> tuple[int, ...]:
    return tuple(_each(text, int))


def _each(text: str, read: Callable[[str], Value]) -> Iterator[Value]:
    return (read(word) for word in text.split())
