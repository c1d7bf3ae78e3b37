"""Networks by name, each written out here after its paper.

Nothing heavy is imported before a network is built. To add one, write its module and one line in
:data:`NETWORKS`: a class that takes ``channels`` and ``classes`` and, if need be, options.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from insarfeat.errors import InvalidArgument, missing_extra, suggestion

if TYPE_CHECKING:
    from torch import nn

    from zoo.networks.assembly import assembled

__all__ = ["NETWORKS", "Network", "assembled", "build_network"]


@dataclass(frozen=True, slots=True)
class Network:
    """A kind of network.

    Attributes
    ----------
    name
        What it is called in :data:`NETWORKS`.
    task
        "masks": logits (n, classes, y, x) at the size of the input. "boxes": raw maps, one for each stride.
    build
        Called with channels, classes and options, it returns the network.
    multiple
        Rows and columns of its input are multiples of this: networks for masks pad others inside, those for
        boxes refuse them.
    summary, reference
        What it is, and where it was published.
    """

    name: str
    task: Literal["masks", "boxes"]
    build: Callable[..., nn.Module]
    multiple: int
    summary: str
    reference: str


def build_network(name: str, channels: int, classes: int, **options: Any) -> nn.Module:
    """Build a network with weights to start a training from.

    Parameters
    ----------
    name
        One of :data:`NETWORKS`.
    channels
        Channels of its input, as many as the stem gives.
    classes
        What it tells apart.
    options
        Of "yolo-v3": ``anchors``, ``width``, ``depth``, ``strides``; the others have none.

    Raises
    ------
    InvalidArgument
        The name or an option is not known, or a number is not positive.
    MissingExtra
        Torch is not installed.
    """
    if name not in NETWORKS:
        raise InvalidArgument(
            f"name must be one of {', '.join(NETWORKS)}; got {name!r}{suggestion(name, NETWORKS)}"
        )
    for word, value in (("channels", channels), ("classes", classes)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidArgument(f"{word} must be a whole number of at least 1; got {value!r}")
    return NETWORKS[name].build(channels, classes, **options)


def _late(module: str, network: str, **fixed: Any) -> Callable[..., nn.Module]:
    """Builder of a network whose module is imported when it is called."""

    def build(channels: int, classes: int, **options: Any) -> nn.Module:
        try:
            kind = getattr(importlib.import_module(f"{__name__}.{module}"), network)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise missing_extra("networks", "zoo") from error
        known = [
            word for word in inspect.signature(kind).parameters if word not in ("channels", "classes", *fixed)
        ]
        for option in options:
            if option not in known:
                takes = f"takes {', '.join(known)}" if known else "takes no options"
                raise InvalidArgument(f"{network} {takes}; got {option!r}{suggestion(option, known)}")
        built: nn.Module = kind(channels, classes, **fixed, **options)
        return built

    return build


def __getattr__(name: str) -> Any:
    if name == "assembled":
        from zoo.networks.assembly import assembled

        return assembled
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_SEGFORMER = "Xie et al. (2021), SegFormer, NeurIPS"
_YOLO = "Redmon & Farhadi (2018), YOLOv3, arXiv:1804.02767"
_UNET = "Ronneberger et al. (2015), U-Net, MICCAI; He et al. (2016), Deep residual learning, CVPR"
_NESTED = "Zhou et al. (2018), UNet++, DLMIA; He et al. (2016), Deep residual learning, CVPR"
_SCSE = _NESTED + "; Roy et al. (2018), Concurrent spatial and channel squeeze & excitation, MICCAI"
_UPERNET = (
    "Xiao et al. (2018), Unified perceptual parsing, ECCV; Liu et al. (2022), A ConvNet for the 2020s, CVPR"
)

# fmt: off
NETWORKS: Mapping[str, Network] = MappingProxyType({network.name: network for network in (
    Network("segformer-b0", "masks", _late("segformer", "SegFormer", size="b0"), 32, "SegFormer MiT-B0", _SEGFORMER),
    Network("segformer-b1", "masks", _late("segformer", "SegFormer", size="b1"), 32, "SegFormer MiT-B1", _SEGFORMER),
    Network("segformer-b2", "masks", _late("segformer", "SegFormer", size="b2"), 32, "SegFormer MiT-B2", _SEGFORMER),
    Network("segformer-b3", "masks", _late("segformer", "SegFormer", size="b3"), 32, "SegFormer MiT-B3", _SEGFORMER),
    Network("yolo-v3", "boxes", _late("yolo", "YoloV3"), 32, "YOLOv3 on Darknet-53, of any width and depth", _YOLO),
    Network("unet-resnet34", "masks", _late("unet", "UNet"), 32, "U-Net on ResNet-34", _UNET),
    Network("unet++-resnet18", "masks", _late("unet_plus_plus", "UNetPlusPlus", attention=False), 32,
            "U-Net++ on ResNet-18", _NESTED),
    Network("unet++-resnet18-attention", "masks", _late("unet_plus_plus", "UNetPlusPlus", attention=True), 32,
            "U-Net++ on ResNet-18 with scSE attention", _SCSE),
    Network("upernet-convnext-tiny", "masks", _late("upernet", "UPerNet"), 32, "UPerNet on ConvNeXt-tiny", _UPERNET),
)})
# fmt: on
"""All networks by their names."""
