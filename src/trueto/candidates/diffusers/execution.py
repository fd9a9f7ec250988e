"""Switches that change how a network of diffusers is executed, and not what it computes: torch.compile, offloading; imports torch."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from torch._dynamo.backends.registry import lookup_backend  # no public name makes of a compiler's name what `backend` takes

from trueto.candidates.diffusers import switches
from trueto.torch_task import Task

__all__ = ["SWITCHES"]

# One transformer block, since each is compiled by itself.
SIZES: dict[str, Any] = {
    "sample_size": 8,
    "down_block_types": ("CrossAttnDownBlock2D",),
    "mid_block_type": None,
    "up_block_types": ("UpBlock2D",),
    "block_out_channels": (16,),
    "layers_per_block": 1,
    "cross_attention_dim": 24,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}
PARTS = {"conv_in": "conv_in", "down_blocks.0": "down 0", "up_blocks.0": "up 0"}


def counting(compiler: Callable[..., Any], task: Task) -> Callable[..., Any]:
    """A compiler whose programs note each time that one is called."""

    def compiled(graph: Any, given: Any) -> Callable[..., Any]:
        program = compiler(graph, given)

        def called(*args: Any) -> Any:
            task.took_effect("compiled program called")
            return program(*args)

        return called

    return compiled


def compiled_blocks(network: Any, task: Task) -> None:
    """compile_repeated_blocks(fullgraph=True)."""
    net: Any = task.fill(network(**SIZES), network.__name__).to(task.device)
    if task.feature:
        torch.compiler.reset()  # programs of an earlier network are no use, and are counted against a limit
        net.compile_repeated_blocks(backend=counting(lookup_backend(task.case.options["backend"]), task), fullgraph=True)
    task.tap(net, PARTS)
    for name, value in switches.answer(net, switches.inputs(network, task, side=8)).items():
        task.give(name, value)


def compiled_networks(network: Any, task: Task) -> None:
    """torch.compile(fullgraph=True), of what an autoencoder's encode and decode do, or of a U-Net, as the documentation has it."""
    net = switches.built(network, task)
    if task.feature:
        torch.compiler.reset()  # as above
        for name in ("encode", "decode") if hasattr(net, "encode") else ("forward",):
            compiler = counting(lookup_backend(task.case.options["backend"]), task)
            setattr(net, name, torch.compile(getattr(net, name), backend=compiler, fullgraph=True))
    for name, value in switches.answer(net, switches.inputs(network, task)).items():  # no taps: they would be gaps in the program
        task.give(name, value)


def sent(held: Any, device: Any, **_: Any) -> Any:
    """In the place of accelerate's `send_to_device`, without which offloading stops: tensors on that device, also in tuples and by name."""
    if isinstance(held, torch.Tensor):
        return held.to(device)
    if isinstance(held, tuple | list):
        return type(held)(sent(part, device) for part in held)
    return {name: sent(part, device) for name, part in held.items()} if isinstance(held, dict) else held


def group_offload(network: Any, task: Task) -> None:
    """enable_group_offload(), in memory or to disk, of groups of blocks or of each layer by itself."""
    offloading = importlib.import_module("diffusers.hooks.group_offloading")
    net, whole = switches.built(network, task), offloading.ModuleGroup.onload_

    def brought_in(group: Any) -> None:
        task.took_effect("groups of weights brought in")
        whole(group)

    with ExitStack() as left:
        left.enter_context(patch.object(offloading.ModuleGroup, "onload_", brought_in))
        if not hasattr(offloading, "send_to_device"):  # accelerate is not installed
            left.enter_context(patch.object(offloading, "send_to_device", sent, create=True))
        if task.feature:
            folder = {"offload_to_disk_path": left.enter_context(tempfile.TemporaryDirectory())} if task.case.options["disk"] else {}
            more = {"num_blocks_per_group": 1} if task.case.options["groups"] == "block_level" else {}
            net.enable_group_offload(torch.device(task.device), offload_type=task.case.options["groups"], **more, **folder)
        switches.run(net, network, task)


OWN: dict[str, Callable[[Any, Task], None]] = {
    "compiled_blocks": compiled_blocks,
    "compiled_networks": compiled_networks,
    "group_offload": group_offload,
}
SWITCHES = {**switches.SWITCHES, **OWN}
