"""What every network begins with: raw bands become channels that it can work with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from zoo.description import Band


class BandStem(nn.Module):
    r"""Bands in their own units, NaN for nodata, to the channels of a network.

    A phase becomes its cosine and sine, so that it has no jump. An elevation becomes its two gradients,
    metres of height per metre of ground: what is the same at sea level and in the Alps. A power becomes decibels
    first. All but phases become

    .. math:: c = (b - m) / s,

    held within ±6, with the constants m and s of the model's file. Where there is no value, channels are 0: for
    a band that is missing, everywhere.

    Parameters
    ----------
    bands
        The bands in their order.
    pixel
        Pixel size in metres, for gradients.
    """

    def __init__(self, bands: Sequence[Band], pixel: float) -> None:
        super().__init__()
        self.roles = tuple(band.role for band in bands)
        self.channels = sum(2 if role in ("phase", "elevation") else 1 for role in self.roles)
        self._pixel = pixel
        for name, values in (
            ("centre", [band.centre for band in bands]),
            ("scale", [band.scale for band in bands]),
        ):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def forward(self, raw: Tensor) -> Tensor:
        """Raw bands (n, bands, y, x) to channels (n, channels, y, x)."""
        channels: list[Tensor] = []
        for number, role in enumerate(self.roles):
            band = raw[:, number]
            if role == "phase":
                channels += [torch.cos(band), torch.sin(band)]
            elif role == "elevation":
                channels += [self._scaled(rise / self._pixel, number) for rise in _gradients(band)]
            elif role == "power":
                channels.append(self._scaled(10.0 * torch.log10(band.clamp(min=_LEAST_POWER)), number))
            else:
                channels.append(self._scaled(band, number))
        return torch.nan_to_num(torch.stack(channels, dim=1), nan=0.0)

    def _scaled(self, band: Tensor, number: int) -> Tensor:
        centre, scale = self.centre[0, number, 0, 0], self.scale[0, number, 0, 0]
        return ((band - centre) / scale).clamp(-_FARTHEST, _FARTHEST)


_FARTHEST = 6.0
_LEAST_POWER = 1e-6


def _gradients(heights: Tensor) -> tuple[Tensor, Tensor]:
    """Rise per pixel down and across (n, y, x), half of that between both neighbours; an edge is its own one."""
    down = torch.cat([heights[:, :1], heights, heights[:, -1:]], dim=1)
    across = torch.cat([heights[:, :, :1], heights, heights[:, :, -1:]], dim=2)
    return (down[:, 2:] - down[:, :-2]) / 2, (across[:, :, 2:] - across[:, :, :-2]) / 2
