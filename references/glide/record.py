"""How to run GLIDE's samplers on X, with guidance as its notebook drives it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file

LOOPS = {"ddpm": "p_sample_loop", "ddim": "ddim_sample_loop"}
OWN_SCHEDULES = {"linear": "linear", "cosine": "squaredcos_cap_v2"}


def load(source: Path) -> SimpleNamespace:
    """The original's two modules, from a checkout."""
    folder = source / "glide_text2im"
    diffusion = import_file("glide_text2im.gaussian_diffusion", folder / "gaussian_diffusion.py")
    respace = import_file("glide_text2im.respace", folder / "respace.py")
    return SimpleNamespace(diffusion=diffusion, respace=respace)


def moved(run: Run, betas: np.ndarray) -> np.ndarray:
    """The betas of a nudged repetition: every alpha = 1 - beta, then every beta, is moved by one unit in its last place."""
    alphas = run.nudged(torch.from_numpy(1 - betas))
    return run.nudged(1 - alphas).numpy()


def process(original, run: Run):
    """The original's diffusion process for a case; X must be the schedule that the original makes under that name."""
    own = original.diffusion.get_named_beta_schedule(OWN_SCHEDULES[run.case.schedule], len(run.schedule))
    if not np.abs(own / run.schedule.betas - 1).max() < 1e-9:
        raise ValueError(f"the fixture's schedule {run.case.schedule} is not the original's {OWN_SCHEDULES[run.case.schedule]}")
    n = run.case.steps
    chosen = {"spaced": str(n), "ddim": f"ddim{n}", "fast27": "fast27"}.get(run.case.grid) or run.case.options["sections"]
    times = original.respace.space_timesteps(len(run.schedule), chosen)
    made = original.respace.SpacedDiffusion(use_timesteps=times, betas=run.schedule.betas)
    if run.nudge is not None:
        original.diffusion.GaussianDiffusion.__init__(made, betas=moved(run, made.betas))
    return made


def guided(run: Run):
    """`model_fn` of notebooks/text2im.ipynb, with the marks 1 and 0 in the place of tokens and empty tokens."""
    channels = run.case.shape[1]

    def model_fn(x_t, ts):
        half = x_t[: len(x_t) // 2]
        combined = torch.cat([half, half], dim=0)
        marks = torch.cat([torch.ones(len(half), 1), torch.zeros(len(half), 1)])
        model_out = run.network_with_variance(combined, ts, marks)
        eps, rest = model_out[:, :channels], model_out[:, channels:]
        cond_eps, uncond_eps = torch.split(eps, len(eps) // 2, dim=0)
        half_eps = uncond_eps + run.case.guidance * (cond_eps - uncond_eps)
        eps = torch.cat([half_eps, half_eps], dim=0)
        return torch.cat([eps, rest], dim=1)

    return model_fn


def known_part(run: Run) -> dict:
    """`denoised_fn` of notebooks/inpaint.ipynb: the upper rows of the picture are known, and are 0.25 everywhere."""
    if not run.case.options.get("inpaint"):
        return {}
    mask = torch.zeros(1, 1, run.case.shape[2], 1)
    mask[:, :, : run.case.shape[2] // 2] = 1
    return {"denoised_fn": lambda x_start: x_start * (1 - mask) + 0.25 * mask}


def classifier(run: Run) -> dict:
    """CLIP guidance: the gradient of the logarithm of a normal density around 0.5, in the place of CLIP's."""
    scale = run.case.options.get("classifier_scale")
    if scale is None:
        return {}
    return {"cond_fn": lambda x, t: scale * (0.5 - x), "model_kwargs": {}}


def start(run: Run) -> torch.Tensor | None:
    """The first latents: left to the sampler in a seeded run, as the notebook does, unless they have a temperature."""
    temperature = run.case.options.get("temperature")
    if temperature is not None:
        return run.start_noise() * temperature
    if run.seeded:
        return None
    noise = run.start_noise()
    return noise if run.case.guidance is None else torch.cat([noise, noise])


def drive(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case."""
    diffusion, options = process(original, run), run.case.options
    extra = int(run.seeded)  # one draw a network call, used or not; a seeded run draws the start before them
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    arguments = {key: options[key] for key in ("clip_denoised", "eta") if key in options}
    batch, *shape = run.case.shape
    sample = getattr(diffusion, LOOPS[algorithm])(
        run.network_with_variance if run.case.guidance is None else guided(run),
        (batch if run.case.guidance is None else 2 * batch, *shape),
        noise=start(run),
        device=torch.device("cpu"),
        **arguments,
        **known_part(run),
        **classifier(run),
    )[:batch]
    run.relabel(range(len(run.probe.told)))
    levels = run.table(np.append(diffusion.alphas_cumprod[::-1], 1.0))
    run.finish(levels=levels, level_kind="alpha_bar", start=torch.from_numpy(run.probe.states[0]), sample=sample)
