"""Filling, directions and accumulation of flow, and what is made of them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument, check_choice
from insarfeat.metrics import Resolution
from insarfeat.terrain.flow import routing
from insarfeat.terrain.flow._kernels import layers as _kernels
from insarfeat.terrain.flow.ground import Voids
from insarfeat.terrain.flow.routing import FlowMethod, Rain, check_method, or_square, routed

Engine = Literal["insarfeat", "richdem"]
_ENGINES = get_args(Engine)


class _Least(NamedTuple):
    least: float


_REACHES = Operator(
    "insarfeat.terrain.streams",
    _kernels.reaches,
    inputs=[Raster("water")],
    outputs=[Result("streams", "uint8")],
)
_CONTAMINATED = Operator(
    "insarfeat.terrain.flow_contamination",
    _kernels.arrives,
    inputs=[Raster("water")],
    outputs=[Result("flow_contamination", "uint8")],
)


def fill_depressions(
    dem: Any,
    *,
    epsilon: bool = False,
    breach: bool = False,
    voids: Voids = "outlets",
    engine: Engine = "insarfeat",
) -> Any:
    r"""DEM from every cell of which water finds a way out: depressions filled to the brim.

    .. math:: W(c) = \min_{\text{ways from } c \text{ to an outlet}} \; \max_{n \text{ on the way}} z(n)

    Outlets are the cells at the DEM's edge and, unless voids are walls, those beside a void. Ways lead over all eight
    neighbours. The result is defined cell by cell, so it is the same bit for bit for any chunks and any correct tool;
    cells that nothing fills stay as they are, and voids stay voids.

    Parameters
    ----------
    dem
        Elevation in metres; NaN is void. Integers are taken. On a lazy DEM this is a stage of a plan: two passes over
        tiles. Computed by Dask alone it runs through the same plan, into a temporary folder.
    epsilon
        Fill so that water always falls: each filled cell is the next larger number of its type above its lowest
        neighbour, :math:`W(c) = \max(z(c), \mathrm{next}(\min W(n)))`. That has one solution, whatever the tiles. It
        takes several times as long, and leaves slopes of the last digit; flow does not need it, because flats are
        resolved by themselves.
    breach
        Cut the ground instead of filling it: water keeps the ways that it takes over the filled DEM by D8, and each
        cell on them is lowered to the lowest one upstream. For roads and bridges that dam a valley in the DEM.
    voids
        "outlets": water leaves into voids, as into the sea; "walls": it does not. A region that voids wall in wholly
        keeps its depressions.
    engine
        "richdem" fills with RichDEM, where that is installed.

    Returns
    -------
    Elevation, of the same kind and type of array; NaN where the DEM is.

    References
    ----------
    Barnes, R., Lehman, C. & Mulla, D. (2014): Priority-flood. Computers & Geosciences 62, 117-127; for tiles Barnes,
    R. (2016): Parallel Priority-Flood depression filling for trillion cell digital elevation models on desktops or
    clusters. Computers & Geosciences 96, 56-68.

    Examples
    --------
    >>> import numpy as np
    >>> dem = np.array([[9, 9, 9, 9], [9, 1, 5, 3], [9, 9, 9, 9]], "f4")
    >>> fill_depressions(dem)[1], fill_depressions(dem, breach=True, epsilon=False)[1]
    (array([9., 5., 5., 3.], dtype=float32), array([9., 1., 1., 1.], dtype=float32))
    """
    check_choice("engine", engine, _ENGINES)
    if epsilon and breach:
        raise InvalidArgument("epsilon fills and breach cuts; choose one of them")
    if engine == "richdem":
        from insarfeat.terrain.flow import richdem_engine

        return richdem_engine.filled(dem, epsilon=epsilon, breach=breach, voids=voids)
    if epsilon:
        return routing.filled_with_fall(dem, voids)
    if breach:
        return routing.breached(dem, voids)
    return routing.filled(dem, voids)


def flow_direction(
    dem: Any,
    *,
    method: FlowMethod = "d8",
    voids: Voids = "outlets",
    resolution: Resolution | None = None,
) -> Any:
    r"""Where water goes from each cell, with depressions filled and flats resolved first.

    On the filled DEM a cell drains to strictly lower neighbours. Cells of flats have none; from them water goes away
    from higher and toward lower ground, to neighbours of lower rank 2 t - a, with the number of cells t to the next
    one that drains, and a to the edge of higher ground (Barnes, Lehman & Mulla 2014). No way ever closes a circle.

    Parameters
    ----------
    dem, voids
        As for :func:`fill_depressions`; lazy DEMs are computed as there.
    method
        "d8": the neighbour of the steepest slope, which is the drop over the distance, also to diagonal ones; the
        first one clockwise from north of equals. "dinf": the steepest direction on eight triangles (Tarboton 1997).
        "mfd": all lower neighbours, :math:`s_n = (\tan b_n)^{1.1} / \sum_k (\tan b_k)^{1.1}` (Freeman 1991).
    resolution
        Pixel size in metres, a number or (dy, dx), for bare arrays; without any, pixels are square. DataArrays with
        coordinates need none.

    Returns
    -------
    "d8": codes, uint8: 1 north, 2 north-east, clockwise to 8 north-west; 0 where water leaves the DEM, 255 in voids.
    "dinf": azimuth of flow in degrees, clockwise from the grid's north; NaN where water leaves, and in voids.
    "mfd": eight layers of shares, ``flow_to_north`` and so on, as a Dataset, or a dict for arrays. North is that of
    the grid in all three: they name neighbours.

    References
    ----------
    Barnes, R., Lehman, C. & Mulla, D. (2014): An efficient assignment of drainage direction over flat surfaces in
    raster digital elevation models. Computers & Geosciences 62, 128-135. Freeman, T. G. (1991): Calculating catchment
    area with divergent flow based on a regular grid. Computers & Geosciences 17, 413-422. Tarboton, D. G. (1997): A
    new method for the determination of flow directions and upslope areas. Water Resources Research 33, 309-319.

    Examples
    --------
    >>> import numpy as np
    >>> falling_east = np.repeat([[3.0, 2.0, 1.0]], 3, axis=0)
    >>> flow_direction(falling_east)[1], flow_direction(falling_east, method="dinf")[1]
    (array([3, 3, 0], dtype=uint8), array([90., 90., nan]))
    """
    check_method(method)
    found = routing.directed(routed(dem, voids), method, voids, or_square(dem, resolution))
    return dict(zip(routing.SHARES, found, strict=True)) if isinstance(found, tuple) else found


def flow_accumulation(
    dem: Any,
    *,
    method: FlowMethod = "mfd",
    weights: Any = None,
    voids: Voids = "outlets",
    resolution: Resolution | None = None,
    engine: Engine = "insarfeat",
) -> Any:
    r"""Number of cells upslope of each, itself included, with depressions filled and flats resolved first.

    .. math:: A(c) = w(c) + \sum_n s_{n \to c} A(n)

    Everything that falls leaves: the sum over the cells from which water leaves is that of all weights. Any chunks
    give the same, bit for bit by D8 with whole weights, to 1e-9 else. Tiles cost two passes by D8; by MFD and Dinf
    one, and rounds over what flows across seams.

    Parameters
    ----------
    dem, method, voids, resolution
        As for :func:`flow_direction`; lazy DEMs are computed as in :func:`fill_depressions`.
    weights
        What falls on each cell, instead of 1; NaN counts as 0.
    engine
        "richdem" fills and accumulates with RichDEM, where that is installed; it leaves flats as they are, and its D8
        does not divide by the distance.

    Returns
    -------
    float64, of the same kind of array; NaN in voids. Water from beyond the DEM is not in it:
    :func:`flow_contamination` tells where it may be missing.

    References
    ----------
    As for :func:`flow_direction`. For tiles Barnes, R. (2017): Parallel non-divergent flow accumulation for trillion
    cell digital elevation models on desktops or clusters. Environmental Modelling & Software 92, 202-212.

    Examples
    --------
    >>> import numpy as np
    >>> falling_east = np.repeat([[3.0, 2.0, 1.0]], 3, axis=0)
    >>> flow_accumulation(falling_east, method="d8")
    array([[1., 2., 3.],
           [1., 2., 3.],
           [1., 2., 3.]])
    """
    check_method(method)
    check_choice("engine", engine, _ENGINES)
    if engine == "richdem":
        from insarfeat.terrain.flow import richdem_engine

        return richdem_engine.accumulated(dem, method=method, weights=weights, voids=voids)
    ground = routed(dem, voids)
    return routing.water(ground, Rain("cells", weights), method, voids, or_square(dem, resolution))


def flow_contamination(
    dem: Any,
    *,
    method: FlowMethod = "mfd",
    voids: Voids = "outlets",
    resolution: Resolution | None = None,
) -> Any:
    """Where the accumulation of flow may miss water, because what feeds it lies beyond the DEM or in a void.

    Any cell at the DEM's edge or beside a void may be fed from outside; with them, all cells are flagged that get
    any of their water, however little. Take such cells out with :func:`insarfeat.tiling.valid_mask`. The larger the
    DEM about the scene, the fewer they are: compute flow on all of it, and crop afterwards.

    Parameters
    ----------
    dem, method, voids, resolution
        As for :func:`flow_accumulation`.

    Returns
    -------
    uint8: 0 where the whole catchment is known, 1 where not, 255 in voids.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-3:4, -3:4]
    >>> flow_contamination(20.0 - x**2 - y**2)[3]  # on a hill no water comes in
    array([1, 0, 0, 0, 0, 0, 1], dtype=uint8)
    """
    check_method(method)
    rain = Rain("flags", routing.border(dem))
    return _CONTAMINATED(routing.water(routed(dem, voids), rain, method, voids, or_square(dem, resolution)))


def basins(dem: Any, *, voids: Voids = "outlets", resolution: Resolution | None = None) -> Any:
    """Which cell the water of each leaves the DEM from, by D8: cells of one basin have the same number.

    Parameters
    ----------
    dem, voids, resolution
        As for :func:`flow_direction`.

    Returns
    -------
    int64: 1 + row * width + column of the cell where the way ends, counted on the whole DEM, so that any chunks
    give the same; the least int64 in voids.

    Examples
    --------
    >>> import numpy as np
    >>> basins(np.array([[1.0, 2.0, 3.0, 2.0, 1.0]]))
    array([[1, 1, 5, 5, 5]])
    """
    return routing.ends(routed(dem, voids), voids, or_square(dem, resolution))


def streams(
    dem: Any,
    *,
    cells: float,
    method: FlowMethod = "d8",
    voids: Voids = "outlets",
    resolution: Resolution | None = None,
) -> Any:
    """Where water comes together from at least so many cells.

    Parameters
    ----------
    cells
        The least :func:`flow_accumulation` of a stream.
    dem, method, voids, resolution
        As for :func:`flow_accumulation`.

    Returns
    -------
    uint8: 1 in streams, 0 elsewhere, 255 in voids.

    Examples
    --------
    >>> import numpy as np
    >>> streams(np.repeat([[4.0, 3.0, 2.0, 1.0]], 3, axis=0), cells=3)[1]
    array([0, 0, 1, 1], dtype=uint8)
    """
    if not isinstance(cells, int | float | np.number) or isinstance(cells, bool) or not cells > 0:
        raise InvalidArgument(f"cells must be a positive number of cells; got {cells!r}")
    found = flow_accumulation(dem, method=method, voids=voids, resolution=resolution)
    return _REACHES(found, parameters=_Least(float(cells)))
