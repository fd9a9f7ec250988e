"""How to run Stability AI's reference code for Stable Diffusion 3 on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file, stand_in

UNUSED = ("fire", "einops", "safetensors", "mmdit", "other_impls")


class TorchWithoutFloatTensor:
    """The torch module in which FloatTensor(values) asks for float32 by name, so that the request can be promoted; the same values."""

    def __getattr__(self, name: str):
        return getattr(torch, name)

    @staticmethod
    def FloatTensor(values) -> torch.Tensor:  # noqa: N802 - torch's name
        """In the place of torch.FloatTensor."""
        return torch.tensor(values, dtype=torch.float32)


def load(source: Path) -> SimpleNamespace:
    """The original's two modules, from a checkout."""
    stand_in(*UNUSED)
    impls = import_file("sd3_impls", source / "sd3_impls.py")
    infer = import_file("sd3_infer", source / "sd3_infer.py")
    infer.torch = TorchWithoutFloatTensor()
    return SimpleNamespace(impls=impls, infer=infer)


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


def drive(original, algorithm: str, run: Run) -> None:
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
    sample = getattr(impls, f"sample_{algorithm}")(denoiser, x, sigmas, extra_args=arguments)
    run.relabel(range(case.steps))
    run.finish(levels=sigmas, level_kind="flow", start=x, sample=sample)
