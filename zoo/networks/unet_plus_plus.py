"""U-Net++ with a ResNet-18 as its encoder, with and without attention in the decoder."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.networks.blocks import MaskNetwork, initialise_kaiming, initialise_output
from zoo.networks.resnet import WIDTHS, ResNet
from zoo.networks.unet import DECODER_WIDTHS, DecoderNode


class UNetPlusPlus(MaskNetwork):
    """U-Net++ with a ResNet-18 encoder: 15.7 M parameters at 3 channels and 1 class, 15.8 M with attention.

    Between the encoder and the outermost path lie nodes that are linked densely. Node (i, j), at level i (1/2 of
    the resolution at i = 0, half of that at each further one), sees all nodes (i, 0) to (i, j - 1) of its level,
    of which (i, 0) is the encoder's map, and node (i + 1, j - 1) doubled in size. Ten nodes are needed for five
    levels, and one more brings the last of them to full resolution. Levels have 32, 64, 128 and 256 channels, as
    in the paper. Only the last node gives logits (no deep supervision).

    Parameters
    ----------
    channels, classes
        Channels of the input, logits of the output.
    attention
        Whether maps pass a concurrent spatial and channel excitation (scSE) behind each node.

    References
    ----------
    Zhou et al. (2018), UNet++: a nested U-Net architecture for medical image segmentation, DLMIA. Roy et al.
    (2018), Concurrent spatial and channel 'squeeze & excitation' in fully convolutional networks, MICCAI.
    """

    def __init__(self, channels: int, classes: int, *, attention: bool = False) -> None:
        super().__init__()
        self.encoder = ResNet(channels, 18)
        full, *widths = DECODER_WIDTHS
        self.nodes = nn.ModuleDict()
        for level, column in _nodes():
            # The encoder's map, the nodes before this one, and what comes from below.
            below = widths[level + 1] if column > 1 else WIDTHS[level + 1]
            inputs = WIDTHS[level] + (column - 1) * widths[level] + below
            self.nodes[f"{level},{column}"] = _node(inputs, widths[level], attention)
        self.last = _node(widths[0], full, attention)
        self.classify = nn.Conv2d(full, classes, 3, padding=1)
        initialise_kaiming(self.nodes)
        initialise_kaiming(self.last)
        initialise_output(self.classify)

    def padded_logits(self, images: Tensor) -> Tensor:
        """Logits of images whose sides are multiples of 32."""
        levels: list[list[Tensor]] = [[maps] for maps in self.encoder(images)]
        for level, column in _nodes():
            below = levels[level + 1][column - 1]
            levels[level].append(self.nodes[f"{level},{column}"](below, *levels[level]))
        logits: Tensor = self.classify(self.last(levels[0][-1]))
        return logits


class SpatialChannelExcitation(nn.Module):
    r"""Attention that weighs channels by what the whole map shows, and pixels by what they show themselves.

    .. math:: y = x \, \sigma(W_2 \max(W_1 \bar x, 0)) + x \, \sigma(w x)

    with the mean over the map :math:`\bar x`, which is halved in width by :math:`W_1`.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channels = nn.Sequential(
            nn.Conv2d(width, width // 2, 1), nn.ReLU(), nn.Conv2d(width // 2, width, 1), nn.Sigmoid()
        )
        self.pixels = nn.Sequential(nn.Conv2d(width, 1, 1), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """Weigh maps (n, width, y, x)."""
        weighed: Tensor = maps * (self.channels(maps.mean(dim=(2, 3), keepdim=True)) + self.pixels(maps))
        return weighed


def _nodes() -> list[tuple[int, int]]:
    """Levels and columns of the nodes, each after those that it needs."""
    levels = len(WIDTHS) - 1
    return [(level, column) for column in range(1, levels + 1) for level in range(levels - column + 1)]


def _node(channels: int, width: int, attention: bool) -> DecoderNode:
    node = DecoderNode(channels, width)
    if attention:
        node.convolutions.append(SpatialChannelExcitation(width))
    return node
