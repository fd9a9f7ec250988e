"""Run by tests/test_oldest_pipelines.py in the environment of a release: network calls of its own pipeline, and of the adapter, as JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

from trueto.candidates.diffusers.adapter import ADAPTER
from trueto.candidates.diffusers.claims import CLAIMS
from trueto.fixtures import network, schedule, start_noise
from trueto.interpose import NoiseSource
from trueto.model import Case
from trueto.torch_run import Run

SHAPE = (2, 4, 4, 4)
HOMES = {"ermongroup/ddim": "DDIMPipeline", "ermongroup/ddpm": "DDPMPipeline", "pndm/pndm": "PNDMPipeline"}
STABLE = ("compvis/plms", "compvis/ddim", "k_diffusion/lms")
OF_TRANSFORMERS = ("CLIPFeatureExtractor", "CLIPTextModel", "CLIPTokenizer", "CLIPConfig", "CLIPVisionModel", "PreTrainedModel")


class EndedError(Exception):
    """The loop is over: what is left of the pipeline decodes a picture."""


class Answer(dict[str, Any]):
    """By name as until 0.2, and by attribute as from 0.3 on."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class Unet:
    """The closed-form network in the place of a U-Net; keeps what it is called with."""

    in_channels, sample_size = SHAPE[1], SHAPE[2]

    def __init__(self, case: Case) -> None:
        self.net = network(case.network, schedule(case.schedule), case.parameterization)
        self.calls: list[tuple[str, float]] = []

    def to(self, _: Any) -> Unet:
        """It runs on the CPU."""
        return self

    def answer(self, x: Any, t: Any) -> Any:
        """The prediction for x (B, C, H, W) at time t."""
        self.calls.append((hashlib.sha256(x.numpy().tobytes()).hexdigest()[:12] + str(x.dtype), float(t)))
        told = torch.full((len(x),), float(t), dtype=torch.float64).numpy()
        return torch.from_numpy(self.net(x.double().numpy(), told)).to(x.dtype)

    def __call__(self, x: Any, t: Any, **_: Any) -> Answer:
        """As the pipelines of these releases call it."""
        return Answer(sample=self.answer(x, t))


def by_adapter(claim: Any, case: Case) -> list[tuple[str, float]]:
    """The calls of the adapter's loop, from the case's seed."""
    unet = Unet(case)
    run = Run(case, unet.net, schedule(case.schedule), torch.float32, start_noise(case.seed, case.shape), NoiseSource(None), seeded=True)
    run.network = lambda x, t, _=None: unet.answer(x, t)  # type: ignore[method-assign]
    torch.manual_seed(case.seed)
    with torch.no_grad():
        ADAPTER.sample(claim, run, {})
    return unet.calls


def by_pipeline(claim: Any, case: Case) -> list[tuple[str, float]]:
    """The calls of the release's own pipeline, with its own class of schedulers in the same settings as far as that knows them."""
    unet, stable = Unet(case), claim.id in STABLE
    found = getattr(importlib.import_module("diffusers"), claim.implementation)
    known = inspect.signature(found.__init__).parameters
    scheduler = found(**{name: value for name, value in ADAPTER.settings(claim, case).items() if name in known}).set_format("pt")
    home = _stable() if stable else getattr(importlib.import_module("diffusers"), HOMES[claim.id])
    made = type("Bare", (home,), {"device": torch.device("cpu"), "__init__": lambda _: None})()
    vars(made).update(unet=unet, scheduler=scheduler)
    torch.manual_seed(case.seed)
    try:
        if stable:
            _ready(made)
            made(["x"] * SHAPE[0], height=8 * SHAPE[2], width=8 * SHAPE[3], num_inference_steps=case.steps, guidance_scale=1.0)
        else:
            steps = {"num_inference_steps": case.steps} if "num_inference_steps" in inspect.signature(home.__call__).parameters else {}
            made(batch_size=SHAPE[0], output_type="np", **steps)
    except EndedError:
        pass
    return unet.calls


def _stable() -> Any:
    """Stable Diffusion's pipeline, which imports what it takes from transformers."""
    stand_in = ModuleType("transformers")
    vars(stand_in).update({name: type(name, (), {}) for name in OF_TRANSFORMERS})
    sys.modules["transformers"] = stand_in
    return importlib.import_module("diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion").StableDiffusionPipeline


def _ready(made: Any) -> None:
    """What the pipeline asks before and after its loop."""

    def ended(_: Any) -> None:
        raise EndedError

    def words(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(input_ids=torch.zeros(SHAPE[0], 1))

    words.model_max_length = 1  # type: ignore[attr-defined]
    vars(made).update(tokenizer=words, text_encoder=lambda ids: (ids,), vae=SimpleNamespace(decode=ended))


def main(name: str, steps: int) -> None:
    """Print both lists of calls."""
    sys.modules["transformers"] = None  # type: ignore[assignment]  # what is installed is not of this release's age
    claim = next(claim for claim in CLAIMS if claim.id == name)
    grid = "model" if name.startswith("k_diffusion/") else "uniform"
    case = Case("drawn", steps, grid=grid, schedule="linear" if name in HOMES else "sd_v1", network="smooth", shape=SHAPE)
    case = dataclasses.replace(case, parameterization="eps")
    sys.stdout.write(json.dumps({"adapter": by_adapter(claim, case), "pipeline": by_pipeline(claim, case)}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
