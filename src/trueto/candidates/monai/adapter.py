"""Driving MONAI's schedulers as its DiffusionInferer does; imported in a worker, where alone MONAI is imported."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates._library import Library, bare_package
from trueto.candidates.monai.claims import CLAIMS, NO_CLAIMS
from trueto.fixtures import schedule
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "MonaiAdapter"]

BETAS = {"linear": "linear_beta", "scaled_linear": "scaled_linear_beta"}  # the library's names of the families of betas
RUNGE_KUTTA_STEPS = 3
LAST_TOLD = 999  # by rectified flow, of times from 0 to 1


class MonaiAdapter(Library):
    """The adapter of MONAI (see `trueto.candidates.Adapter`)."""

    name = "monai"
    distribution = "monai"
    claims = CLAIMS
    no_claims = NO_CLAIMS
    modules = ("monai.networks.schedulers",)

    def load(self) -> None:
        """Import the schedulers, without the rest of the library."""
        bare_package("monai", __version__=self.version())
        bare_package("monai.networks")
        super().load()

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:
        """The constructor's arguments: betas of the case's training schedule, what the claim says, then what the case does."""
        if claim.settings["loop"]["kind"] == "flow":
            return dict(claim.settings["config"])
        betas = schedule(case.schedule).settings
        targets = {name: place.partition(":") for name, place in claim.settings["options"].items()}
        chosen = {there: case.options[name] for name, (place, _, there) in targets.items() if place == "init" and name in case.options}
        return {
            "num_train_timesteps": len(schedule(case.schedule)),
            "schedule": BETAS[betas["beta_schedule"]],
            "beta_start": betas["beta_start"],
            "beta_end": betas["beta_end"],
            "prediction_type": claim.settings["parameterizations"][case.parameterization],
            **claim.settings["config"],
            **chosen,
        }

    def _scheduler(self, claim: Claim, case: Case) -> Any:
        """The scheduler in its configuration. Where its constructor refuses an offset, that is set afterwards."""
        given = self.settings(claim, case)
        offset = given.pop("steps_offset", 0)
        try:
            return self.claimed(claim)(**given, **({"steps_offset": offset} if offset else {}))
        except ValueError as error:
            if not offset or "steps_offset" not in str(error):
                raise
        made = self.claimed(claim)(**given)
        made.steps_offset = offset
        return made

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these schedulers
        """The loop of DiffusionInferer.sample."""
        import torch

        kind = claim.settings["loop"]["kind"]
        if kind == "flow":
            return flow(self.claimed(claim)(**self.settings(claim, run.case)), run)
        scheduler, case = self._scheduler(claim, run.case), run.case
        extra = {name: value for name, value in case.options.items() if claim.settings["options"][name] == "step"}
        scheduler.set_timesteps(case.steps)
        start = image = run.start_noise()
        for index, t in enumerate(scheduler.timesteps):
            run.step = run.noise.step = step_of(index, kind)
            image, _ = scheduler.step(run.network(image, torch.Tensor((t,))), t, image, **extra)
        return run.finish(levels=levels_of(scheduler, kind, case), level_kind="alpha_bar", start=start, sample=image)


def flow(scheduler: Any, run: Run) -> None:
    """The same loop as DiffusionInferer has it for RFlowScheduler, whose velocity leads to the picture."""
    import torch

    scheduler.set_timesteps(run.case.steps)
    times = torch.cat([scheduler.timesteps, torch.tensor([0], dtype=scheduler.timesteps.dtype)])
    start = image = run.start_noise()
    for step, (t, ahead) in enumerate(pairwise(times)):
        run.step = run.noise.step = step
        told = run.table(LAST_TOLD * (1 - np.array([float(t)]) / scheduler.num_train_timesteps))
        image, _ = scheduler.step(-run.network(image, told), t, image, ahead)
    levels = run.table(times.numpy() / scheduler.num_train_timesteps)
    size = ((1 - levels) ** 2 + levels**2) ** 0.5
    run.finish(levels=levels, level_kind="flow", start=start / size[0], sample=image / size[-1])


def step_of(index: int, kind: str) -> int:
    """The sampling step that a network call belongs to."""
    return {"single": index, "plms": max(index - 1, 0), "runge_kutta": max(index // 4, index - 3 * RUNGE_KUTTA_STEPS)}[kind]


def levels_of(scheduler: Any, kind: str, case: Case) -> Any:
    """alpha_bar at the time of each step, then where the last step ends."""
    import torch

    times = scheduler.timesteps
    if kind == "runge_kutta":
        calls = 4 * RUNGE_KUTTA_STEPS
        times = torch.cat([times[:calls:4], times[calls:]])
    if kind == "plms" and len(times) > 1:
        times = torch.cat([times[:1], times[2:]])
    before = times[-1] - scheduler.num_train_timesteps // (scheduler.num_inference_steps or case.steps)
    final = getattr(scheduler, "final_alpha_cumprod", scheduler.one)
    last = scheduler.alphas_cumprod[before] if before >= 0 and hasattr(scheduler, "final_alpha_cumprod") else final
    return torch.cat([scheduler.alphas_cumprod[times], last.reshape(1)])


ADAPTER = MonaiAdapter()
