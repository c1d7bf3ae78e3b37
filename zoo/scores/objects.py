"""How good masks are, object by object: which slides were found, and how far their outlines are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.scores._checks import Mask, labelled, pixel_size, plane, same_shape, share
from zoo.scores.values import Counts, Values, Whole

_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)
_PERCENTILE = 95.0


@dataclass(frozen=True, slots=True)
class Hausdorff:
    """How far two outlines are apart, in the unit of the pixel size.

    Attributes
    ----------
    largest
        Hausdorff distance: the farthest that any point of the one outline is from the other.
    percentile_95
        The larger of the two directed 95th percentiles: one stray pixel does not make it large.
    """

    largest: float
    percentile_95: float


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMatches:
    """Objects of one tile.

    Attributes
    ----------
    counts
        Objects found, false alarms, misses.
    overlaps
        IoU of each pair, descending.
    distances
        Between the outlines of each pair.
    """

    counts: Counts
    overlaps: Values
    distances: tuple[Hausdorff, ...]


def match_objects(
    predicted: ArrayLike,
    label: ArrayLike,
    *,
    valid: ArrayLike | None = None,
    iou: float = 0.4,
    pixel: tuple[float, float] = (1.0, 1.0),
) -> ObjectMatches:
    """Match predicted objects with true ones, one to one.

    Objects are connected parts of a mask, corners included (8 neighbours). Pairs are made in the order of their
    IoU over valid pixels, the highest first, as long as it reaches the threshold. A predicted object without partner
    of which more than half lies on ignored ground is no false alarm; objects without any valid pixel are left out.

    Parameters
    ----------
    predicted
        Mask of one tile, bool (or 0 and 1).
    label
        Truth of the same shape: 0 background, 255 nodata, all else slide; or bool.
    valid
        Mask of the same shape; pixels that are not 1 count nowhere.
    iou
        From which on objects match, over 0 and up to 1; 0.4 as in the study of expert maps.
    pixel
        Height and width of a pixel, metres.

    Returns
    -------
    ObjectMatches
        Counts, IoU and distances of the pairs.

    Examples
    --------
    >>> found = match_objects([[1, 1, 0, 0, 1]], [[1, 1, 1, 0, 0]])
    >>> found.counts, found.overlaps.round(3).tolist()
    (Counts(tp=1, fp=1, fn=0, tn=0), [0.667])
    """
    from scipy.ndimage import find_objects
    from scipy.ndimage import label as components

    least, sides = share("iou", iou), pixel_size(pixel)
    truth = labelled(label, valid)
    plane("label", truth.slides)
    given = _mask("predicted", predicted)
    same_shape("predicted", given, "label", truth.slides)
    found, found_number = components(given, _EIGHT_NEIGHBOURS)
    wanted, wanted_number = components(truth.slides, _EIGHT_NEIGHBOURS)
    found_pixels, found_valid = _sizes(found, truth.counted, found_number)
    _, wanted_valid = _sizes(wanted, truth.counted, wanted_number)
    found_boxes, wanted_boxes = find_objects(found), find_objects(wanted)

    overlaps, distances = [], []
    paired_found, paired_wanted = np.zeros(found_number + 1, bool), np.zeros(wanted_number + 1, bool)
    for one, other, overlap in _candidates(found, wanted, truth.counted, found_valid, wanted_valid):
        if overlap < least:
            break
        if paired_found[one] or paired_wanted[other]:
            continue
        paired_found[one] = paired_wanted[other] = True
        overlaps.append(overlap)
        window = _around(found_boxes[one - 1], wanted_boxes[other - 1])
        counted = truth.counted[window]
        distances.append(
            hausdorff((found[window] == one) & counted, (wanted[window] == other) & counted, pixel=sides)
        )
    alarms = (found_valid > 0) & ~paired_found & (2 * found_valid >= found_pixels)
    misses = (wanted_valid > 0) & ~paired_wanted
    counts = Counts(tp=len(overlaps), fp=int(alarms[1:].sum()), fn=int(misses[1:].sum()))
    return ObjectMatches(counts, np.array(overlaps, np.float64), tuple(distances))


def hausdorff(first: ArrayLike, second: ArrayLike, *, pixel: tuple[float, float] = (1.0, 1.0)) -> Hausdorff:
    r"""Return the Hausdorff distance between the outlines of two masks, exact to rounding.

    .. math:: h(A, B) = \max_{a \in A} \min_{b \in B} |a - b|, \qquad H = \max(h(A, B), h(B, A))

    over the centres of the outlines' pixels: those of the mask of which one of the 4 neighbours is outside, or beyond
    the edge of the image. A slide that lies well inside another is thus not at distance 0.

    Parameters
    ----------
    first, second
        Masks of one shape, with at least one pixel each.
    pixel
        Height and width of a pixel, as a rule in metres.

    References
    ----------
    Huttenlocher, D. P., Klanderman, G. A. and Rucklidge, W. J. (1993). Comparing images using the Hausdorff distance.
    IEEE Trans. Pattern Analysis and Machine Intelligence 15(9), 850-863.

    Examples
    --------
    >>> hausdorff([[1, 0, 0, 0]], [[0, 0, 0, 1]], pixel=(20.0, 15.0)).largest
    45.0
    """
    from scipy.ndimage import distance_transform_edt

    one, other = _mask("first", first), _mask("second", second)
    same_shape("first", one, "second", other)
    plane("first", one)
    sides = pixel_size(pixel)
    if not (one.any() and other.any()):
        raise InvalidArgument(
            "a mask is empty, and nothing has a distance to an empty one; compare masks with pixels in them"
        )
    outlines = _outline(one), _outline(other)
    directed = [
        np.asarray(distance_transform_edt(~target, sampling=sides))[source]
        for source, target in (outlines, outlines[::-1])
    ]
    return Hausdorff(
        largest=max(float(values.max()) for values in directed),
        percentile_95=max(float(np.percentile(values, _PERCENTILE)) for values in directed),
    )


def _mask(name: str, values: ArrayLike) -> Mask:
    mask = np.asarray(values)
    if mask.dtype.kind not in "biu":
        raise InvalidType(
            f"{name} is of type {mask.dtype}; it must be bool or of whole numbers: pass for example "
            "probability >= 0.5"
        )
    return mask.astype(bool)


def _outline(mask: Mask) -> Mask:
    from scipy.ndimage import binary_erosion

    outline: Mask = mask & ~binary_erosion(mask)
    return outline


def _sizes(numbered: NDArray[np.signedinteger], counted: Mask, number: int) -> tuple[Whole, Whole]:
    """All pixels, and those that count, of each object; the first is the background."""
    return (
        np.bincount(numbered.ravel(), minlength=number + 1),
        np.bincount(numbered[counted], minlength=number + 1),
    )


def _candidates(
    found: NDArray[np.signedinteger],
    wanted: NDArray[np.signedinteger],
    counted: Mask,
    found_sizes: Whole,
    wanted_sizes: Whole,
) -> list[tuple[int, int, float]]:
    """Pairs of objects that overlap and their IoU, the highest first."""
    common = (found > 0) & (wanted > 0) & counted
    pairs = found[common].astype(np.int64) * len(wanted_sizes) + wanted[common]
    keys, pixels = np.unique(pairs, return_counts=True)
    ones, others = np.divmod(keys, len(wanted_sizes))
    overlaps = pixels / (found_sizes[ones] + wanted_sizes[others] - pixels)
    order = np.argsort(-overlaps, kind="stable")
    return [(int(ones[place]), int(others[place]), float(overlaps[place])) for place in order]


def _around(first: tuple[slice, ...], second: tuple[slice, ...]) -> tuple[slice, ...]:
    """The window about two windows."""
    return tuple(
        slice(min(one.start, other.start), max(one.stop, other.stop))
        for one, other in zip(first, second, strict=True)
    )
