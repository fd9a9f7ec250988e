"""Which schedulers of diffusers add noise, or work out the velocity, as the forward process of DDPM: add_noise and get_velocity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates.diffusers.claims.row import EPS, SD_V1, claim
from trueto.candidates.diffusers.loops import compiled
from trueto.candidates.diffusers.older import check_times
from trueto.fixtures.noise import first_of
from trueto.model import Claim
from trueto.references.forward import each_its_own

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS"]

PROCESS = "Add noise to the original samples according to the noise magnitude at each timestep (this is the forward diffusion process)."
SCHEDULE = "Add noise to the original samples according to the noise schedule at the specified timesteps."
# The cases that a scheduler is claimed for. One that looks in its list of times can know only times that are in it: which, the case says.
EVERY = ("*",)
NOISE = ("[!v]*",)
COSINE = ("before-cosine",)
TENTHS = ("before", "before-leading", "after-tenths", "between")
ELEVENTHS = ("before", "before-leading", "after-elevenths", "between")
LINSPACE = ("before", "before-leading", "after-linspace", "between")
# Times of drawn cases, of which any scheduler knows every one before set_timesteps(); what it knows afterwards is recorded case by case.
FOUR_TIMES = {
    "choices": [[0, 333, 666, 999], [1, 2, 3, 4], [10, 100, 101, 998], [499, 500, 501, 502], [5, 250, 750, 990], [0, 17, 940, 999]],
    "always": True,
}
# File of the scheduler, its class, how its noisy samples are scaled (`alpha_bar`: variance one, `sigma`: picture plus sigma times noise).
ROWS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("ddpm", "DDPMScheduler", "alpha_bar", EVERY),
    ("ddim", "DDIMScheduler", "alpha_bar", EVERY),
    ("pndm", "PNDMScheduler", "alpha_bar", NOISE),
    ("lcm", "LCMScheduler", "alpha_bar", EVERY),
    ("tcd", "TCDScheduler", "alpha_bar", EVERY),
    ("sasolver", "SASolverScheduler", "alpha_bar", NOISE),
    ("unclip", "UnCLIPScheduler", "alpha_bar", COSINE),
    ("dpmsolver_multistep", "DPMSolverMultistepScheduler", "alpha_bar", ELEVENTHS),
    ("dpmsolver_singlestep", "DPMSolverSinglestepScheduler", "alpha_bar", LINSPACE),
    ("unipc_multistep", "UniPCMultistepScheduler", "alpha_bar", ELEVENTHS),
    ("deis_multistep", "DEISMultistepScheduler", "alpha_bar", ELEVENTHS),
    ("euler_discrete", "EulerDiscreteScheduler", "sigma", (*TENTHS, "velocity-*")),
    ("euler_ancestral_discrete", "EulerAncestralDiscreteScheduler", "sigma", TENTHS),
    ("heun_discrete", "HeunDiscreteScheduler", "sigma", TENTHS),
    ("lms_discrete", "LMSDiscreteScheduler", "sigma", TENTHS),
    ("k_dpm_2_discrete", "KDPM2DiscreteScheduler", "sigma", TENTHS),
    ("k_dpm_2_ancestral_discrete", "KDPM2AncestralDiscreteScheduler", "sigma", TENTHS),
    ("dpmsolver_sde", "DPMSolverSDEScheduler", "sigma", TENTHS),
)
BY_TABLE = ("ddpm", "ddim", "pndm", "lcm", "tcd", "sasolver", "unclip")  # their docstrings say PROCESS, the others' SCHEDULE


def adding_noise(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """Ask for the noisy sample, or the velocity, at each time of the case; as training scripts do, or after set_timesteps()."""
    import torch

    options, batch = run.case.options, run.case.shape[0]
    if options["prepared"]:
        scheduler.set_timesteps(options["prepared"], device=run.device)
    velocity = options.get("target") == "velocity"
    function = compiled(scheduler.get_velocity if velocity else scheduler.add_noise, flags)
    sigma = claim.settings["levels"]["kind"] == "sigma"
    if sigma and not velocity:
        check_times(scheduler, options["times"])
    picture, noise = run.picture(), run.start_noise()

    def at(times: list[int]) -> Any:
        told = torch.tensor(times, device=run.device)
        if velocity and sigma:  # EulerDiscreteScheduler.get_velocity refuses whole numbers and asks for entries of its `timesteps`
            told = told.float()
        noisy = function(picture, noise, told)
        if velocity or not sigma:
            return noisy
        alpha_bar = torch.from_numpy(np.sqrt(run.schedule.alphas_cumprod[times])).to(noisy)  # of X: a wrong sigma must show
        return noisy * alpha_bar.reshape(-1, 1, 1, 1)

    for step, time in enumerate(options["times"]):
        run.see(at([time] * batch), time, step)
    sample = at(each_its_own(options["times"], batch, first_of(run.case.seed)))
    levels = run.table(run.schedule.alphas_cumprod[[*options["times"], options["times"][-1]]])
    run.finish(levels=levels, level_kind="alpha_bar", start=picture, sample=sample)


LOOPS = {"forward": adding_noise}


def _row(file: str, scheduler: str, levels: str, cases: tuple[str, ...]) -> Claim:
    velocity = cases == EVERY or "velocity-*" in cases
    options = {"times": FOUR_TIMES, "prepared": {"choices": [0], "always": True}}
    domain = {
        "steps": [4, 4],  # as many states as times
        "further": [],
        "grids": ["model"],
        "layers": ["trajectory"],  # as recorded: no step is taken, and there are no levels but those of the case
        "schedules": ["cosine"] if cases == COSINE else ["sd_v1", "linear", "cosine"],
        "options": {**options, **({"target": {"choices": ["velocity"]}} if cases == EVERY else {})},
    }
    return claim(
        "guided_diffusion/q_sample",
        scheduler,
        f"diffusers/schedulers/scheduling_{file}.py, add_noise" + (" and get_velocity" if velocity else ""),
        PROCESS if file in BY_TABLE else SCHEDULE,
        name=file,
        grids={"model": {}, "leading": {"timestep_spacing": "leading"}},
        parameterizations=EPS,
        config=SD_V1,
        levels=levels,
        loop="forward",
        driven=("times", "prepared", "target"),
        cases=cases,
        domain=domain,
    )


CLAIMS: tuple[Claim, ...] = tuple(_row(*row) for row in ROWS)
