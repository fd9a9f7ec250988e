"""diffusers' published example for DreamBooth, from the user's clone, run as it is: its `main()` trains on what it is given.

What it fetches or draws is given: the released scheduler from a folder, the network, pictures that are latents already, embedded words,
times and noise. accelerate and torchvision, without which the example cannot be imported, are stood in for: the first by what its
`Accelerator` does in one process on a CPU, of the second nothing is used. Imports torch.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

__all__ = ["train"]

STANDING_IN = ("accelerate", "accelerate.logging", "accelerate.utils", "torchvision")


def _always(result: Any) -> Callable[..., Any]:
    """A function that gives this, whatever it is asked."""

    def answer(*_: Any, **__: Any) -> Any:
        return result

    return answer


class _Given:
    """torch as the example sees it: random numbers are those that are given, and float32 is the precision of the run."""

    def __init__(self, dtype: torch.dtype, drawn: dict[str, Iterator[torch.Tensor]]) -> None:
        self.float32 = dtype
        self._drawn = drawn

    def __getattr__(self, name: str) -> Any:
        if name in self._drawn:
            return _always(next(self._drawn[name]))
        return getattr(torch, name)


class _Accelerator:
    """accelerate's Accelerator in one process on a CPU, on batches in their order; not the main process, which would write files."""

    device, num_processes, mixed_precision, native_amp = torch.device("cpu"), 1, "no", False
    sync_gradients, is_main_process, is_local_main_process, state = True, False, False, ""

    def __init__(self, examples: Sequence[Any], size: int, seen: Callable[[Any], None]) -> None:
        self._examples, self._size, self._seen = examples, size, seen

    def prepare(self, *objects: Any) -> tuple[Any, ...]:
        """The same objects, but for a loader, of which the batches are made by its own function."""
        return tuple(self._batches(each) if isinstance(each, torch.utils.data.DataLoader) else each for each in objects)

    def _batches(self, loader: Any) -> list[Any]:
        starts = range(0, len(self._examples), self._size)
        return [loader.collate_fn(self._examples[start : start + self._size]) for start in starts]

    def accumulate(self, *_: Any) -> contextlib.AbstractContextManager[None]:
        """No gradients are accumulated."""
        return contextlib.nullcontext()

    def unwrap_model(self, model: Any) -> Any:
        """Nothing was wrapped."""
        return model

    def backward(self, loss: Any) -> None:
        """The way back, after which loss and gradients are looked at."""
        loss.backward()
        self._seen(loss)

    def clip_grad_norm_(self, parameters: Any, norm: float) -> None:
        """As torch does it."""
        torch.nn.utils.clip_grad_norm_(parameters, norm)

    def __getattr__(self, name: str) -> Any:
        """What registers, logs, waits or ends does nothing."""
        return _always(None)


class _Words(torch.nn.Module):
    """A text encoder of words that are embedded already."""

    device = torch.device("cpu")

    def forward(self, words: torch.Tensor, **_: Any) -> tuple[torch.Tensor]:
        """The same."""
        return (words,)


class _FirstStage(torch.nn.Module):
    """An autoencoder of pictures that are latents already, before they are scaled."""

    def __init__(self, scaling_factor: float) -> None:
        super().__init__()
        self.config = SimpleNamespace(scaling_factor=scaling_factor)

    def encode(self, pictures: torch.Tensor) -> SimpleNamespace:
        """The same."""
        return SimpleNamespace(latent_dist=SimpleNamespace(sample=lambda: pictures))


def _loaded(made: Any) -> SimpleNamespace:
    """In the place of a class whose `from_pretrained` gives what was made."""
    return SimpleNamespace(from_pretrained=_always(made))


def _imported(file: Path) -> Any:
    """The example as a module of its own."""
    transformers = importlib.import_module("transformers")
    for name in ("AutoTokenizer", "PretrainedConfig"):  # before anything that they look for stands in for itself
        getattr(transformers, name)
    held = {name: ModuleType(name) for name in STANDING_IN}
    for name, module in held.items():
        module.__spec__ = ModuleSpec(name, None)
    logger = SimpleNamespace(info=_always(None), warning=_always(None))
    vars(held["accelerate"])["Accelerator"] = _Accelerator
    vars(held["accelerate.logging"])["get_logger"] = _always(logger)
    vars(held["accelerate.utils"]).update(ProjectConfiguration=_always(None), set_seed=torch.manual_seed)
    vars(held["torchvision"])["transforms"] = SimpleNamespace()
    spec = importlib.util.spec_from_file_location("published_example", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, held):
        spec.loader.exec_module(module)
    return module


def train(  # noqa: PLR0913 - everything that the example is given
    file: Path,
    net: Any,
    examples: Sequence[dict[str, torch.Tensor]],
    drawn: dict[str, Iterator[torch.Tensor]],
    *,
    scheduler: dict[str, Any],
    scaling_factor: float,
    typed: Sequence[str],
    size: int,
    seen: Callable[[Any], None],
    stepped: Callable[[], None],
) -> None:
    """Run the example's `main()` with prior preservation: so many `examples` a batch, random numbers as `drawn`, one step a batch.

    `seen(loss)` is called after each way back, `stepped` after each step of the optimizer; `typed` are more of its arguments.
    """

    def after(*_: Any) -> None:
        stepped()

    module = _imported(file)
    first = next(iter(net.parameters()))
    module.torch = _Given(first.dtype, drawn)
    module.Accelerator = _always(_Accelerator(examples, size, seen))
    module.AutoTokenizer, module.UNet2DConditionModel = _loaded(None), _loaded(net)
    module.AutoencoderKL = SimpleNamespace(config_name="config.json", from_pretrained=_always(_FirstStage(scaling_factor)))
    module.import_model_class_from_model_name_or_path = _always(_loaded(_Words()))
    module.DreamBoothDataset = _always(examples)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, held in (("vae/config.json", {}), ("scheduler/scheduler_config.json", scheduler)):
            (folder / part).parent.mkdir()
            (folder / part).write_text(json.dumps(held))
        paths = ("--pretrained_model_name_or_path", "--instance_data_dir", "--class_data_dir", "--output_dir")
        said = [word for option in paths for word in (option, name)]
        said += ["--instance_prompt", "own", "--class_prompt", "of the class", "--with_prior_preservation", "--num_class_images", "0"]
        said += ["--train_batch_size", str(size), "--max_train_steps", str(len(examples) // size), *typed]
        hook = register_optimizer_step_post_hook(after)
        try:
            module.main(module.parse_args(said))
        finally:
            hook.remove()
