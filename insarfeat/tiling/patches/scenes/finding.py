"""Where scenes are found: in memory, in files, in folders of events, in products of processors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insarfeat.errors import InsarfeatError, InvalidArgument, InvalidType, check_exists
from insarfeat.layers import EVENT_BANDS, LAYERS
from insarfeat.tiling.patches.scenes.naming import named

if TYPE_CHECKING:
    import xarray as xr

_PIECE = 256  # pixels: no scene is as small as a patch that somebody has cut
_DEEPEST = 4
_RASTERS = frozenset({".nc", ".nc4", ".tif", ".tiff", ".zarr"})
_PLACE_AT_END = re.compile(r"([ _.-]*(patch|tile|piece|row|col|r|c|x|y)?[ _.-]*\d+)+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A dataset, and what is known of it from where it lay."""

    dataset: xr.Dataset
    name: str
    event: str = ""
    source: str = "a dataset in memory"


def found_in(given: Any) -> Iterator[Found]:
    """All datasets that something holds, in order."""
    import xarray as xr

    if isinstance(given, xr.Dataset):
        yield Found(given, "scene")
    elif isinstance(given, xr.DataArray):
        if given.name is None:
            raise InvalidArgument("the DataArray has no name; say what it is, as in .rename('wrapped_phase')")
        yield Found(given.to_dataset(promote_attrs=True), "scene")
    elif isinstance(given, str | Path):
        yield from _at(Path(given))
    elif isinstance(given, Mapping):
        for name, one in given.items():
            found = list(found_in(one))
            several = len(found) > 1
            yield from (replace(f, name=f"{name}_{f.name}" if several else str(name)) for f in found)
    elif isinstance(given, Sequence) and not isinstance(given, bytes):
        for one in given:
            yield from found_in(one)
    else:
        raise InvalidType(
            f"stack must be a path, a Dataset, a DataArray, or a list or mapping of them; got {type(given).__name__}"
        )


def _at(path: Path) -> Iterator[Found]:
    check_exists(path)
    if path.is_dir() and not _is_zarr(path):
        yield from _in_folder(path, path, _DEEPEST)
        return
    opened = _stack_in(path) if path.suffix.lower() in _RASTERS else None
    if opened is not None:
        yield Found(opened, path.stem, source=path.name)
    else:
        yield from _products_at(path, "")


def _in_folder(place: Path, root: Path, deeper: int) -> Iterator[Found]:
    """Scenes of a folder: stacks, each opened once; or what a reader knows; and those of folders in it."""
    from insarfeat.io.products import reader_of

    event = "" if place == root else place.name
    files = [path for path in _listing(place) if path.suffix.lower() in _RASTERS]
    first = _stack_or_none(files[0]) if files else None
    if first is not None:
        for number, file in enumerate(files):
            opened = _stack_in(file) if number else first
            if opened is None:
                yield from _products_at(file, event)
            else:
                yield _of_stack(opened, file, event)
    elif (reader := reader_of(place)) is not None:
        yield from _products_at(place, event)
        if reader.name != "rasters":
            return
    elif files:
        for file in files:
            yield from _products_at(file, event)
    for inner in _listing(place):
        if inner.is_dir() and not _is_zarr(inner) and deeper:
            yield from _in_folder(inner, root, deeper - 1)


def _listing(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.name[0] != "." and path.suffix != ".partial")


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in ("zarr.json", ".zgroup"))


def _stack_or_none(path: Path) -> xr.Dataset | None:
    """A stack; a file that cannot be opened is left to the reader whose product it may belong to."""
    try:
        return _stack_in(path)
    except InsarfeatError:
        return None


def _stack_in(path: Path) -> xr.Dataset | None:
    """The layers of a file that says itself what they are; None of others, which the readers know."""
    from insarfeat.io.opening import open_stack
    from insarfeat.io.products.parts import open_header

    if path.suffix.lower() in (".tif", ".tiff"):
        with open_header(path) as (_, stored):
            if stored.count == 1 and not stored.tags().get("insarfeat_attributes"):
                return None  # one raster of several files
    opened = named(open_stack(path))
    rasters = [name for name, layer in opened.data_vars.items() if layer.ndim >= 2]
    if "insarfeat_version" in opened.attrs or (len(rasters) > 1 and all(name in LAYERS for name in rasters)):
        return opened
    return None


def _of_stack(opened: xr.Dataset, file: Path, event: str) -> Found:
    """A stack in a folder; the event of nine bands that lie flat is in the name of the file."""
    if not event and set(EVENT_BANDS) <= set(opened.data_vars):
        height, width = opened["landslide"].shape[-2:]
        cut_already = max(height, width) <= _PIECE
        event = _PLACE_AT_END.sub("", file.stem) if cut_already else file.stem
    return Found(opened, _name_in(event, file.stem), event, f"{file.parent.name}/{file.name}")


def _products_at(place: Path, event: str) -> Iterator[Found]:
    """What a reader finds at a place, each pair as a scene of its own."""
    from insarfeat.io.products import open_product, reader_of
    from insarfeat.io.products.wanted import Wanted

    reader = reader_of(place)
    if reader is None:
        open_product(place)  # tells what is wrong
        return
    if reader.name == "mirage":
        event = place.name if place.is_dir() else place.parent.name
    pairs = reader.pairs_of(place)
    for pair in pairs:
        named = pair if len(pairs) > 1 else None
        product: xr.Dataset = reader.read(place, Wanted(pair=named))
        name = named or (pair if reader.name == "mirage" else place.stem if place.is_file() else place.name)
        source = f"{place.name}/{named}" if named else place.name
        yield Found(product.assign_attrs(product=reader.title), _name_in(event, name), event, source)


def _name_in(event: str, name: str) -> str:
    return name if not event or name.lower().startswith(event.lower()) else f"{event}_{name}"
