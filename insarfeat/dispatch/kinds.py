"""Which kind of array came, and how its kind and metadata are kept: xarray wins over Dask, Dask over NumPy."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.dispatch.declarations import DOUBLE_CODES, Raster
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import same_grid, spatial_dims
from insarfeat.layers import LAYERS
from insarfeat.metrics import Ground, Metrics, metrics_of
from insarfeat.windows import NO_STEP, Step

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.dispatch.operator import Operator

PROCESSING = "processing"
"""Attribute that lists the operators behind a layer, oldest first."""

_SAYS_WHAT_IT_WAS = frozenset(
    {
        "_FillValue", "add_offset", "drawn_as", "flag_masks", "flag_meanings", "flag_values", "long_name",
        "missing_value", "scale_factor", "standard_name", "units", "valid_max", "valid_min", "valid_range",
    }
)  # fmt: skip


def apply(operator: Operator, rasters: Sequence[Any], parameters: tuple[Any, ...], ground: Ground) -> Any:
    """Apply an operator to rasters of any kinds; the result has the strongest kind among them."""
    xarray = sys.modules.get("xarray")
    if xarray is not None:
        rasters = [
            raster.item() if isinstance(raster, xarray.DataArray) and raster.ndim == 0 else raster
            for raster in rasters
        ]
    if xarray is not None and any(
        isinstance(raster, xarray.DataArray | xarray.Dataset) for raster in rasters
    ):
        if any(isinstance(raster, xarray.Dataset) for raster in rasters):
            return _on_dataset(operator, rasters, parameters, ground)
        return _on_labelled(operator, rasters, parameters, ground)
    metrics = operator.metrics_for(ground.resolution) if operator.metrics else None
    double = _are_double(rasters)
    data = [_as_data(operator, raster, number, double) for number, raster in enumerate(rasters)]
    results = _on_data(operator, data, parameters, metrics)
    if all(_is_number(raster) for raster in rasters):
        results = tuple(result[0, 0] for result in results)
    return results[0] if len(results) == 1 else results


def is_lazy(data: Any) -> bool:
    """Whether this is a Dask array; does not import Dask to find out."""
    dask_array = sys.modules.get("dask.array")
    return dask_array is not None and isinstance(data, dask_array.Array)


def _on_data(
    operator: Operator, data: Sequence[Any], parameters: tuple[Any, ...], metrics: Metrics | None
) -> tuple[Any, ...]:
    lazy = any(is_lazy(array) for array in data)
    if operator.survey is not None:
        from insarfeat.dispatch.lazy import reduce_lazily

        found = reduce_lazily(operator.survey, data) if lazy else operator.survey(data)
        parameters = parameters._replace(**found)  # type: ignore[attr-defined]
    bound = operator.bind(parameters, metrics)
    if lazy:
        from insarfeat.dispatch.lazy import apply_lazily

        return apply_lazily(bound, data)
    return bound.on_whole(data)


def _are_double(rasters: Sequence[Any]) -> bool:
    """Whether numbers among these count as double: they take part at the precision of the rasters, as in NumPy."""
    dtypes = [raster.dtype for raster in rasters if hasattr(raster, "dtype") and not _is_number(raster)]
    # Of other libraries (a tensor's), which are refused by name afterwards, they have no code.
    return not dtypes or any(getattr(dtype, "char", "") in DOUBLE_CODES for dtype in dtypes)


def _as_data(operator: Operator, raster: Any, number: int, double: bool) -> Any:
    """An array to compute with; single numbers become 1 x 1 rasters where the operator allows them."""
    expected = _expected(operator, number)
    if expected is not None and expected.number and _is_number(raster):
        if expected.kind == "mask":
            if raster not in range(256):
                raise InvalidArgument(
                    f"{expected.name} must be a whole number from 0 to 255, or a raster of them; got {raster!r}"
                )
            return np.full((1, 1), raster, np.uint8)
        kind = np.complex64 if isinstance(raster, complex) else np.float32
        return np.full((1, 1), raster, np.result_type(kind, np.float64) if double else kind)
    if type(raster) is np.ndarray or is_lazy(raster):
        return raster
    name = expected.name if expected else f"input {number + 1}"
    accepted = "a NumPy array, a Dask array or a DataArray"
    if expected is not None and expected.number:
        accepted += ", or a number"
    hint = "; masked arrays: use array.filled(np.nan)" if isinstance(raster, np.ma.MaskedArray) else ""
    raise InvalidType(f"{name} must be {accepted}; got {type(raster).__name__}{hint}")


def _expected(operator: Operator, number: int) -> Raster | None:
    """The declaration of an input."""
    if operator.inputs[0].many:
        return operator.inputs[0]
    return operator.inputs[number] if number < len(operator.inputs) else None


def _is_number(raster: Any) -> bool:
    return isinstance(raster, int | float | complex | np.number | np.bool_) or (
        isinstance(raster, np.ndarray) and raster.ndim == 0
    )


def _on_dataset(
    operator: Operator, rasters: Sequence[Any], parameters: tuple[Any, ...], ground: Ground
) -> Any:
    """Apply an operator that suits any quantity (a multilook) to each raster of a Dataset."""
    if not operator.datasets:
        names = ", ".join(raster.name for raster in operator.inputs)
        raise InvalidType(
            f"{operator.short_name} takes single rasters ({names}), not a Dataset: which of its variables is meant "
            "cannot be told; pass them, e.g. dataset['elevation']"
        )
    dataset = rasters[0]
    results = {}
    for name, variable in dataset.data_vars.items():
        if variable.ndim >= 2:
            results[name] = _on_labelled(operator, [variable], parameters, ground).rename(name)
        else:
            results[name] = variable
    return type(dataset)(results, attrs=dataset.attrs)


def _on_labelled(
    operator: Operator, rasters: Sequence[Any], parameters: tuple[Any, ...], ground: Ground
) -> Any:
    import xarray as xr

    labelled = [raster for raster in rasters if isinstance(raster, xr.DataArray)]
    for raster in labelled:
        spatial_dims(raster)
    same_grid(labelled)
    template = max(labelled, key=lambda raster: raster.ndim)
    lead_dims = _lead_dims(labelled)
    metrics = metrics_of(template, ground.resolution, ground.north) if operator.metrics else None
    double = _are_double(rasters)
    data = [
        _aligned(raster, lead_dims)
        if isinstance(raster, xr.DataArray)
        else _as_data(operator, raster, number, double)
        for number, raster in enumerate(rasters)
    ]
    results = _on_data(operator, data, parameters, metrics)
    bound = operator.bind(parameters, metrics)
    title = str(bound) if operator.survey is None else operator.short_name
    frame = _Frame(labelled, template, (*lead_dims, *template.dims[-2:]), bound.step)
    outputs = {}
    for output, result in zip(bound.outputs, results, strict=True):
        name: Hashable = output.layer or labelled[0].name
        attributes = _attributes(output.layer, labelled[0].attrs)
        attributes[PROCESSING] = _history(labelled, output.title or title)
        outputs[name] = frame.around(result, name, attributes)
    if len(outputs) == 1:
        return outputs.popitem()[1]
    return xr.Dataset(outputs)


class _Frame:
    """Dimensions and coordinates that results of an operator get from its inputs."""

    def __init__(
        self, rasters: Sequence[xr.DataArray], template: xr.DataArray, dims: tuple[Hashable, ...], step: Step
    ) -> None:
        self._template = template
        self._dims = dims
        # Copying an array's frame as it is is quicker than building one from parts.
        self._as_it_is = dims == template.dims and step == NO_STEP and len(rasters) == 1
        if not self._as_it_is:
            self._coords = _coords(rasters, template, step)

    def around(self, data: Any, name: Hashable, attributes: dict[str, Any]) -> xr.DataArray:
        """A DataArray of a result."""
        if not self._as_it_is:
            import xarray as xr

            return xr.DataArray(data, self._coords, self._dims, name, attributes)
        result = self._template.copy(deep=False, data=data)
        result.name = name
        result.attrs = attributes
        result.encoding = {}
        return result


def _lead_dims(rasters: Sequence[xr.DataArray]) -> tuple[Hashable, ...]:
    """All leading dimensions, in the order in which the inputs have them."""
    dims: dict[Hashable, None] = {}
    for raster in sorted(rasters, key=lambda raster: -raster.ndim):
        dims |= dict.fromkeys(raster.dims[:-2])
    return tuple(dims)


def _aligned(raster: xr.DataArray, lead_dims: tuple[Hashable, ...]) -> Any:
    """The raster's data with its leading dimensions where NumPy's broadcasting expects them."""
    own = raster.dims[:-2]
    if own == lead_dims[len(lead_dims) - len(own) :]:
        return raster.data
    ordered = raster.transpose(*(dim for dim in lead_dims if dim in own), *raster.dims[-2:]).data
    return ordered[tuple(slice(None) if dim in own else np.newaxis for dim in lead_dims)]


def _coords(rasters: Sequence[xr.DataArray], template: xr.DataArray, step: Step) -> dict[Hashable, Any]:
    """All coordinates of the inputs; those along a step are averaged over the cells."""
    coords: dict[Hashable, Any] = dict(template.coords)
    for raster in rasters:
        for name, coordinate in raster.coords.items():
            coords.setdefault(name, coordinate)
    if step == NO_STEP:
        return coords
    sizes = dict(zip(template.dims[-2:], (step.rows, step.columns), strict=True))
    return {
        name: coordinate.variable.coarsen(
            {dim: size for dim, size in sizes.items() if dim in coordinate.dims},
            func="mean",
            boundary="trim",
        )
        if any(dim in coordinate.dims for dim in sizes)
        else coordinate
        for name, coordinate in coords.items()
    }


def _attributes(layer: str | None, inherited: dict[str, Any]) -> dict[str, Any]:
    """The input's attributes, less those that said what it was, plus those of the layer."""
    if layer is None:
        return dict(inherited)
    kept = {key: value for key, value in inherited.items() if key not in _SAYS_WHAT_IT_WAS}
    known = LAYERS.get(layer)
    return {**kept, **(known.attributes if known else {})}


def _history(rasters: Sequence[xr.DataArray], title: str) -> str:
    """What was done to the inputs, each step once, and then this."""
    steps: dict[str, None] = {}
    for raster in rasters:
        before = raster.attrs.get(PROCESSING)
        if before:
            steps |= dict.fromkeys(str(before).split(" | "))
    return " | ".join([*steps, title])
