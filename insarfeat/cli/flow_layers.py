"""The layers of flow that the verb ``terrain`` computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

NAMES = (
    "filled",
    "flow_direction",
    "flow_accumulation",
    "flow_contamination",
    "specific_catchment_area",
    "twi",
    "wetness_index",
    "basins",
    "streams",
)
SIZED = ("specific_catchment_area", "twi", "wetness_index")
"""Layers that need lengths on the ground."""

_ROUTED = ("flow_accumulation", "flow_contamination", "specific_catchment_area", "twi", "streams")


@dataclass(frozen=True, slots=True)
class Flow:
    """What the options say of flow; None where nothing was said."""

    routing: str | None = None
    voids: str | None = None
    cells: float | None = None
    breach: bool = False

    def check(self, names: list[str]) -> None:
        """Refuse layers asked for twice, options that none of them takes, and streams without a size."""
        for name in names:
            if names.count(name) > 1:
                raise typer.BadParameter(f"{name!r} is asked for twice", param_hint="--layers")
        for option, given, takers in (
            ("--routing", self.routing, _ROUTED),
            ("--voids", self.voids, NAMES),
            ("--stream-cells", self.cells, ("streams",)),
            ("--breach", self.breach or None, ("filled",)),
        ):
            if given is not None and not set(takers) & set(names):
                raise typer.BadParameter(
                    f"it is for {', '.join(takers)}; add one of them to --layers, or leave it out",
                    param_hint=option,
                )
        if "streams" in names and self.cells is None:
            raise typer.BadParameter(
                "streams need the least number of cells upslope, as --stream-cells 1000",
                param_hint="--layers",
            )

    def layer(self, name: str, elevation: Any, resolution: Any) -> Any:
        """Compute one."""
        from insarfeat import terrain

        options: dict[str, Any] = {} if self.voids is None else {"voids": self.voids}
        if name == "filled":
            return terrain.fill_depressions(elevation, breach=self.breach, **options)
        if name in _ROUTED and self.routing is not None:
            options["method"] = self.routing
        if name == "streams":
            options["cells"] = self.cells
        return getattr(terrain, name)(elevation, resolution=resolution, **options)
