"""The frame of a Zarr group: what an earlier try left is not delivered."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from insarfeat.io.zarr_group import consolidate


def test_what_zarr_was_writing_when_it_was_killed_is_swept_away(tmp_path: Path) -> None:
    group = tmp_path / "group.zarr"
    xr.Dataset({"slope": ("x", [1.0, 2.0])}).to_zarr(group, consolidated=False)
    whole = sorted(path.relative_to(group) for path in group.rglob("*"))
    torn = group / "slope" / "c" / "0.ca480fb19fe9440b92b450703614d21a.partial"  # zarr's own way to name it
    torn.write_bytes(b"half")
    consolidate(group)
    assert sorted(path.relative_to(group) for path in group.rglob("*")) == whole
    assert xr.open_zarr(group)["slope"].values.tolist() == [1.0, 2.0]
