"""Radar geometry: where the satellite looks from, what it sees of the ground, and where its pixels lie on a map."""

from insarfeat.geometry.arguments import SENTINEL1_WAVELENGTH
from insarfeat.geometry.conventions import (
    los_from_flatsim_enu,
    los_from_flatsim_neu,
    los_from_gmtsar,
    los_from_hyp3,
    los_from_incidence,
    los_from_isce2,
    los_from_isce3,
    los_from_licsar,
    los_from_mintpy,
    los_from_opera,
)
from insarfeat.geometry.geocoding import geocode, radarcode
from insarfeat.geometry.ground_view import CoherenceWeight, ground_view
from insarfeat.geometry.line_of_sight import LineOfSight, ViewingAngles, incidence_and_heading
from insarfeat.geometry.lookups import CoordinateLookup, DopplerLookup
from insarfeat.geometry.maps import map_grid, map_over, map_widened
from insarfeat.geometry.motion import (
    decompose,
    detectable_velocity,
    displacement,
    displacement_deviation,
    downslope_displacement,
    phase,
)
from insarfeat.geometry.orbit import Orbit
from insarfeat.geometry.radar_grid import RadarGrid
from insarfeat.geometry.regridding import regrid
from insarfeat.geometry.sensitivity import coherence_weight, sensitivity_layer
from insarfeat.geometry.slopes import local_incidence, r_index, slope_to_los
from insarfeat.geometry.swath import Footprint, GeolocationGrid, Swath
from insarfeat.geometry.viewing import sight_on_map
from insarfeat.geometry.visibility import shadow_layover

__all__ = [
    "SENTINEL1_WAVELENGTH",
    "CoherenceWeight",
    "CoordinateLookup",
    "DopplerLookup",
    "Footprint",
    "GeolocationGrid",
    "LineOfSight",
    "Orbit",
    "RadarGrid",
    "Swath",
    "ViewingAngles",
    "coherence_weight",
    "decompose",
    "detectable_velocity",
    "displacement",
    "displacement_deviation",
    "downslope_displacement",
    "geocode",
    "ground_view",
    "incidence_and_heading",
    "local_incidence",
    "los_from_flatsim_enu",
    "los_from_flatsim_neu",
    "los_from_gmtsar",
    "los_from_hyp3",
    "los_from_incidence",
    "los_from_isce2",
    "los_from_isce3",
    "los_from_licsar",
    "los_from_mintpy",
    "los_from_opera",
    "map_grid",
    "map_over",
    "map_widened",
    "phase",
    "r_index",
    "radarcode",
    "regrid",
    "sensitivity_layer",
    "shadow_layover",
    "sight_on_map",
    "slope_to_los",
]
