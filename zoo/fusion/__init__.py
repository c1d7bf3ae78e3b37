"""Results of many pairs as one: a signal seen once is noise until it is seen again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.detections import Detections

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["fuse"]

_OVERLAP = 0.3


@overload
def fuse(  # type: ignore[overload-overlap]  # an empty iterable would be both, and is refused
    results: Detections | Iterable[Detections],
    *,
    least: int = 2,
    overlap: float | None = None,
    footprints: Mapping[str, Any] | None = None,
) -> Detections: ...


@overload
def fuse(
    results: xr.DataArray | xr.Dataset | Iterable[xr.DataArray | xr.Dataset],
    *,
    least: int = 2,
    threshold: float | None = None,
    orbits: Sequence[str] | None = None,
) -> xr.Dataset: ...


def fuse(
    results: Any,
    *,
    least: int = 2,
    overlap: float | None = None,
    footprints: Mapping[str, Any] | None = None,
    threshold: float | None = None,
    orbits: Sequence[str] | None = None,
) -> Any:
    """Put the results of many pairs together: where something was seen, how often, and how often it could have been.

    Atmosphere, noise and unwrapping errors are of one acquisition, slides are of the ground: what comes back in other
    pairs, and best from the other orbit, is worth an expert's time.

    **Detections** become places. The outline of a place is a detection itself: the one that pairs agree with best, by
    the intersection over union, summed over pairs, of what they saw there. It gathers all that are like it by
    ``overlap`` or more, and the next outline is looked for among the rest; in the end each detection goes to the
    outline that is most like it. All of a place agree with its outline, so that boxes that overlap in a row do not
    become one. Intersection over union, and not the share of the smaller one, since a small slide on a large one is a
    place of its own. An outline that was drawn, and not a union, which would grow with every bad sighting, nor a
    mean, which nobody has seen.

    **Probabilities** become counts, pixel by pixel: as lazy as they are, the same for any chunks.

    Parameters
    ----------
    results
        Detections of several pairs, of one model or several: an iterable of them, or what
        :meth:`Detections.joined` made of them. Or probabilities with NaN for nodata: predictions of masks, or
        DataArrays (pair, y, x); those of several pairs, tracks and orbits as an iterable, on one grid. The names of
        the pairs, or of probabilities the dates that go with them, tell the days.
    least
        So many pairs must have seen what counts as confirmed.
    overlap
        For detections: likeness of two outlines of one place, 0.3 unless given. Experts who outline the same slide
        reach 0.2 to 0.4 among each other.
    footprints
        For detections: what each pair covers, by the pair's name, as a GeoJSON polygon or a mask of valid pixels (1),
        both in the CRS of the detections. Pairs that are missing in it cover everything; pairs without a detection
        are counted if they are in it, or if they were among ``results``.
    threshold
        For probabilities: seen where they reach it. None: the model's own, which predictions tell, else 0.5.
    orbits
        For probabilities: "A", "D" or "" for each pair, in their order. None: a coordinate ``orbit`` along the pairs,
        or the attributes ``orbit_direction`` or ``heading`` say it, or nothing does.

    Returns
    -------
    Detections
        One row per place, those confirmed first, then by share and score. Of the usual columns ``score`` is the
        highest, ``class`` the most frequent (of equal ones that with the higher scores), ``orbit``, ``first`` and
        ``last`` are ``orbits``, ``first_seen`` and ``last_seen``. The others:

        - ``confirmed``: whether at least ``least`` pairs saw it.
        - ``times_seen``: pairs that saw it; those of the same two days and orbit are one.
        - ``independent``: how many of them have no acquisition in common, since pairs with a common day share its
          atmosphere. Taken greedily, pairs with the fewest neighbours first: never more than there are, and exact for
          chains of pairs.
        - ``chances``: pairs that cover at least half of the box about it. ``share_seen``: times seen per chance.
        - ``mean_score``: of the best in each pair. ``class_votes``, ``pairs_seen``: as text.
        - ``orbits``: "A", "D" or "AD". ``first_seen``, ``last_seen``: the first day of the first and the last day of
          the last pair that saw it.
        - ``detections``: how many were put together.
    xarray.Dataset
        ``times_seen``, ``chances`` (pairs with a value), ``share_seen``, ``mean_probability``, ``max_probability``,
        ``first_seen`` and ``last_seen`` (days since 1970-01-01, NaN where never), ``orbits_seen`` (1 ascending + 2
        descending), ``confirmed`` (1 or 0); nodata where no pair has a value.

    References
    ----------
    Karp, R. M., Sipser, M. (1981). Maximum matching in sparse random graphs. FOCS 22, 364-375, for the order in
    which independent pairs are taken.

    Examples
    --------
    >>> rows = {"class": ["RG"], "score": [0.8], "area_m2": [400.0]}
    >>> pairs = ("20230904_20230916", "20230916_20230928")
    >>> found = [Detections.of_boxes([[0, n, 20, n + 20]], rows, pair=pair) for n, pair in enumerate(pairs)]
    >>> place = fuse(found).table.loc[0]
    >>> int(place["times_seen"]), int(place["independent"]), place["first_seen"], place["last_seen"]
    (2, 1, '2023-09-04', '2023-09-28')
    """
    if isinstance(least, bool) or not isinstance(least, int) or least < 1:
        raise InvalidArgument(f"least must be a whole number of pairs, 1 or more; got {least!r}")
    if isinstance(results, Detections) or hasattr(results, "dims"):
        parts = [results]
    elif isinstance(results, Iterable) and not isinstance(results, str | bytes | Mapping):
        parts = list(results)
    else:
        raise InvalidType(
            f"results must be Detections, or probabilities of xarray; got {type(results).__name__}"
        )
    if not parts:
        raise InvalidArgument("results is empty; give the results of at least one pair")
    if all(isinstance(part, Detections) for part in parts):
        _check_unused("detections", threshold=threshold, orbits=orbits)
        from zoo.fusion.places import places_of

        return places_of(parts, _OVERLAP if overlap is None else overlap, least, footprints or {})
    if all(hasattr(part, "dims") for part in parts):
        _check_unused("probabilities", overlap=overlap, footprints=footprints)
        from zoo.fusion.rasters import counts_of

        return counts_of(parts, threshold, least, orbits)
    kinds = ", ".join(sorted({type(part).__name__ for part in parts}))
    raise InvalidType(
        f"results holds {kinds}; it must hold Detections, or probabilities as DataArrays or Datasets, not both"
    )


def _check_unused(kind: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise InvalidArgument(f"{name} means nothing for {kind}; leave it out")
