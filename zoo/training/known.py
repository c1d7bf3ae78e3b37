"""The recipes that the zoo has: those of the documents, and those of the models that it ships.

What is said of a document's training follows the document; what it leaves open is ours, and is marked so here. All of
them start from random weights.
"""

from __future__ import annotations

from typing import Any, Final

_Content = dict[str, Any]


def _phase() -> _Content:
    return {"name": "wrapped_phase", "role": "phase"}


def _value(name: str, centre: float, scale: float, *, required: bool = True) -> _Content:
    return {"name": name, "centre": centre, "scale": scale, "required": required}


def _elevation(*, required: bool = True) -> _Content:
    """Its gradients: on mountains, a third is a usual one."""
    return {"name": "elevation", "role": "elevation", "scale": 0.3, "required": required}


def _event_bands(*, required: bool = True) -> tuple[_Content, ...]:
    """The seven bands of the event stack. Centres and scales are about those of synthetic tiles."""
    return (
        _phase(),
        _value("coherence", 0.45, 0.23),
        {"name": "intensity", "role": "power", "centre": 0.0, "scale": 5.0, "required": required},
        _elevation(required=required),
        _value("displacement", 0.0, 0.035, required=required),
        _value("unwrapped_phase", 0.0, 8.0, required=required),
        _value("local_incidence", 37.5, 15.0, required=required),
    )


def _detection_bands(*, required: bool = True) -> tuple[_Content, ...]:
    """The three bands of the detection stack; the composite is 0 on average by its making."""
    return (
        _phase(),
        _value("sensitivity", 0.15, 0.16, required=required),
        _value("terrain_pc1", 0.0, 1.6, required=required),
    )


def _event(network: str, sigma: float) -> _Content:
    """Benotto (2026), chapter 5: 30 m pixels, 256 x 256 patches, masked cross-entropy over valid pixels.

    The weight decay is that of AdamW where nothing is said.
    """
    return {
        "network": network,
        "bands": _event_bands(),
        "classes": ("landslide",),
        "pixel": 30.0,
        "least_pixel": 25.0,
        "largest_pixel": 35.0,
        "patch": 256,
        "batch": 32,
        "epochs": 100,
        "batches": 26,  # its 830 training patches
        "optimizer": {"name": "adamw", "learning_rate": 5e-5, "weight_decay": 0.01},
        "schedule": {"name": "cosine"},
        "loss": {"sigma": sigma},
        "shares": (0.1, 0.5, 0.3, 0.1),
        "augmentation": {"turns": True},
    }


def _alps(network: str) -> _Content:
    """Dasser et al. (2026): U-Net++ on the wrapped phase of the Swiss Alps, over 1,000 outlines.

    The reviews and the abstract that we have tell the network, the input and that augmentation was extensive, to
    which the positive weight answers an imbalance that they name. Rates, sizes and epochs are ours.
    """
    return {
        "network": network,
        "bands": (_phase(),),
        "classes": ("landslide",),
        "pixel": 15.0,
        "least_pixel": 10.0,
        "largest_pixel": 20.0,
        "patch": 256,
        "batch": 16,
        "epochs": 100,
        "batches": 65,
        "patience": 20,
        "optimizer": {"name": "adam", "learning_rate": 3e-4, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warm_up": 1.0},
        "loss": {"positive_weight": 3.0, "dice": 0.5},
        "augmentation": {"turns": True, "phase_offset": 1.0, "phase_sign": 0.5},
    }


_CARRIES_OVER = {
    "phase_offset": 1.0,
    "phase_sign": 0.5,
    "turns": True,
    "dropout": 0.2,
    "bare": 0.25,
    "edge": 0.3,
    "level": 15.0,
    "gain": 0.15,
    "offset": 0.3,
}

KNOWN: Final[dict[str, _Content]] = {
    # Mondini et al. (2026), section 3.4. Rate, batch and the size of crops, gains and offsets are ours; the rate is
    # said to decay smoothly, and training stopped at epoch 631.
    "mirage-yolo": {
        "network": "yolo-v3",
        "options": {"width": 1.0, "depth": 1.0, "strides": (8, 16, 32)},
        "bands": _detection_bands(),
        "classes": ("CF", "CS", "FS", "AR"),
        "pixel": 15.0,
        "least_pixel": 10.0,
        "largest_pixel": 20.0,
        "patch": 160,
        "batch": 16,
        "epochs": 1000,
        "batches": 37,  # its 579 training tiles
        "patience": 30,
        "watch": "loss",
        "optimizer": {"name": "adam", "learning_rate": 1e-4, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warm_up": 3.0},
        "augmentation": {"turns": True, "crop": 0.2, "gain": 0.1, "offset": 0.1},
        "anchors": "k-means",
    },
    "event-segformer-b2": _event("segformer-b2", 5.0),
    "event-segformer-b3": _event("segformer-b3", 0.0),
    "event-unet": _event("unet-resnet34", 0.0),
    "event-upernet": _event("upernet-convnext-tiny", 0.0),
    "alps-unet++": _alps("unet++-resnet18"),
    "alps-unet++-attention": _alps("unet++-resnet18-attention"),
    # Phase and coherence come with every interferogram. All else may be missing, and is: each band in a fifth of the
    # samples, and all but the elevation in a quarter.
    "segformer-b0-synth": {
        "network": "segformer-b0",
        "bands": (*_event_bands(required=False), _value("sensitivity", 0.15, 0.16, required=False)),
        "classes": ("landslide",),
        "pixel": 20.0,
        "pixels": (15.0, 25.0, 30.0),
        "least_pixel": 12.5,
        "largest_pixel": 35.0,
        "patch": 160,
        "batch": 16,
        "epochs": 6,
        "batches": 1500,  # as many as 24,000 stored tiles are
        "patience": 15,
        "optimizer": {"name": "adamw", "learning_rate": 6e-4, "weight_decay": 0.01, "clip": 1.0},
        "schedule": {"name": "cosine", "warm_up": 1.0},
        "loss": {"dice": 0.5},
        "augmentation": _CARRIES_OVER,
    },
    # The composite of terrain is made for 15 m alone, and tells the network of the ground what it may be told; the
    # elevation gives the direction of the slope, which the composite does not have. Classes: those of MIRAGE, the
    # slides of events, and artefacts, so that look-alikes have a name of their own.
    "yolo-s-synth": {
        "network": "yolo-v3",
        "options": {"width": 0.375, "depth": 0.5, "strides": (4, 8, 16)},
        "bands": (
            *_detection_bands(required=False),
            _value("coherence", 0.45, 0.23),
            _elevation(required=False),
        ),
        "classes": ("CF", "CS", "FS", "DG", "RG", "DS", "RS", "PR", "TA", "EV", "AR"),
        "pixel": 15.0,
        "pixels": (20.0, 12.5),
        "least_pixel": 10.0,
        "largest_pixel": 20.0,
        "patch": 160,
        "batch": 16,
        "epochs": 7,
        "batches": 1500,  # as many as 24,000 stored tiles are
        "patience": 15,
        "optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01, "clip": 10.0},
        "schedule": {"name": "cosine", "warm_up": 1.0},
        "augmentation": _CARRIES_OVER,
        "anchors": "k-means",
    },
}
"""What each recipe holds, by its name."""
