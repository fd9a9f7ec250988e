"""How to run Stability AI's reference code for Stable Diffusion 3: imports the original from a checkout and calls it, nothing more."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, Task, import_file, stand_in

UNUSED = ("fire", "safetensors", "transformers")


class TorchWithoutFloatTensor:
    """The torch module in which FloatTensor(values) asks for float32 by name, so that the request can be promoted; the same values."""

    def __getattr__(self, name: str):
        return getattr(torch, name)

    @staticmethod
    def FloatTensor(values) -> torch.Tensor:  # noqa: N802 - torch's name
        """In the place of torch.FloatTensor."""
        return torch.tensor(values, dtype=torch.float32)


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout."""
    stand_in(*UNUSED)
    sys.path.insert(0, str(source))
    impls = import_file("sd3_impls", source / "sd3_impls.py")
    infer = import_file("sd3_infer", source / "sd3_infer.py")
    infer.torch = TorchWithoutFloatTensor()
    return SimpleNamespace(impls=impls, infer=infer, MMDiT=importlib.import_module("mmdit").MMDiT)


def base_model(original, run: Run, sampling):
    """The original's BaseModel around a closed-form network in the place of its transformer."""
    model = original.impls.BaseModel.__new__(original.impls.BaseModel)
    torch.nn.Module.__init__(model)
    model.model_sampling = sampling
    model.get_dtype = lambda: run.dtype

    def transformer(x, timestep, context=None, y=None):
        return run.network(x, timestep, None if run.case.guidance is None else context)

    vars(model)["diffusion_model"] = transformer
    return model


def drive(original, algorithm: str, run: Run | Task) -> None:
    """Run the sampler, or the network, on one case."""
    if isinstance(run, Task):
        with torch.no_grad():
            mmdit(original, run)
    else:
        sample(original, algorithm, run)


def mmdit(original, task: Task) -> None:
    """The transformer: two latents that are not square, at times of their own, each with five pieces and a sentence's row."""
    sizes = task.toy("mmdit")
    net = task.fill(original.MMDiT(**sizes), "mmdit")
    context = sizes["context_embedder_config"]["params"]["in_features"]
    net.pos_embed = task.given("pos_embed", tuple(net.pos_embed.shape))  # a table that comes with the weights
    task.tap(net, {path: path for path in ("t_embedder", "y_embedder", "context_embedder")})
    blocks = {f"joint_blocks.{i}": f"joint_blocks.{i}" for i in range(sizes["depth"])}
    task.tap(net, blocks, lambda streams: streams[1])
    task.tap(net, {path: f"{path} context" for path in list(blocks)[:-1]}, lambda streams: streams[0])
    x, pieces = task.given("x", (2, 4, 8, 6)), task.given("context", (2, 5, context))
    task.give("out", net(x, task.whole("t", (2,), 1000), y=task.given("sentence", (2, sizes["adm_in_channels"])), context=pieces))


def sample(original, algorithm: str, run: Run) -> None:
    """Run sample_euler on one case. A seeded run leaves the start noise to the original, which draws it in float32."""
    impls, case = original.impls, run.case
    inferencer = original.infer.SD3Inferencer()
    sampling = impls.ModelSamplingDiscreteFlow(shift=case.options.get("shift", original.infer.SHIFT))
    sigmas = run.nudged(inferencer.get_sigmas(sampling, case.steps))
    latent = torch.ones(case.shape, dtype=run.dtype) * 0.0609
    noise = inferencer.get_noise(case.seed, latent) if run.seeded else run.start_noise()
    x = sampling.noise_scaling(sigmas[0], noise, latent)
    model = base_model(original, run, sampling)
    size = (case.shape[0], 1)
    if case.guidance is None:
        arguments = {"c_crossattn": torch.zeros(size), "y": torch.zeros(size)}
        denoiser = model.apply_model
    else:
        marks = (torch.ones(size), torch.zeros(size))
        cond, uncond = ({"c_crossattn": mark, "y": mark} for mark in marks)
        arguments = {"cond": cond, "uncond": uncond, "cond_scale": case.guidance}
        denoiser = impls.CFGDenoiser(model)
    last = getattr(impls, f"sample_{algorithm}")(denoiser, x, sigmas, extra_args=arguments)
    run.relabel(range(case.steps))
    run.finish(levels=sigmas, level_kind="flow", start=x, sample=last)
