"""What a caller wants of a product, and what a caller states where the product itself is silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from insarfeat.errors import InvalidArgument, suggestion

PhaseSign = Literal["primary x conj(secondary)", "secondary x conj(primary)"]


@dataclass(frozen=True, slots=True)
class Stated:
    """What nobody can tell from a plain raster, stated once by who knows it.

    Attributes
    ----------
    layers
        Canonical name of each raster, by the name of its file or of its band: ``{"phi_vv": "wrapped_phase"}``.
        Rasters that are not named keep the name they have.
    nodata
        Number that stands for nodata in all of them, beside what the files declare.
    phase_sign
        Of which product the phase is.
    primary, secondary
        Dates, as ``"2023-09-04"``.

    Examples
    --------
    >>> Stated(layers={"phi": "wrapped_phase"}, nodata=-9999.0).phase_sign
    'primary x conj(secondary)'
    """

    layers: dict[str, str] = field(default_factory=dict)
    nodata: float | None = None
    phase_sign: PhaseSign = "primary x conj(secondary)"
    primary: str | None = None
    secondary: str | None = None

    def __post_init__(self) -> None:
        if self.phase_sign not in get_args(PhaseSign):
            raise InvalidArgument(
                f"phase_sign must be {' or '.join(map(repr, get_args(PhaseSign)))}; got {self.phase_sign!r}"
                f"{suggestion(self.phase_sign, get_args(PhaseSign))}"
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants of a product that holds several things."""

    pair: str | None = None
    polarisation: str | None = None
    swath: str | None = None
    stated: Stated | None = None

    def choose(self, what: str, there: Sequence[str], product: str) -> str:
        """The one of ``polarisation`` or ``swath`` that was asked for, or the only one there is.

        >>> Wanted(polarisation="vv").choose("polarisation", ["VV", "VH"], "it")
        'VV'
        """
        asked = getattr(self, what)
        if asked is None:
            if len(there) == 1:
                return there[0]
            raise InvalidArgument(
                f"{product} holds several of {what}: name one with {what}=, of {', '.join(there)}"
            )
        for one in there:
            if one.lower() == str(asked).lower():
                return one
        raise InvalidArgument(
            f"{what} {asked!r} is not in {product}{suggestion(asked, there)}; it holds {', '.join(there) or 'none'}"
        )
