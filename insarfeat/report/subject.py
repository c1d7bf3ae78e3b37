"""What a report is about and what it is made of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from insarfeat.plot._sample import is_raster, stride, with_nan
from insarfeat.report.found import Found

if TYPE_CHECKING:
    from insarfeat.report.blind import BlindSpots


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a report.

    Attributes
    ----------
    title
        Heading, plain text.
    html
        Body, with everything that came from data escaped.
    anchor
        Identifier for links, unique on the page.
    script
        JavaScript that the page runs at its end; without it the section must be readable all the same.
    """

    title: str
    html: str
    anchor: str
    script: str = ""


@dataclass(frozen=True, slots=True)
class Raster:
    """One raster variable with a sample of it in memory.

    Attributes
    ----------
    name
        Name in the dataset.
    whole
        The variable, possibly lazy: for shape, type, coordinates and attributes.
    sample
        Two-dimensional, in memory, thinned to a few million values at most.
    choice
        Which slice of the leading dims the sample shows, empty where there are none.
    step
        The sample holds every ``step``-th row and column.
    """

    name: str
    whole: xr.DataArray
    sample: xr.DataArray
    choice: str
    step: int

    @property
    def values(self) -> npt.NDArray[Any]:
        """Sample with NaN for no data."""
        return with_nan(self.sample)

    @property
    def valid_share(self) -> float:
        """Part of the sample that has data, 0 to 1."""
        return float(np.isfinite(self.values).mean())


@dataclass(frozen=True, slots=True)
class Subject:
    """A dataset with samples of its rasters, which every section shares so that lazy data are read once.

    Attributes
    ----------
    dataset
        As it was given.
    rasters
        Its raster variables in their order.
    detections
        What was found in it.
    blind_spots
        Maps of where nothing could have been found.
    """

    dataset: xr.Dataset
    rasters: tuple[Raster, ...]
    detections: tuple[Found, ...] = ()
    blind_spots: tuple[BlindSpots, ...] = ()

    @classmethod
    def of(cls, dataset: xr.Dataset, results: Iterable[Found | BlindSpots] = ()) -> Subject:
        """Read the samples of all rasters of a dataset in one computation.

        >>> dataset = xr.Dataset({"slope": (("time", "y", "x"), np.zeros((3, 2, 2))), "note": ((), 1)})
        >>> [(raster.name, raster.choice, raster.sample.shape) for raster in Subject.of(dataset).rasters]
        [('slope', 'time 1 of 3', (2, 2))]
        """
        wholes = {str(name): layer for name, layer in dataset.data_vars.items() if is_raster(layer)}
        chosen: dict[Hashable, int | slice] = {}
        for layer in wholes.values():
            chosen |= dict.fromkeys(layer.dims[:-2], 0)
            chosen |= dict.fromkeys(layer.dims[-2:], slice(None, None, stride(layer)))
        samples = dataset[list(wholes)].isel(chosen, drop=True).compute()
        rasters = (
            Raster(name, layer, samples[name], _choice(layer), stride(layer))
            for name, layer in wholes.items()
        )
        given = tuple(results)
        found = tuple(one for one in given if isinstance(one, Found))
        return cls(dataset, tuple(rasters), found, tuple(one for one in given if not isinstance(one, Found)))

    def named(self, name: str) -> Raster | None:
        """Return the raster of this name, None where there is none."""
        return next((raster for raster in self.rasters if raster.name == name), None)


def _choice(layer: xr.DataArray) -> str:
    leading = layer.dims[:-2]
    return ", ".join(f"{dim} 1 of {layer.sizes[dim]}" for dim in leading)
