"""Which scheduler of diffusers samples consistency models as OpenAI's code does, and how it is driven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.row import DOCS, claim
from trueto.candidates.diffusers.loops import compiled
from trueto.model import Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS", "NO_CLAIMS"]

QUOTE = (
    "Consistency Models [...] introduced a multistep and onestep scheduler (Algorithm 1) [...] The original codebase can be found at "
    "openai/consistency_models."
)

TIMESTEPS = (
    "the pipeline's docstring: \"Timesteps can be explicitly specified; the particular timesteps below are from the original GitHub repo "
    "[...] timesteps=[22, 0]\"; a run always ends at sigma_min, where the original's `ts` may end earlier"
)


def consistency(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG001 - all loops are alike
    """ConsistencyModelPipeline's loop; its post-processing clips the picture to [-1, 1].

    For several steps its `timesteps` are the original's `ts` without the last, in descending order, by the pipeline's documentation.
    """
    latents = run.start_noise() * scheduler.init_noise_sigma
    start = latents
    ts = run.case.options.get("ts")
    if ts is None:
        scheduler.set_timesteps(run.case.steps)
    else:
        scheduler.set_timesteps(timesteps=list(reversed(ts[:-1])))
    step = compiled(scheduler.step, flags)
    for index, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = index
        scaled = scheduler.scale_model_input(latents, t)
        latents = step(run.network(scaled, t), t, latents)[0]
    levels = scheduler.sigmas
    run.finish(levels=levels, level_kind="sigma", start=start / (levels[0] ** 2 + 1) ** 0.5, sample=latents.clamp(-1, 1))


# Step counts are those of the lists; a run of many steps is a longer list.
LEVELS: dict[str, Any] = {"further": [], "schedules": ["edm1000"]}
RANGES = {
    "clip_denoised": {"choices": [True, False]},
    "sigma_min": {"range": [0.01, 0.1]},
    "sigma_max": {"range": [20.0, 160.0]},
}
TWO_STEPS = {"choices": [[0, first, 39] for first in (1, 7, 17, 22, 31, 38)] + [[5, 20, 39], [30, 33, 39]], "always": True}

LOOPS = {"consistency": consistency}

CLAIMS: tuple[Claim, ...] = tuple(
    claim(
        f"consistency_models/{name}",
        "CMStochasticIterativeScheduler",
        DOCS + "cm_stochastic_iterative",
        QUOTE,
        grids={"karras": {}},
        parameterizations={"edm": "epsilon"},
        config={},  # the defaults are those of the released models with 40 levels
        init=("clip_denoised", "num_train_timesteps", "sigma_min", "sigma_max"),
        step=step,
        loop="consistency",
        cases=cases,
        note=note,
        domain=domain,
    )
    for name, step, cases, note, domain in (
        ("multistep", ("ts",), ("ts-*",), TIMESTEPS, {**LEVELS, "steps": [2, 2], "options": {**RANGES, "ts": TWO_STEPS}}),
        ("onestep", (), ("*",), "num_inference_steps=1", {**LEVELS, "steps": [1, 1], "options": RANGES}),
    )
)

NO_CLAIMS: dict[str, str] = {
    "consistency_models/heun": "for networks in EDM form no scheduler is documented as Heun's; HeunDiscreteScheduler is k-diffusion's",
}
