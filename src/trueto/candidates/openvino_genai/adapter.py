"""Driving openvino-genai's text-to-image pipeline on a folder of toy models; imported in a worker, where alone it is imported.

The pipeline is C++ and computes in float32, whatever is asked for. What is seen of it is what its network is asked, what noise it asks its
generator for, and what it hands to its decoder. It shows no noise levels: they are measured, one lone step of image to image for each.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates._library import Library, one_arena
from trueto.candidates.openvino_genai.claims import CLAIMS, NO_CLAIMS
from trueto.candidates.openvino_genai.folder import Asked, make, operations, write
from trueto.candidates.openvino_genai.levels import Levels
from trueto.fixtures import schedule
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "OpenvinoGenaiAdapter"]

SOURCES = {
    "EulerDiscrete": "euler_discrete",
    "EulerAncestralDiscrete": "euler_ancestral_discrete",
    "FlowMatchEulerDiscrete": "flow_match_euler_discrete",
}
PROMPT = "."  # its length is what the network is told: 1 of a prompt, and 0 of none


class OpenvinoGenaiAdapter(Library):
    """The adapter of openvino-genai (see `trueto.candidates.Adapter`)."""

    name = "openvino_genai"
    distribution = "openvino-genai"
    claims = CLAIMS
    no_claims = NO_CLAIMS
    modules = ("openvino_genai",)

    def __init__(self) -> None:
        self._asked = Asked()
        self._operations: tuple[Any, Any] | None = None

    def load(self) -> None:
        """Import the pipelines, and make the operations known that ask the network."""
        one_arena()
        self._operations = operations(self._asked)

    def claimed(self, claim: Claim) -> Callable[..., Any]:  # noqa: ARG002 - schedulers have no names there
        """The pipeline. Which scheduler it has is said by a file."""
        return importlib.import_module(self.name).Text2ImagePipeline

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:
        """scheduler_config.json, and what a user would ask of `generate`."""
        said = {name: case.options[name] for name in claim.settings["options"] if name in case.options}
        guided = {"guidance_scale": 1.0} if case.guidance is None else {"guidance_scale": case.guidance}
        return {
            "scheduler": {
                **claim.settings["scheduler"],
                **(_betas(claim, case) if claim.settings["walk"]["levels"] != "flow" else {}),
                **said,
            },
            "num_inference_steps": case.steps,
            **guided,
        }

    def source(self, claim: Claim) -> str:
        """The file of the scheduler, which the library's wheel does not hold."""
        kind = claim.settings["scheduler"]["_class_name"].removesuffix("Scheduler")
        return f"openvino.genai/src/cpp/src/image_generation/schedulers/{SOURCES.get(kind, kind.lower())}.cpp"

    def build(self, claim: Claim, case: Case) -> Any:
        """The pipeline with the scheduler of a case, that scheduler's levels, and the folder that both are read from."""
        assert self._operations is not None
        home, scheduler = tempfile.TemporaryDirectory(), self.settings(claim, case)["scheduler"]
        write(Path(home.name), case.shape[1], scheduler, *self._operations)
        text, image = make(Path(home.name), of_images=claim.settings["walk"]["levels"] != "flow")
        return SimpleNamespace(home=home, text=text, levels=Levels(image, self._asked, Path(home.name) / "lone_step.json", scheduler))

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these pipelines
        """Let the pipeline generate; each call of the network is taken for a step."""
        import torch

        said = {name: value for name, value in self.settings(claim, run.case).items() if name != "scheduler"}
        batch, _, height, width = run.case.shape
        size, decoded = {"num_images_per_prompt": batch, "height": height, "width": width}, list[Any]()

        def network(x: Any, t: Any, states: Any) -> Any:
            run.step = run.noise.step = len(run.probe.told)
            marks = None if run.case.guidance is None else torch.from_numpy(np.array(states[:, 0, 0]))
            return run.network(torch.from_numpy(np.array(x)), torch.from_numpy(np.array(t)), marks).numpy()

        def seen(x: Any) -> Any:
            decoded.append(np.array(x))
            return x

        self._asked.generate(network, seen, run.built.text, PROMPT, generator=_generator(run), **said, **size)
        _finish(claim, run, decoded[0], run.built.levels)


def _betas(claim: Claim, case: Case) -> dict[str, Any]:
    """The training schedule of a case and what its network predicts, in the words of a scheduler_config.json."""
    levels = schedule(case.schedule)
    betas = {name: levels.settings[name] for name in ("beta_schedule", "beta_start", "beta_end")}
    return {"num_train_timesteps": len(levels), **betas, "prediction_type": claim.settings["parameterizations"][case.parameterization]}


def _generator(run: Run) -> Any:
    """What the pipeline draws from: the library's own, on torch's numbers, or the recorded draws."""
    openvino, genai = (importlib.import_module(name) for name in ("openvino", "openvino_genai"))
    if run.seeded:
        return genai.TorchGenerator(run.case.seed)

    class Recorded(genai.Generator):
        begun = False

        def randn_tensor(self, shape: Any) -> Any:  # noqa: ARG002 - all draws are of the latents' shape
            drawn, self.begun = run.draw(run.step) if self.begun else run.start_noise(), True
            return openvino.Tensor(np.ascontiguousarray(drawn.numpy(), np.float32))

    return Recorded()


def _finish(claim: Claim, run: Run, latents: Any, own: Levels) -> None:
    """Levels are those at the times that the network was told, and at the end; the pipeline keeps its own list to itself.

    In flow matching a time told is the share of noise, in thousandths.
    """
    import torch

    walk, told, start = claim.settings["walk"], list(run.probe.told), torch.from_numpy(run.probe.states[0])
    if walk["asks_twice"] and len(told) > 1:
        run.relabel([0, *range(len(told) - 1)])
        del told[1]
    if walk["levels"] == "flow":
        levels = np.append(np.array(told) / 1000, 0.0)
    else:
        sigmas = np.array([*(own.at(int(time)) for time in told), walk["last"] if walk["last"] == 0 else own.at(0)])
        levels = sigmas if walk["levels"] == "sigma" else 1 / (1 + sigmas**2)
    run.finish(levels=run.table(levels), level_kind=walk["levels"], start=start, sample=torch.from_numpy(latents))


ADAPTER = OpenvinoGenaiAdapter()
