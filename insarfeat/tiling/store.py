"""Rasters on disk that many tiles write at once: sharded Zarr, one shard per tile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, UnreadableInput
from insarfeat.io.zarr_chunks import ChunkedArray
from insarfeat.layers import fill_value
from insarfeat.windows import Window

SMALL_TILE = 512
"""Tiles up to this size are one chunk; larger ones are shards of chunks of 512 or 256 pixels."""


def inner_chunk(tile: int) -> int:
    """Side of the chunks inside a shard: what a reader must decode to get one pixel.

    >>> inner_chunk(2048), inner_chunk(768), inner_chunk(100)
    (512, 256, 100)
    """
    if tile <= SMALL_TILE:
        return tile
    for side in (512, 256):
        if tile % side == 0:
            return side
    raise InvalidArgument(f"tile must be at most {SMALL_TILE} pixels or a multiple of 256; got {tile}")


@dataclass(frozen=True, slots=True)
class StoredRaster:
    """A raster in a Zarr group: a window can be written by one task while others write theirs."""

    folder: Path
    name: str
    run: str  # told apart from an earlier raster at the same place, which may still be open

    @classmethod
    def create(
        cls,
        folder: Path,
        name: str,
        run: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        tile: int,
        dims: tuple[str, ...] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> StoredRaster:
        """Make an empty raster, all of it nodata."""
        import zarr
        from zarr.codecs import BloscCodec

        lead = (1,) * (len(shape) - 2)
        zarr.create_array(
            store=folder / name,
            shape=shape,
            chunks=(*lead, inner_chunk(tile), inner_chunk(tile)),
            shards=(*lead, tile, tile),
            dtype=dtype,
            # Shuffled bytes pack better; on noisy floats zstd would gain little over lz4, for more time.
            compressors=BloscCodec(cname="lz4", clevel=1, shuffle="shuffle", typesize=dtype.itemsize),
            fill_value=fill_value(dtype),
            dimension_names=dims,
            attributes=dict(attributes or {}),
            overwrite=True,
        )
        return cls(folder, name, run)

    def write(self, lead: tuple[int, ...], window: Window, pixels: NDArray[Any]) -> None:
        """Write a window that is a whole tile, or cut by the raster's edge."""
        self._array[(*lead, *window.slices)] = pixels

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions, height, width."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self._array.dtype)
        return dtype.newbyteorder("=")

    @property
    def token(self) -> str:
        """Same token, same pixels, once the run is through."""
        return f"stored-{self.run}-{self.folder.name}-{self.name}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"intermediate result {self.name}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        try:
            direct = _direct(self)
            return (
                np.asarray(self._array[(*lead, *window.slices)])
                if direct is None
                else direct.read(lead, window)
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise UnreadableInput(f"stored raster {self.name} is damaged: {error}") from error

    @property
    def _array(self) -> Any:
        return _open(self)


@lru_cache(maxsize=512)
def _direct(raster: StoredRaster) -> ChunkedArray | None:
    return ChunkedArray.of(raster.folder / raster.name)


@lru_cache(maxsize=512)
def _open(raster: StoredRaster) -> Any:
    import zarr

    return zarr.open_array(raster.folder / raster.name, mode="r+")
