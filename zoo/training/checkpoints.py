"""Where a training stands, on disk: one safetensors file, which is whole at any time, and no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from insarfeat.errors import UnreadableInput
from zoo.description import ModelDescription
from zoo.training.log import Row, replace

NAME = "checkpoint.safetensors"

_FORMAT = "1"
_KEY = "insarfeat_checkpoint"
_NETWORK, _OPTIMIZER = "network/", "optimizer/"


@dataclass(slots=True)
class Standing:
    """How far a training has come.

    Attributes
    ----------
    epoch, batch
        Epochs that are done, and steps of the next one.
    sums
        Losses summed over the steps of the epoch that is under way.
    seconds
        That this epoch has taken so far.
    best, best_epoch
        Best value of what is watched, and the epoch, from 1, that it is of; 0 for none yet.
    finished
        Whether nothing is left to do.
    rows
        The log.
    """

    epoch: int = 0
    batch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    finished: bool = False
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is needed to go on.

    Attributes
    ----------
    standing
        How far it has come.
    recipe
        Content of the recipe that it follows.
    data
        What the data looked like.
    description
        The model, as far as it is known before validation.
    network
        State of the network.
    optimizer
        State of the optimizer: for each weight, its tensors by name.
    """

    standing: Standing
    recipe: dict[str, Any]
    data: dict[str, Any]
    description: ModelDescription
    network: dict[str, Tensor]
    optimizer: dict[int, dict[str, Tensor]]

    def write(self, path: Path) -> None:
        """Write it; what stood there is replaced when the new one is whole."""
        tensors = {_NETWORK + name: tensor for name, tensor in self.network.items()}
        for number, state in self.optimizer.items():
            tensors |= {f"{_OPTIMIZER}{number}/{name}": tensor for name, tensor in state.items()}
        standing = {name: value for name, value in asdict(self.standing).items() if name != "rows"} | {
            "rows": [row.as_dict() for row in self.standing.rows]
        }
        told = {
            "format": _FORMAT,
            "standing": standing,
            "recipe": self.recipe,
            "data": self.data,
            "description": self.description.model_dump(mode="json"),
        }
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        replace(path, save(plain, {_KEY: json.dumps(told)}))

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read what :meth:`write` wrote."""
        try:
            with safe_open(path, "pt") as file:
                told = json.loads((file.metadata() or {})[_KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise UnreadableInput(
                f"{path} is no checkpoint of a training, or is damaged; pass overwrite=True to begin anew"
            ) from error
        if told["format"] != _FORMAT:
            raise UnreadableInput(
                f"{path} is a checkpoint of format {told['format']!r}, and this version goes on from {_FORMAT}; pass "
                "overwrite=True to begin anew"
            )
        standing = told["standing"]
        network = {
            name.removeprefix(_NETWORK): tensor
            for name, tensor in tensors.items()
            if name.startswith(_NETWORK)
        }
        return cls(
            Standing(**{**standing, "rows": [Row.of(row) for row in standing["rows"]]}),
            told["recipe"],
            told["data"],
            ModelDescription.read(told["description"], path.name),
            network,
            _by_weight(tensors),
        )


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """The tensors that an optimizer keeps for each weight."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return state


def restore(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Tensor],
    kept: Mapping[int, Mapping[str, Tensor]],
) -> None:
    """Put network and optimizer back to where they were."""
    network.load_state_dict(dict(state))
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict(
        {"state": {number: dict(one) for number, one in kept.items()}, "param_groups": groups}
    )


def _by_weight(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(_OPTIMIZER):
            number, key = name.removeprefix(_OPTIMIZER).split("/", 1)
            found.setdefault(int(number), {})[key] = tensor
    return found
