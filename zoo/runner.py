"""A network at work: patches of raw bands in, what it makes of them out, on whatever processor there is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import available_cores
from insarfeat.errors import InvalidArgument, missing_extra, suggestion
from zoo.description import ModelDescription
from zoo.weights import Arrays

if TYPE_CHECKING:
    from torch import Tensor, nn

Precision = Literal["float32", "bfloat16"]

Floats = NDArray[np.float32]

_at_work = 0
_at_work_lock = threading.Lock()


class Runner:
    """What is sent to workers: a model's description and numbers. Each process assembles the network once.

    Parameters
    ----------
    description, arrays
        The model, as its file has it.
    device
        Where it runs: "cpu", "cuda", "cuda:1"; None for a GPU where there is one.
    precision
        Of the arithmetic; None for bfloat16 where the processor has instructions for it, else float32.
    """

    def __init__(
        self,
        description: ModelDescription,
        arrays: Arrays,
        device: str | None = None,
        precision: Precision | None = None,
    ) -> None:
        if precision not in (None, "float32", "bfloat16"):
            raise InvalidArgument(
                f'precision must be "float32", "bfloat16" or None; got {precision!r}'
                f"{suggestion(precision, get_args(Precision))}"
            )
        self.description = description
        self._arrays = arrays
        self._device = device
        self._precision = precision
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        # The description as text: that is the same in every process, whatever pydantic keeps beside it.
        told = self.description.model_dump_json()
        return _again, (told, self._arrays, self._device, self._precision)

    @cached_property
    def network(self) -> nn.Module:
        """The network with its numbers, in evaluation mode, where it runs."""
        with self._lock:
            found = self.__dict__.get("network")
            return self._assembled() if found is None else found

    def _assembled(self) -> nn.Module:
        torch = torch_or_error()
        from zoo.networks.assembly import assembled

        network = assembled(self.description)
        # Numbers from a file: what is counted while training is not among them.
        state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in self._arrays.items()}
        own = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
        if own != set(state):
            raise InvalidArgument(
                f"the weights of {self.description.name} are not those of a {self.description.architecture} with its "
                f"options: {len(own - set(state))} are missing, {len(set(state) - own)} are too many"
            )
        try:
            network.load_state_dict(state, strict=False)
        except RuntimeError as error:  # of other sizes
            raise InvalidArgument(
                f"the weights of {self.description.name} do not fit a {self.description.architecture} as described: "
                f"{str(error).splitlines()[-1].strip()}"
            ) from error
        network.requires_grad_(False)
        return network.to(self.device).eval()

    @cached_property
    def _at_work(self) -> nn.Module:
        """The network as it predicts."""
        with self._lock:
            found = self.__dict__.get("_at_work")
            if found is not None:
                return found
            from zoo.networks.assembly import streamlined

            return streamlined(self.network)

    @cached_property
    def device(self) -> Any:
        """Where the network runs."""
        torch = torch_or_error()
        name = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(name)
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            raise InvalidArgument(f"device {name!r} is not to be had here: {error}") from error
        return device

    @cached_property
    def precision(self) -> Precision:
        """Arithmetic that the network runs in."""
        return self._precision or ("bfloat16" if has_bfloat16(self.device) else "float32")

    def run(self, raw: Floats, use: Callable[[Any], Any]) -> list[Any]:
        """What the network gives for patches (n, bands, y, x), each passed through ``use`` as tensors.

        ``use`` is called with the network's outputs for some of the patches; the list has one entry per call. Where a
        GPU's memory does not hold all patches at once, they are halved until it does.
        """
        import torch

        given = torch.from_numpy(raw)
        with torch.inference_mode(), self._turn():
            return list(self._parts(given, use, torch))

    def _parts(self, given: Tensor, use: Callable[[Any], Any], torch: Any) -> Iterator[Any]:
        try:
            yield use(self._forward(given, torch))
        except torch.cuda.OutOfMemoryError:
            if len(given) == 1:
                raise
            torch.cuda.empty_cache()
            half = len(given) // 2
            yield from self._parts(given[:half], use, torch)
            yield from self._parts(given[half:], use, torch)

    def _forward(self, given: Tensor, torch: Any) -> Any:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self._at_work(given.to(self.device))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One caller at a time on a GPU; on processors each has its share of the cores."""
        if self.device.type != "cpu":
            with self._lock:
                yield
            return
        with _share_of_cores():
            yield


def _again(told: str, arrays: Arrays, device: str | None, precision: Precision | None) -> Runner:
    return Runner(ModelDescription.model_validate_json(told), arrays, device, precision)


def torch_or_error() -> Any:
    """The module torch, or the error that says how to get it."""
    try:
        import torch
    except ImportError as error:
        raise missing_extra("models", "zoo") from error
    return torch


@contextmanager
def _share_of_cores() -> Iterator[None]:
    """Torch's threads for one of the callers at work: together they take all cores, and no more."""
    import torch

    global _at_work
    before = torch.get_num_threads()
    with _at_work_lock:
        _at_work += 1
        share = max(available_cores() // _at_work, 1)
    try:
        torch.set_num_threads(share)
        yield
    finally:
        with _at_work_lock:
            _at_work -= 1
        torch.set_num_threads(before)


def has_bfloat16(device: Any) -> bool:
    """Whether the processor itself multiplies in bfloat16: where that is imitated, it is slower than float32."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)
