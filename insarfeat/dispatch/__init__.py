"""One way to declare an operator, which then serves NumPy, Dask and xarray alike.

A kernel is a numba function that knows nothing of kinds, chunks or metadata. An :class:`Operator` says what it
needs and gives; calling the operator does the rest.
"""

from insarfeat.dispatch.declarations import Raster, Result
from insarfeat.dispatch.expression import Barrier, Value
from insarfeat.dispatch.operator import Operator
from insarfeat.dispatch.reduction import Reduction
from insarfeat.dispatch.sources import ArraySource, GeneratedSource, Source
from insarfeat.dispatch.whole import RasterStep, TileWork, WholeOperator, Workshop

__all__ = [
    "ArraySource",
    "Barrier",
    "GeneratedSource",
    "Operator",
    "Raster",
    "RasterStep",
    "Reduction",
    "Result",
    "Source",
    "TileWork",
    "Value",
    "WholeOperator",
    "Workshop",
]
