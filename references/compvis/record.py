"""How to run the CompVis samplers on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file, quiet_progress, stand_in

UNUSED = ("ldm", "ldm.modules", "ldm.util", "einops")
UTIL = "ldm.modules.diffusionmodules.util"


def stay_where_it_is(self, name, attr) -> None:
    """In the place of `register_buffer`, which differs from this only by moving tensors to a CUDA device."""
    setattr(self, name, attr)


def load(source: Path) -> SimpleNamespace:
    """The original's two samplers, from a checkout."""
    stand_in(*UNUSED)
    quiet_progress()
    import_file(UTIL, source / "ldm" / "modules" / "diffusionmodules" / "util.py")
    folder = source / "ldm" / "models" / "diffusion"
    plms = import_file("compvis_plms", folder / "plms.py").PLMSSampler
    ddim = import_file("compvis_ddim", folder / "ddim.py").DDIMSampler
    for sampler in (plms, ddim):
        sampler.register_buffer = stay_where_it_is
    return SimpleNamespace(plms=plms, ddim=ddim)


def latent_diffusion(run: Run) -> SimpleNamespace:
    """What the samplers read of a LatentDiffusion object: its tables, in the dtype in which it registers them, and its network."""
    alpha_bar = run.schedule.alphas_cumprod
    return SimpleNamespace(
        num_timesteps=len(run.schedule),
        device=torch.device("cpu"),
        betas=run.table(run.schedule.betas),
        alphas_cumprod=run.table(alpha_bar),
        alphas_cumprod_prev=run.table(np.append(1.0, alpha_bar[:-1])),
        apply_model=run.network,
    )


def guidance(run: Run) -> dict:
    """Classifier-free guidance: the conditionings are the marks 0 and 1 that the network is told."""
    if run.case.guidance is None:
        return {"conditioning": None}
    size = (run.case.shape[0], 1)
    return {
        "conditioning": torch.ones(size),
        "unconditional_conditioning": torch.zeros(size),
        "unconditional_guidance_scale": run.case.guidance,
    }


def drive(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case. A seeded run leaves the first latents to the sampler, as scripts/txt2img.py does."""
    sampler = getattr(original, algorithm)(latent_diffusion(run))
    # One draw a network call, used or not; PLMS calls twice in its first step. A seeded run draws the start before them.
    extra = int(run.seeded) + (algorithm == "plms")
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    x = None if run.seeded else run.start_noise()
    batch, *shape = run.case.shape
    sample, seen = sampler.sample(run.case.steps, batch, shape, x_T=x, verbose=False, **guidance(run), **run.case.options)
    calls = len(run.probe.told)
    run.relabel([0, *range(calls - 1)] if algorithm == "plms" else range(calls))
    alpha_bar = sampler.ddim_alphas
    last = torch.as_tensor(sampler.ddim_alphas_prev[:1]).to(alpha_bar.dtype)
    run.finish(levels=torch.cat([alpha_bar.flip(0), last]), level_kind="alpha_bar", start=seen["x_inter"][0], sample=sample)
