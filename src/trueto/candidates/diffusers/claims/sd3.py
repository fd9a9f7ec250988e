"""Which scheduler of diffusers is Stability AI's reference sampler of Stable Diffusion 3, and how its pipeline drives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates.diffusers.asked import wishes
from trueto.candidates.diffusers.claims.row import DOCS, FLOW, HALF_WAY, axis, claim
from trueto.candidates.diffusers.loops import compiled, sigma_levels, spread_of_flow, step_of
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS"]

# scheduler/scheduler_config.json of Stable Diffusion 3 Medium.
SD3: dict[str, Any] = {"num_train_timesteps": 1000, "shift": 3.0}
# diffusers, FlowMatchEulerDiscreteScheduler, its docstring. Shifted by the size of a picture the smallest level is shifted once.
DYNAMIC = axis(
    "use_dynamic_shifting: 'Whether to apply timestep shifting on-the-fly based on the image resolution'; time_shift_type: 'Either "
    '"exponential" or "linear"\'',
    exponential=({"use_dynamic_shifting": True}, {"shift": "e_mu", "clean_end": "shifted_once"}),
    linear=({"use_dynamic_shifting": True, "time_shift_type": "linear"}, {"shift": "mu", "clean_end": "shifted_once"}),
)
RAMPS = axis(
    "use_karras_sigmas, use_exponential_sigmas: 'Whether to use Karras [exponential] sigmas for step sizes in the noise schedule'",
    karras=({"use_karras_sigmas": True}, {"ramp": "karras"}),
    exponential=({"use_exponential_sigmas": True}, {"ramp": "exponential"}),
    beta=({"use_beta_sigmas": True}, {"ramp": "beta"}),
)
TERMINAL = axis(
    "shift_terminal: 'The end value of the shifted timestep schedule', 0.1 as LTX-Video was released",
    least=2,
    true=({"shift_terminal": 0.1}, {"terminal": "stretched"}),
)
IMG2IMG = axis(
    "diffusers documentation, api/pipelines/stable_diffusion/stable_diffusion_3, StableDiffusion3Img2ImgPipeline, strength",
    least=4,
    **HALF_WAY,
)
LISTED = axis(
    "FlowMatchEulerDiscreteScheduler.set_timesteps, sigmas: 'Custom values for sigmas to be used for each diffusion step', as FluxPipeline "
    "passes them: from 1 to 1 / n, shifted afterwards",
    from_one=({}, {"spacing": "drop_last"}, {"sigmas": "from_one"}),
)
# The network of Mochi counts time from noise to clean and predicts the other direction, so that here it is told 1000 - t, and -v is taken.
INVERTED = axis(
    "invert_sigmas: 'Whether to invert the sigmas.' In its code: 'If a model requires inverted sigma schedule for denoising but timesteps "
    "without inversion [...] This case is only required in Mochi'",
    without=("strength", "stochastic_sampling"),
    true=({"invert_sigmas": True}, {}),
)
HEUN = {**axis(DOCS + "flow_match_heun_discrete: 'Heun scheduler'", heun=({}, {"step": "heun", "slope": "by_clean"})), "always": True}
STOCHASTIC = axis("stochastic_sampling: 'Whether to use stochastic sampling'", true=({"stochastic_sampling": True}, {"step": "renoised"}))
RELEASED: dict[str, Any] = {"grid": "released", "steps": [32, 64, 128]}  # of the law of order
MU = 1.15  # what StableDiffusion3Pipeline works out for 1024 x 1024 pixels, the default max_shift

CLAIMS: tuple[Claim, ...] = (
    claim(
        "sd3/euler",
        "FlowMatchEulerDiscreteScheduler",
        DOCS + "flow_match_euler_discrete",
        "FlowMatchEulerDiscreteScheduler is based on the flow-matching sampling introduced in Stable Diffusion 3.",
        grids={"released": {}},
        parameterizations=FLOW,  # the scheduler knows no other and ignores the name
        config=SD3,
        init=("shift",),
        levels="flow",
        loop="sd3",
        domain={
            "schedules": ["flow1000"],
            "guidance": [None, 5.0, 7.0],
            "options": {"shift": {"range": [0.5, 12.0]}},
            "composed": {
                "use_dynamic_shifting": DYNAMIC,
                "sigmas": RAMPS,
                "shift_terminal": TERMINAL,
                "stochastic_sampling": STOCHASTIC,
                "strength": IMG2IMG,
                "listed": LISTED,
                "invert_sigmas": INVERTED,
            },
            "order": {"claimed": 1, **RELEASED},
        },
        note="in the configuration that Stable Diffusion 3 Medium was released with, driven as StableDiffusion3Pipeline does",
    ),
    claim(
        "sd3/euler",
        "FlowMatchHeunDiscreteScheduler",
        DOCS + "flow_match_heun_discrete",
        "FlowMatchHeunDiscreteScheduler is based on the flow-matching sampling introduced in EDM.",
        name="heun",
        stages="double",
        grids={"released": {}},
        parameterizations=FLOW,
        config=SD3,
        init=("shift",),
        levels="flow",
        loop="sd3",
        cases=("shift-3-1",),
        domain={
            "schedules": ["flow1000"],
            "guidance": [None, 5.0, 7.0],
            "options": {"shift": {"range": [0.5, 12.0]}},
            "composed": {"order": HEUN, "strength": IMG2IMG},
            "order": {"claimed": 2, **RELEASED},
        },
        note="composed: EDM's own code has no flow matching, so Heun's method over the levels of Stable Diffusion 3 is the spec's; "
        "recorded is the one step that Heun and Euler have in common",
    ),
)

NO_CLAIMS: dict[str, str] = {
    "rectified_flow/euler": "the documentation names Stable Diffusion 3 as the origin of FlowMatchEulerDiscreteScheduler; no scheduler "
    "of diffusers lets time run from noise to data or tells 999 t. FlowMatchLCMScheduler names no original",
}


def flow_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:
    """The stored sigmas of a flow-matching scheduler, which are the share of noise in x, without those that a second stage repeats."""
    if claim.settings["stages"]["kind"] != "double":
        return "flow", scheduler.sigmas
    return "flow", sigma_levels(scheduler, claim, case)[1]


def sd3_pipeline(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The denoising loop of StableDiffusion3Pipeline: latents are not scaled, guidance comes from one doubled batch."""
    import torch

    by_size = {"mu": MU} if getattr(scheduler.config, "use_dynamic_shifting", False) else {}
    wanted = wishes(claim, run.case)
    listed = {"sigmas": np.linspace(1, 0, run.case.steps + 1)[:-1].tolist()} if "sigmas" in wanted else {}
    scheduler.set_timesteps(run.case.steps, device=run.device, **by_size, **listed)
    latents, skipped = flow_latents(scheduler, run, wanted)
    inverted = getattr(scheduler.config, "invert_sigmas", False)
    start = latents
    step, scale, size = compiled(scheduler.step, flags), run.case.guidance, run.case.shape[0]
    for index, t in enumerate(scheduler.timesteps[skipped * scheduler.order :]):
        run.step = run.noise.step = step_of(index + (claim.settings["stages"]["kind"] == "double"), claim.settings["stages"]["kind"])
        told = scheduler.config.num_train_timesteps - t if inverted else t
        if scale is None:
            predicted = run.network(latents, told.expand(size))
        else:
            marks = torch.cat([torch.zeros(size, 1), torch.ones(size, 1)])
            both = run.network(torch.cat([latents] * 2), told.expand(2 * size), marks)
            unconditional, conditional = both.chunk(2)
            predicted = unconditional + scale * (conditional - unconditional)
        predicted = -predicted if inverted else predicted
        latents = step(predicted, t, latents, return_dict=False)[0]
    kind, levels = flow_levels(scheduler, claim, run.case)
    levels = 1 - levels if inverted else levels
    first = levels[skipped]
    run.finish(levels=levels[skipped:], level_kind=kind, start=start / spread_of_flow(first), sample=latents)


def flow_latents(scheduler: Any, run: Run, wanted: Mapping[str, Any]) -> tuple[Any, int]:
    """The first latents, and the steps left out: with a strength as StableDiffusion3Img2ImgPipeline has both."""
    noise, steps = run.start_noise(), run.case.steps
    if "strength" not in wanted:
        return noise, 0
    skipped = int(max(steps - min(steps * wanted["strength"], steps), 0))
    begin = skipped * scheduler.order
    scheduler.set_begin_index(begin)
    return scheduler.scale_noise(run.picture(), scheduler.timesteps[begin : begin + 1].repeat(run.case.shape[0]), noise), skipped


LEVELS = {"flow": flow_levels}
LOOPS = {"sd3": sd3_pipeline}
