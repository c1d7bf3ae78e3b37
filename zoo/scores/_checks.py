"""What arguments of scores must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.layers import NODATA_BYTE

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Truth of one tile: slides, counted or not, and which pixels count."""

    slides: Mask
    counted: Mask


def labelled(label: ArrayLike, valid: ArrayLike | None) -> Labelled:
    """Read a label (0 background, 255 nodata, all else slide) and its valid mask (1 counts)."""
    values = np.asarray(label)
    if values.dtype.kind not in "biu":
        raise InvalidType(
            f"label is of type {values.dtype}; it must be bool or of whole numbers, 255 where nothing is known: pass "
            "for example label.astype('uint8')"
        )
    known: Mask = np.ones(values.shape, bool) if values.dtype.kind == "b" else values != NODATA_BYTE
    slides: Mask = (values != 0) & known
    if valid is not None:
        usable = np.asarray(valid)
        if usable.dtype.kind not in "biu":
            raise InvalidType(
                f"valid is of type {usable.dtype}; it must be bool or of whole numbers, 1 where a pixel counts"
            )
        same_shape("valid", usable, "label", values)
        known = known & (usable == 1)
    return Labelled(slides, known)


def probabilities(probability: ArrayLike, truth: Labelled) -> NDArray[np.float32]:
    """Return the probabilities as float32 if those that count are numbers from 0 to 1."""
    given = np.asarray(probability)
    if given.dtype.kind != "f":
        raise InvalidType(
            f"probability is of type {given.dtype}; it must be real: pass the network's probabilities, or "
            "mask.astype('float32')"
        )
    same_shape("probability", given, "label", truth.slides)
    values: NDArray[np.float32] = given.astype(np.float32, copy=False)
    counted = values[truth.counted]
    wrong = ~((counted >= 0.0) & (counted <= 1.0))
    if wrong.any():
        raise InvalidArgument(
            f"probability holds {int(wrong.sum())} value(s) such as {float(counted[wrong][0]):g} where pixels count; "
            "it must lie from 0 to 1: apply the sigmoid to logits, and leave pixels without prediction out by valid"
        )
    return values


def same_shape(name: str, values: NDArray[Any], other_name: str, other: NDArray[Any]) -> None:
    """Refuse arrays that do not lie on each other."""
    if values.shape != other.shape:
        raise GridMismatch(
            f"{name} has the shape {values.shape} and {other_name} {other.shape}; give both the same shape"
        )


def plane(name: str, values: NDArray[Any]) -> None:
    """Refuse what is not one image."""
    if values.ndim != 2:
        raise InvalidArgument(
            f"{name} has the shape {values.shape}; it must be one image (rows, columns): give tiles one by one"
        )


def share(name: str, value: float, *, zero: bool = False) -> float:
    """Return a number over 0 (or from 0 on) and up to 1."""
    number = float(value)
    if not ((0.0 < number <= 1.0) or (zero and number == 0.0)):
        raise InvalidArgument(f"{name} is {value}; it must be {'from' if zero else 'over'} 0 and up to 1")
    return number


def confidence_level(value: float) -> float:
    """Return a number between 0 and 1, both left out."""
    number = float(value)
    if not 0.0 < number < 1.0:
        raise InvalidArgument(f"confidence is {value}; it must lie between 0 and 1: pass 0.95 for 95 percent")
    return number


def whole_number(name: str, value: int, *, least: int) -> int:
    """Return a whole number that is not too small."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidType(f"{name} is {value!r}; it must be a whole number of {least} or more")
    if value < least:
        raise InvalidArgument(f"{name} is {value}; it must be {least} or more")
    return int(value)


def pixel_size(pixel: tuple[float, float]) -> tuple[float, float]:
    """Return the height and width of a pixel."""
    sides = np.asarray(pixel, np.float64)
    if sides.shape != (2,) or not bool(np.all(np.isfinite(sides) & (sides > 0.0))):
        raise InvalidArgument(
            f"pixel is {pixel!r}; it must be the height and the width of a pixel in metres, such as (15.0, 15.0)"
        )
    return float(sides[0]), float(sides[1])
