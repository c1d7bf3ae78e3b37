"""Motion along the line of sight: from phases and back, down the slope, and into east and up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.geometry._kernels import motion as _kernels
from insarfeat.geometry.arguments import number_within

_DAYS_PER_YEAR = 365.25
_ONE_LOOK = math.sin(math.radians(0.5)) ** 2  # lines of sight within half a degree of each other count as one


class _Wave(NamedTuple):
    wavelength: float


class _Floor(NamedTuple):
    floor: float = 0.2


class _Range(NamedTuple):
    baseline: float
    wavelength: float
    smallest_fringe: float = 0.5
    edge: float = 5.0
    floor: float = 0.2
    certainty: float = 2.0


_DISPLACEMENT = Operator(
    "insarfeat.geometry.displacement",
    _kernels.scaled,
    inputs=[Raster("unwrapped_phase", number=True)],
    outputs=[Result("displacement")],
    prepare=lambda wave: (-wave.wavelength / (4 * math.pi),),
)

_PHASE = Operator(
    "insarfeat.geometry.phase",
    _kernels.scaled,
    inputs=[Raster("displacement", number=True)],
    outputs=[Result("unwrapped_phase")],
    prepare=lambda wave: (-4 * math.pi / wave.wavelength,),
)

_DOWNSLOPE = Operator(
    "insarfeat.geometry.downslope_displacement",
    _kernels.downslope,
    inputs=[Raster("displacement", number=True), Raster("slope_to_los", number=True)],
    outputs=[Result("downslope_displacement")],
    nodata="formula",
)


def _limits(chosen: _Range) -> tuple[float, float, float, float]:
    """The floor, and the limits of the velocity along the line of sight in metres per year."""
    per_year = _DAYS_PER_YEAR / chosen.baseline
    fringe = chosen.wavelength / 2
    return (
        chosen.floor,
        chosen.smallest_fringe * fringe * per_year,
        chosen.certainty * fringe / (2 * math.pi) * per_year,
        chosen.edge * fringe / 2 * per_year,
    )


_VELOCITIES = Operator(
    "insarfeat.geometry.detectable_velocity",
    _kernels.velocities,
    inputs=[Raster("slope_to_los", number=True), Raster("phase_deviation", number=True)],
    outputs=[Result("slowest_velocity"), Result("fastest_velocity")],
    nodata="formula",
    prepare=_limits,
)

_DEVIATION = Operator(
    "insarfeat.geometry.displacement_deviation",
    _kernels.scaled,
    inputs=[Raster("phase_deviation", number=True)],
    outputs=[Result("displacement_deviation")],
    prepare=lambda wave: (wave.wavelength / (4 * math.pi),),
)

_PARTS = (
    "displacement_east",
    "displacement_up",
    "displacement_east_deviation",
    "displacement_up_deviation",
    "displacement_covariance",
)

_DECOMPOSE = Operator(
    "insarfeat.geometry.decompose",
    _kernels.east_and_up,
    inputs=[Raster("look", number=True, many=True)],
    outputs=[Result(name) for name in _PARTS],
    nodata="formula",
    prepare=lambda _: (_ONE_LOOK,),
)


def displacement(unwrapped_phase: Any, *, wavelength: float) -> Any:
    r"""Displacement toward the satellite in metres, from unwrapped phase in radians.

    .. math:: u = -\frac{\lambda}{4 \pi} \phi

    for interferograms that are primary x conj(secondary), the primary being the earlier one: their phase grows with
    the range. One fringe is half a wavelength.

    Parameters
    ----------
    unwrapped_phase
        Radians. NaN is nodata.
    wavelength
        Of the radar, in metres: ``insarfeat.geometry.SENTINEL1_WAVELENGTH`` is 0.05546576.

    Returns
    -------
    Metres, of the same kind of array; NaN where the phase is.

    Examples
    --------
    >>> import numpy as np
    >>> displacement(np.array([[2 * np.pi]]), wavelength=0.05546576).round(6)
    array([[-0.027733]])
    """
    return _DISPLACEMENT(unwrapped_phase, parameters=_Wave(_positive("wavelength", wavelength)))


def displacement_deviation(phase_deviation: Any, *, wavelength: float) -> Any:
    r"""Standard deviation of a displacement along the line of sight, metres, from that of its phase.

    .. math:: \sigma_d = \frac{\lambda}{4 \pi} \sigma_\phi

    Parameters
    ----------
    phase_deviation
        Radians, as :func:`insarfeat.filters.phase_deviation` makes it of coherence and looks. NaN is nodata.
    wavelength
        Of the radar, in metres: 0.05546576 for Sentinel-1.

    Returns
    -------
    Metres, of the same kind of array: what :func:`decompose` takes as ``deviations``. Speckle alone: the air comes on
    top.

    Examples
    --------
    >>> import numpy as np
    >>> from insarfeat import filters
    >>> noise = filters.phase_deviation(np.array([[0.3, 0.6, 0.9]], "f4"), looks=20)
    >>> (1000 * displacement_deviation(noise, wavelength=0.05546576)).round(2)  # mm
    array([[2.77, 0.98, 0.35]], dtype=float32)
    """
    return _DEVIATION(phase_deviation, parameters=_Wave(_positive("wavelength", wavelength)))


def phase(displacement: Any, *, wavelength: float) -> Any:
    r"""Unwrapped phase in radians that a displacement toward the satellite in metres makes.

    .. math:: \phi = -\frac{4 \pi}{\lambda} u

    The inverse of :func:`displacement`, with the same parameter.

    Examples
    --------
    >>> import numpy as np
    >>> phase(np.array([[-0.02773288]]), wavelength=0.05546576).round(6)
    array([[6.283185]])
    """
    return _PHASE(displacement, parameters=_Wave(_positive("wavelength", wavelength)))


def downslope_displacement(displacement: Any, slope_to_los: Any, *, floor: float = 0.2) -> Any:
    r"""Displacement along the slope that a displacement toward the satellite stands for.

    .. math:: u_s = -u / S

    with the slope to line of sight S. It supposes that the ground moves straight down the slope and in no other way.
    Where :math:`|S|` is small, errors of the displacement are blown up by 1 / S, and there is no answer.

    Parameters
    ----------
    displacement
        Metres toward the satellite (or a velocity). NaN is nodata.
    slope_to_los
        From -1 to 1, of the same pixels. NaN is nodata.
    floor
        Least :math:`|S|` that is divided by; 0.2 to 0.3 are usual.

    Returns
    -------
    Positive downhill, of the same kind of arrays; NaN where an input is nodata and where :math:`|S|` is not above the
    floor.

    Examples
    --------
    >>> import numpy as np
    >>> downslope_displacement(np.array([[-0.02, -0.02]]), np.array([[0.8, 0.1]]))
    array([[0.025,   nan]])
    """
    return _DOWNSLOPE(displacement, slope_to_los, parameters=_Floor(_share(floor)))


def detectable_velocity(
    slope_to_los: Any,
    *,
    baseline: float,
    wavelength: float,
    smallest_fringe: float = 0.5,
    edge: float = 5.0,
    floor: float = 0.2,
    phase_deviation: Any = None,
    certainty: float = 2.0,
) -> Any:
    r"""Range of downslope velocities that one interferogram can show, pixel by pixel.

    .. math:: v_{slow} = \frac{\max(f, k \sigma / 2 \pi) \, \lambda / 2}{T |S|}, \quad
        v_{fast} = \frac{n \lambda / 4}{T |S|}

    The slowest makes the smallest part f of a fringe that is trusted, and k times what noise makes. The fastest makes
    half a fringe from each pixel to the next, where phase aliases, over the n pixels from the edge of the slide to
    the part that moves fastest: a wider slide may move faster before its fringes are lost.

    Parameters
    ----------
    slope_to_los
        From -1 to 1. NaN is nodata.
    baseline
        Days between the two acquisitions.
    wavelength
        Of the radar, in metres.
    smallest_fringe
        f: experts trust half a fringe; 84, 42, 28 and 17 cm per year along the line of sight at 6, 12, 18 and 30
        days.
    edge
        n: pixels over which the motion grows from nothing to its most.
    floor
        Least :math:`|S|`, as in :func:`downslope_displacement`: below it nothing is seen at any speed.
    phase_deviation
        σ in radians, as :func:`insarfeat.filters.phase_deviation` gives it; None for none.
    certainty
        k: how many of its deviations a phase must reach.

    Returns
    -------
    ``slowest_velocity`` and ``fastest_velocity`` in metres per year: a Dataset, for arrays a dict of them. NaN
    where the input is nodata and where :math:`|S|` is not above the floor. The slowest may be above the fastest:
    then nothing can be seen (too narrow an edge).

    References
    ----------
    Manconi, A. (2021). How phase aliasing limits systematic space-borne DInSAR monitoring and failure forecast of
    alpine landslides. Engineering Geology 287, 106094.

    Examples
    --------
    >>> import numpy as np
    >>> found = detectable_velocity(np.array([[1.0, -0.5]]), baseline=12, wavelength=0.05546576)
    >>> found["slowest_velocity"].round(2), found["fastest_velocity"].round(2)
    (array([[0.42, 0.84]]), array([[2.11, 4.22]]))
    """
    chosen = _Range(
        _positive("baseline", baseline),
        _positive("wavelength", wavelength),
        _positive("smallest_fringe", smallest_fringe),
        _positive("edge", edge),
        _share(floor),
        _positive("certainty", certainty),
    )
    noise = 0.0 if phase_deviation is None else phase_deviation
    return _named(
        _VELOCITIES(slope_to_los, noise, parameters=chosen), ("slowest_velocity", "fastest_velocity")
    )


def decompose(
    los_displacements: Sequence[Any], los_vectors: Sequence[Any], *, deviations: Sequence[Any] | None = None
) -> Any:
    r"""Displacement eastward and upward from two or more lines of sight, with the covariance.

    .. math:: u_k = e_k E + p_k U, \quad \Sigma = (A^T W A)^{-1}, \quad (E, U) = \Sigma A^T W u

    by weighted least squares in each pixel over the looks that are valid there, with the lines of sight (e, n, p) and
    the weights :math:`1 / \sigma_k^2`.

    **Motion northward cannot be seen** by satellites that fly nearly over the poles and look to the side: it is
    taken to be 0. Where the ground does move by N, the displacements come out wrong by :math:`\Sigma A^T W n N`: for
    Sentinel-1 from both sides (headings -12 and -168) by -0.17 N upward and nothing eastward at an incidence of 39
    degrees, by -0.15 N and -0.06 N at 30 degrees ascending and 45 descending.

    Parameters
    ----------
    los_displacements
        Displacements toward the satellite (or velocities), one for each look, on one grid. NaN is nodata.
    los_vectors
        The :class:`LineOfSight` of each, of rasters or of numbers.
    deviations
        Standard deviation of each displacement, a raster or a number; where it is 0 or NaN, that look is left out.
        None: all the same, 1; the covariance is then in units of theirs.

    Returns
    -------
    ``displacement_east``, ``displacement_up``, ``displacement_east_deviation``, ``displacement_up_deviation``
    (standard deviations, the roots of the diagonal of :math:`\Sigma`) and ``displacement_covariance``: a Dataset,
    for arrays a dict of them. NaN where fewer than two looks are valid, or all lines of sight count as one (within
    half a degree of the first, seen from north).

    Examples
    --------
    >>> import numpy as np
    >>> from insarfeat.geometry import los_from_incidence
    >>> ascending, descending = los_from_incidence(39.0, -12.0), los_from_incidence(39.0, -168.0)
    >>> seen = [np.array([[los.east * 0.03 + los.up * -0.01]]) for los in (ascending, descending)]
    >>> found = decompose(seen, [ascending, descending])
    >>> found["displacement_east"].round(6), found["displacement_up"].round(6)
    (array([[0.03]]), array([[-0.01]]))
    """
    count = len(los_displacements)
    if count < 2:
        raise InvalidArgument(
            f"los_displacements must be of two looks or more, to tell east from up; got {count}"
        )
    spreads = [1.0] * count if deviations is None else deviations
    for name, given in (("los_vectors", los_vectors), ("deviations", spreads)):
        if len(given) != count:
            raise InvalidArgument(
                f"{name} must be one for each of the {count} los_displacements; got {len(given)}"
            )
    rasters: list[Any] = []
    for seen, (east, _, up), spread in zip(los_displacements, los_vectors, spreads, strict=True):
        rasters += (seen, east, up, spread)
    return _named(_DECOMPOSE(*rasters), _PARTS)


def _named(found: Any, names: Sequence[str]) -> Any:
    """A Dataset as it is; arrays by the names of their layers."""
    return found if hasattr(found, "data_vars") else dict(zip(names, found, strict=True))


def _positive(name: str, value: Any) -> float:
    return number_within(name, value, 0, math.inf, above=True)


def _share(floor: Any) -> float:
    return number_within("floor", floor, 0, 1)
