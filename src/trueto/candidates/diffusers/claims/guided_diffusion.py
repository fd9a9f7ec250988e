"""Which schedulers of diffusers are guided-diffusion's samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.row import DOCS, EPS, claim
from trueto.candidates.diffusers.loops import compiled, read_levels
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueto.torch_run import Run

__all__ = ["ANCESTRAL", "CLAIMS", "CLIPPED", "LEVELS", "LOOPS", "NO_CLAIMS", "VARIANCES"]

EPS_X0 = {**EPS, "x0": "sample"}
# timestep_spacing "leading" is the default of both schedulers, and what the released configurations leave it at.
ANCESTRAL: dict[str, dict[str, Any]] = {"spaced": {"timestep_spacing": "linspace"}, "ddim": {}, "sections": {}}
# The names of the original's options in the scheduler's constructor.
CLIPPED = {"clip_denoised": "clip_sample"}
VARIANCES = {**CLIPPED, "variance": "variance_type"}
PAPER = (
    "In the context of the 🤗 Diffusers library, DDPM refers to the discrete denoising scheduler from the paper as well as the pipeline."
)
TYPES = '`variance_type` ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", or "learned_range")'


def spaced_times(counts: str, total: int) -> list[int]:
    """The list of times that a user of custom timesteps passes: `counts` times in sections of equal length, noisiest first."""
    wanted = [int(count) for count in counts.split(",")]
    begin, times = 0, []
    for section, count in enumerate(wanted):
        size = total // len(wanted) + (section < total % len(wanted))
        times += [begin + round((size - 1) / max(count - 1, 1) * i) for i in range(count)]
        begin += size
    return times[::-1]


def ancestral(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of DDPMPipeline, on a network with twice the channels where the variance is learned.

    Where the case names sections, the times are passed as `timesteps`, as the IF pipelines do.
    """
    case = run.case
    if "sections" in case.options:
        scheduler.set_timesteps(timesteps=spaced_times(case.options["sections"], scheduler.config.num_train_timesteps), device=run.device)
    else:
        scheduler.set_timesteps(case.steps, device=run.device)
    network = run.network_with_variance if scheduler.config.variance_type in ("learned", "learned_range") else run.network
    image = run.start_noise()
    start = image
    step = compiled(scheduler.step, flags)
    for index, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = index
        image = step(network(image, t), t, image, return_dict=False)[0]
    kind, levels = read_levels(scheduler, claim, case)
    run.finish(levels=levels, level_kind=kind, start=start, sample=image)


def implicit(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any], *, clipped: bool = False) -> None:
    """The loop of DDIMPipeline: eta and use_clipped_model_output go to step(). A learned variance is cut off first, as DiTPipeline does."""
    options = run.case.options
    scheduler.set_timesteps(run.case.steps, device=run.device)
    image = run.start_noise()
    start, channels = image, image.shape[1]
    network = run.network_with_variance if str(options.get("variance", "")).startswith("learned") else run.network
    extra = {"eta": options.get("eta", 0.0), "use_clipped_model_output": clipped}
    step = compiled(scheduler.step, flags)
    for index, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = index
        image = step(network(image, t)[:, :channels], t, image, return_dict=False, **extra)[0]
    kind, levels = read_levels(scheduler, claim, run.case)
    run.finish(levels=levels, level_kind=kind, start=start, sample=image)


def corrected(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The same with use_clipped_model_output=True."""
    implicit(scheduler, claim, run, flags, clipped=True)


def to_clean(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """alpha_bar at the times visited, then 1."""
    import torch

    visited = scheduler.alphas_cumprod[scheduler.timesteps]
    return "alpha_bar", torch.cat([visited, torch.ones_like(visited[:1])])


LOOPS = {"ancestral": ancestral, "implicit": implicit, "corrected": corrected}
LEVELS = {"to_clean": to_clean}
# No released configuration of a guided-diffusion model exists; the constructor's own defaults stand in for one.
DDPM: dict[str, Any] = {"variance_type": "fixed_large"}
# A step over nearly all times of the cosine: the original's products of 1 - beta lose digits there, in float64 as well.
NEARLY_ALL = {"schedule == 'cosine' and grid == 'spaced' and steps < 10": "the original's float64 is not exact enough to judge by"}
DOMAIN: dict[str, Any] = {"schedules": ["linear", "cosine", "sd_v1"], "unless": NEARLY_ALL}
CLIP = {"clip_denoised": {"choices": [True, False]}}
FIXED_OR_RANGE = {**CLIP, "variance": {"choices": ["fixed_large", "fixed_small", "learned_range"]}}
IMPLICIT = {**CLIP, "eta": {"range": [0.0, 1.0]}, "variance": {"choices": ["learned_range"]}}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "guided_diffusion/ddpm",
        "DDPMScheduler",
        DOCS + "ddpm; and its parameter " + TYPES,
        PAPER,
        grids=ANCESTRAL,
        parameterizations=EPS_X0,
        config={},
        base=DDPM,
        init=VARIANCES,
        driven=("sections",),
        levels="to_clean",
        loop="ancestral",
        cases=("[!l]*", "large-*"),
        # Sections name a step count of their own, so that none can be drawn for them.
        domain={**DOMAIN, "grids": ["spaced", "ddim"], "options": FIXED_OR_RANGE},
        note=(
            "the documentation names the paper that guided-diffusion starts from, and has its four kinds of variance; variance_type "
            "'learned' is not claimed, because it takes a variance where the original's network gives its logarithm"
        ),
    ),
    claim(
        "guided_diffusion/ddpm",
        "DDPMScheduler",
        DOCS + "ddpm; its default timestep_spacing",
        PAPER,
        name="leading",
        grids={"spaced": {}},
        parameterizations=EPS,
        config={},
        base=DDPM,
        init=VARIANCES,
        levels="to_clean",
        loop="ancestral",
        cases=("large-50", "spaced-7", "range-25"),
        domain={**DOMAIN, "options": FIXED_OR_RANGE},
        note="as configurations leave it: every (1000 // n)-th time",
    ),
    claim(
        "guided_diffusion/ddim",
        "DDIMScheduler",
        "diffusers/schedulers/scheduling_ddim.py, step, use_clipped_model_output",
        "Necessary because predicted original sample is clipped to [-1, 1] when `self.config.clip_sample` is `True`.",
        name="clipped",
        grids={"ddim": {}, "spaced": {"timestep_spacing": "linspace"}},
        parameterizations=EPS_X0,
        config={},
        init=CLIPPED,
        driven=("eta", "variance"),
        levels="alpha_bar",
        loop="corrected",
        domain={**DOMAIN, "options": IMPLICIT},
        note="with use_clipped_model_output=True, which the documentation calls necessary where the sample is clipped",
    ),
    claim(
        "guided_diffusion/ddim",
        "DDIMScheduler",
        DOCS + "ddim; the defaults of the scheduler and of DDIMPipeline",
        "Denoising Diffusion Implicit Models (DDIM) by Jiaming Song, Chenlin Meng and Stefano Ermon.",
        grids={"ddim": {}},
        parameterizations=EPS_X0,
        config={},
        init=CLIPPED,
        driven=("eta", "variance"),
        levels="alpha_bar",
        loop="implicit",
        cases=("ddim-25", "ddim-15", "unclipped-20", "x0-12", "eta*"),
        domain={**DOMAIN, "options": IMPLICIT},
    ),
)

NO_CLAIMS: dict[str, str] = {}
