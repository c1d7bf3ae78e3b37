"""Every canonical layer of one synthetic scene, for its picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

import insarfeat
from insarfeat import filters, geometry, terrain, tiling

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Radar": (
        "image", "intensity", "interferogram", "wrapped_phase", "coherence", "temporal_coherence", "phase_deviation",
        "unwrapped_phase", "connected_components",
    ),
    "Motion": (
        "displacement", "displacement_deviation", "velocity", "velocity_deviation", "downslope_displacement",
        "slowest_velocity", "fastest_velocity", "displacement_east", "displacement_up", "displacement_east_deviation",
        "displacement_up_deviation", "displacement_covariance",
    ),
    "Looking": (
        "incidence", "heading", "los_east", "los_north", "los_up", "local_incidence", "slope_to_los", "r_index",
        "coherence_weight", "sensitivity", "signed_sensitivity", "shadow_layover",
    ),
    "Ground": (
        "elevation", "latitude", "longitude", "slope", "aspect", "profile_curvature", "plan_curvature",
        "tangential_curvature", "general_curvature", "hillshade", "convexity", "tri", "roughness", "local_relief",
        "topographic_position", "terrain_pc1",
    ),
    "Water": (
        "filled", "flow_direction", "flow_azimuth", "flow_accumulation", "specific_catchment_area",
        "flow_contamination", "basins", "streams", "twi", "wetness_index", "water",
    ),
    "Landslides and validity": ("landslide", "landslide_probability", "valid_mask", "invalid_causes"),
}  # fmt: skip
"""Names of all layers, as a reader looks for them."""

MAKERS: Mapping[str, str] = {
    "image": "insarfeat.bursts.deburst",
    "interferogram": "insarfeat.filters.interferogram",
    "wrapped_phase": "insarfeat.filters.filtered_phase",
    "unwrapped_phase": "insarfeat.filters.unwrap",
    "connected_components": "insarfeat.filters.unwrap",
    "slowest_velocity": "insarfeat.geometry.detectable_velocity",
    "fastest_velocity": "insarfeat.geometry.detectable_velocity",
    "displacement_east": "insarfeat.geometry.decompose",
    "displacement_up": "insarfeat.geometry.decompose",
    "displacement_east_deviation": "insarfeat.geometry.decompose",
    "displacement_up_deviation": "insarfeat.geometry.decompose",
    "displacement_covariance": "insarfeat.geometry.decompose",
    "los_east": "insarfeat.geometry.los_from_incidence",
    "los_north": "insarfeat.geometry.los_from_incidence",
    "los_up": "insarfeat.geometry.los_from_incidence",
    "sensitivity": "insarfeat.geometry.sensitivity_layer",
    "signed_sensitivity": "insarfeat.geometry.sensitivity_layer",
    "filled": "insarfeat.terrain.fill_depressions",
    "flow_azimuth": "insarfeat.terrain.flow_direction",
    "landslide": "insarfeat.inventory.rasterize",
    "landslide_probability": "zoo.MaskModel.predict",
}
"""Functions that make a layer of another name than their own."""

READ = (
    "elevation", "latitude", "longitude", "incidence", "heading", "velocity", "velocity_deviation",
    "temporal_coherence", "water",
)  # fmt: skip
"""Layers that come with products or from other sources, for which :func:`insarfeat.open_product` is to be asked."""


def all_layers(side: int = 320) -> dict[str, xr.DataArray]:
    """Compute every layer on a synthetic scene; what nothing here makes is put in as a product would have it."""
    scene = insarfeat.synth.scene(seed=2, size=side, style="images").load()
    dem, coherence = scene["elevation"], filters.coherence(scene["primary"], scene["secondary"])
    found: dict[str, xr.DataArray] = {"image": scene["primary"], "elevation": dem, "coherence": coherence}
    found |= _phase(scene, coherence)
    found |= _looking(scene, found)
    found |= _motion(scene, found)
    found |= _ground(dem)
    found |= _rest(scene, found)
    return {name: _named(layer, name) for name, layer in found.items()}


def _phase(scene: xr.Dataset, coherence: xr.DataArray) -> dict[str, xr.DataArray]:
    ifg = filters.interferogram(scene["primary"], scene["secondary"])
    unwrapped = filters.unwrap(filters.goldstein(ifg), coherence, looks=20)
    return {
        "intensity": filters.intensity(scene["primary"]),
        "interferogram": filters.multilook(ifg, looks=(2, 2)),
        "wrapped_phase": filters.filtered_phase(ifg),
        "phase_deviation": filters.phase_deviation(coherence, looks=20),
        "temporal_coherence": filters.coherence(scene["primary"], scene["secondary"], window=(9, 9)),
        "unwrapped_phase": unwrapped.phase,
        "connected_components": unwrapped.components,
    }


def _looking(scene: xr.Dataset, found: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    dem, incidence, heading = scene["elevation"], scene["incidence"], scene["heading"]
    slope, aspect = terrain.slope(dem), terrain.aspect(dem)
    east, north, up = geometry.los_from_incidence(incidence, heading)
    to_los = geometry.slope_to_los(slope, aspect, incidence, heading)
    steep = geometry.shadow_layover(dem * 3, 39.0, -12.0)  # the scene's own hills are too gentle for either
    return {
        "incidence": incidence,
        "heading": heading,
        "los_east": east,
        "los_north": north,
        "los_up": up,
        "local_incidence": geometry.local_incidence(slope, aspect, incidence, heading),
        "slope_to_los": to_los,
        "r_index": geometry.r_index(slope, aspect, incidence, heading),
        "coherence_weight": geometry.coherence_weight(found["coherence"]),
        "sensitivity": geometry.sensitivity_layer(found["coherence"], to_los),
        "signed_sensitivity": geometry.sensitivity_layer(found["coherence"], to_los, signed=True),
        "shadow_layover": steep,
    }


def _motion(scene: xr.Dataset, found: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    wavelength, days = scene.attrs["wavelength"], scene.attrs["baseline_days"]
    moved = geometry.displacement(found["unwrapped_phase"], wavelength=wavelength)
    deviation = geometry.displacement_deviation(found["phase_deviation"], wavelength=wavelength)
    speeds = geometry.detectable_velocity(found["slope_to_los"], baseline=days, wavelength=wavelength)
    sights = [geometry.los_from_incidence(39.0, heading) for heading in (-12.0, -168.0)]
    # The same scene from the other side, as if half of the motion were downward.
    opposite = -0.3 * moved
    apart = geometry.decompose([moved, opposite], sights, deviations=[deviation, 1.5 * deviation])
    return {
        "displacement": moved,
        "displacement_deviation": deviation,
        "velocity": moved * (365.25 / days),
        "velocity_deviation": deviation * (365.25 / days),
        "downslope_displacement": geometry.downslope_displacement(moved, found["slope_to_los"]),
        **{name: speeds[name] for name in ("slowest_velocity", "fastest_velocity")},
        **{str(name): layer for name, layer in apart.data_vars.items()},
    }


def _ground(dem: xr.DataArray) -> dict[str, xr.DataArray]:
    names = [name for name in GROUPS["Ground"] if name in terrain.__all__ and name != "terrain_pc1"]
    alone = (
        "terrain_pc1", "flow_accumulation", "specific_catchment_area", "flow_contamination", "basins", "twi",
        "wetness_index", "flow_direction",
    )  # fmt: skip
    return {
        **{str(name): layer for name, layer in terrain.attributes(dem, names).data_vars.items()},
        **{name: getattr(terrain, name)(dem) for name in alone},
        "filled": terrain.fill_depressions(dem),
        "flow_azimuth": terrain.flow_direction(dem, method="dinf"),
        "streams": terrain.streams(dem, cells=400),
    }


def _rest(scene: xr.Dataset, found: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    import zoo

    rows, columns = (np.arange(size, dtype="f4") for size in found["elevation"].shape)
    across = found["elevation"] * 0 + columns[None, :]
    down = found["elevation"] * 0 + rows[:, None]
    water = (found["flow_accumulation"] > 6000).astype("u1")
    rules = tiling.ValidityRules(min_coherence=0.3)
    causes = tiling.invalid_causes(
        xr.Dataset({"coherence": found["coherence"], "shadow_layover": found["shadow_layover"]}),
        water=water,
        rules=rules,
    )
    predicted = zoo.load("segformer-b0-synth-v1").predict(scene)
    return {
        "latitude": 44.4 - down * (20.0 / 111_000),
        "longitude": 9.0 + across * (20.0 / 79_000),
        "water": water,
        "landslide": scene["landslide"],
        "landslide_probability": predicted["landslide_probability"].compute(),
        "invalid_causes": causes,
        "valid_mask": tiling.valid_mask(causes),
    }


def _named(layer: xr.DataArray, name: str) -> xr.DataArray:
    """The layer under its own name, with nothing that arithmetic handed on from another one."""
    known = insarfeat.layers.LAYERS[name].attributes
    kept = {key: value for key, value in layer.attrs.items() if key in ("grid_mapping", "crs")}
    renamed = layer.rename(name)
    renamed.attrs = {**kept, **known}
    return renamed
