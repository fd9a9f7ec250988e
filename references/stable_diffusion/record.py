"""How to run CompVis' image to image on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file, quiet_progress, stand_in

UNUSED = ("ldm", "ldm.modules", "ldm.util", "einops")


def stay_where_it_is(self, name, attr) -> None:
    """In the place of `register_buffer`, which differs from this only by moving tensors to a CUDA device."""
    setattr(self, name, attr)


def load(source: Path) -> SimpleNamespace:
    """The original's sampler, from a checkout."""
    stand_in(*UNUSED)
    quiet_progress()
    import_file("ldm.modules.diffusionmodules.util", source / "ldm" / "modules" / "diffusionmodules" / "util.py")
    sampler = import_file("stable_diffusion_ddim", source / "ldm" / "models" / "diffusion" / "ddim.py").DDIMSampler
    sampler.register_buffer = stay_where_it_is
    return SimpleNamespace(img2img=sampler)


def latent_diffusion(run: Run) -> SimpleNamespace:
    """What the sampler reads of a LatentDiffusion object: its tables, in the dtype in which it registers them, and its network."""
    alpha_bar = run.schedule.alphas_cumprod
    return SimpleNamespace(
        num_timesteps=len(run.schedule),
        device=torch.device("cpu"),
        betas=run.table(run.schedule.betas),
        alphas_cumprod=run.table(alpha_bar),
        alphas_cumprod_prev=run.table(np.append(1.0, alpha_bar[:-1])),
        apply_model=run.network,
    )


def drive(original, algorithm: str, run: Run) -> None:
    """As scripts/img2img.py does from the latents of the first picture on. A seeded run leaves the noise to the sampler."""
    case, options = run.case, run.case.options
    sampler = getattr(original, algorithm)(latent_diffusion(run))
    sampler.make_schedule(ddim_num_steps=case.steps, ddim_eta=options.get("eta", 0.0), verbose=False)
    batch, extra = case.shape[0], int(run.seeded)  # a seeded run draws the first noise before that of the steps
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    t_enc = int(options["strength"] * case.steps)
    noise = None if run.seeded else run.start_noise()
    z_enc = sampler.stochastic_encode(run.picture(), torch.tensor([t_enc] * batch), noise=noise)
    guidance = {}
    if case.guidance is not None:
        guidance = {"unconditional_guidance_scale": case.guidance, "unconditional_conditioning": torch.zeros(batch, 1)}
    condition = None if case.guidance is None else torch.ones(batch, 1)
    sample = sampler.decode(z_enc, condition, t_enc, **guidance)
    run.relabel(range(len(run.probe.told)))
    alpha_bar = sampler.ddim_alphas[:t_enc].flip(0)
    last = torch.as_tensor(sampler.ddim_alphas_prev[:1]).to(alpha_bar.dtype)
    run.finish(levels=torch.cat([alpha_bar, last]), level_kind="alpha_bar", start=z_enc, sample=sample)
