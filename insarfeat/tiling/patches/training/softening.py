"""Labels with soft edges: how far pixels are from slides."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.layers import NODATA_BYTE


def label_distances(mask: ArrayLike, *, valid: ArrayLike | None = None) -> NDArray[np.float32]:
    """Distance of each pixel to the nearest slide, in pixels: 0 in a slide, infinite where there is none.

    Parameters
    ----------
    mask
        Labels (..., y, x), uint8: 0 is background, 255 nodata, all else slide.
    valid
        Mask of the same shape: pixels that are not 1 are nodata. A slide there counts for its neighbours all the
        same.

    Returns
    -------
    numpy.ndarray
        float32; NaN where nodata. Slides beyond the edge of a patch are not seen.

    Examples
    --------
    >>> label_distances([[0, 0, 1, 255]])
    array([[ 2.,  1.,  0., nan]], dtype=float32)
    """
    from scipy.ndimage import distance_transform_edt

    labels = np.asarray(mask)
    if labels.ndim < 2:
        raise InvalidArgument(f"mask must have rows and columns; got the shape {labels.shape}")
    outside = (labels == 0) | (labels == NODATA_BYTE)
    found = np.full(labels.shape, np.inf, np.float32)
    for place in np.ndindex(labels.shape[:-2]):
        if not outside[place].all():
            found[place] = distance_transform_edt(outside[place])
    unknown = labels == NODATA_BYTE
    if valid is not None:
        usable = np.asarray(valid)
        if usable.shape != labels.shape:
            raise InvalidArgument(f"valid must have the shape of mask, {labels.shape}; got {usable.shape}")
        unknown |= usable != 1
    found[unknown] = np.nan
    return found


def soften(mask: ArrayLike, sigma: float, *, valid: ArrayLike | None = None) -> NDArray[np.float32]:
    r"""Labels that fade out around slides, since where a slide ends is not known to the pixel.

    .. math:: s = \exp\left(-\frac{d^2}{2 \sigma^2}\right)

    with the Euclidean distance d to the nearest slide: 1 inside, 0.61 at a distance of sigma, 0 far away.

    Parameters
    ----------
    mask
        Labels (..., y, x), uint8: 0 is background, 255 nodata, all else slide.
    sigma
        In pixels, positive.
    valid
        As for :func:`label_distances`.

    Returns
    -------
    numpy.ndarray
        float32, 0 to 1; NaN where nodata, to be left out of the loss.

    Examples
    --------
    >>> soften([[1, 0, 0, 0]], sigma=1).round(3)
    array([[1.   , 0.607, 0.135, 0.011]], dtype=float32)
    """
    if not np.isfinite(sigma) or sigma <= 0:
        raise InvalidArgument(f"sigma must be a positive number of pixels; got {sigma!r}")
    distances = label_distances(mask, valid=valid)
    softened: NDArray[np.float32] = np.exp(-0.5 * (distances / np.float32(sigma)) ** 2)
    return softened
