"""Fingerprints of bands, by which patches with the same pixels are found wherever they claim to lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling.patches._kernels import digests as kernels


def digest(band: ArrayLike) -> int:
    r"""Fingerprint of a band's pixels: equal bands have equal ones, and others have others but for 1 in 2^64 or so.

    .. math:: \sum_{r, c} m(v_{r c})\, A^r B^c \mod 2^{64}

    with the single-precision bits of a value mixed by m (the finaliser of SplitMix64), and odd A and B. Rows and
    columns count from the band's first pixel, so that the place on a map plays no part. All NaN count as one
    value, and so do both zeros. A sum over pixels can be taken piece by piece.

    Parameters
    ----------
    band
        Real values (y, x); they are taken in single precision. NaN is nodata.

    Returns
    -------
    int
        From -2^63 to 2^63 - 1; 0 where the valid pixels hold fewer than two values, which tells no patches apart.

    References
    ----------
    Steele, G. L., Lea, D. & Flood, C. H. (2014): Fast splittable pseudorandom number generators. OOPSLA, 453-472.
    Karp, R. M. & Rabin, M. O. (1987): Efficient randomized pattern-matching algorithms. IBM Journal of Research and
    Development 31, 249-260.

    Examples
    --------
    >>> slope = np.arange(12.0).reshape(3, 4)
    >>> digest(slope) == digest(slope.copy()), digest(slope) == digest(slope[::-1]), digest(np.ones((3, 4)))
    (True, False, 0)
    """
    values = _checked(band)
    if kernels.distinct(values, 2) < 2:
        return 0
    return signed(kernels.cell_digest(values))


def tells_ground(band: ArrayLike) -> bool:
    """Whether a band has enough different values for its fingerprint to stand for a place: masks have not.

    >>> tells_ground(np.arange(20.0).reshape(4, 5)), tells_ground(np.eye(20))
    (True, False)
    """
    return bool(kernels.distinct(_checked(band), _CLASSES) == _CLASSES)


def signed(digest: np.uint64 | int) -> int:
    """A fingerprint as the signed number that tables hold.

    >>> signed(2**64 - 1)
    -1
    """
    number = int(digest)
    return number - 2**64 if number >= 2**63 else number


_CLASSES = 16  # values that bands of classes do not reach


def _checked(band: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    values = np.asarray(band)
    if values.dtype.kind not in "fiub":
        raise InvalidType(
            f"band must hold real numbers; got {values.dtype}: take its phase or magnitude first"
        )
    if values.ndim != 2:
        raise InvalidArgument(f"band must have rows and columns; got the shape {values.shape}")
    return values.astype(np.float32, copy=False)
