"""Driving refiners' solvers as its LatentDiffusionModel does; imported in a worker, where alone refiners is imported."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates._library import Library, bare_package
from trueto.fixtures import schedule
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "RefinersAdapter"]

PACKAGE = "foundationals.latent_diffusion"
DOCS = "refiners 0.4.0, refiners/foundationals/latent_diffusion/solvers/"
NOISE_SCHEDULES = {"linear": "uniform", "scaled_linear": "quadratic"}  # the library's names of the families of betas
ENUMERATIONS = {
    "timesteps_spacing": "TimestepSpacing",
    "noise_schedule": "NoiseSchedule",
    "model_prediction_type": "ModelPredictionType",
}


def _claim(  # noqa: PLR0913 - a claim is a row of a table, with these columns
    reference: str, solver: str, source: str, quote: str, *, grid: str = "uniform", forms: tuple[str, ...] = ("eps",),
    cases: tuple[str, ...] = ("*",), note: str = "", name: str = "", params: Mapping[str, Any] | None = None,
    options: Mapping[str, str] | None = None, init: Mapping[str, Any] | None = None,
) -> Claim:  # fmt: skip
    predicted = {"eps": "noise", "x0": "sample"}
    settings: dict[str, Mapping[str, Any]] = {
        "grids": {grid: {}},
        "parameterizations": {form: predicted[form] for form in forms},
        "options": options or {},
        "params": params or {},
        "init": init or {},
    }
    identity = f"{reference}@{name}" if name else reference
    return Claim(identity, reference, f"{PACKAGE}.solvers:{solver}", DOCS + source, quote, cases, settings, note)


SONG = "Denoising Diffusion Implicit Model (DDIM) solver. See [arXiv:2010.02502] Denoising Diffusion Implicit Models for more details."
LU = (
    "See [arXiv:2211.01095] DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models for more details. [...] we "
    "want the same result as the original DPM codebase."
)
DPM_CASES = ("order2-9", "order2-1[0-4]*", "order2-2*", "linear-20")

CLAIMS: tuple[Claim, ...] = (
    _claim(
        "ermongroup/ddim",
        "DDIM",
        "ddim.py, DDIM",
        SONG,
        cases=("uniform-*", "sd_v1-*"),
        params={"timesteps_offset": 0},
        note="with timesteps_offset=0 and the original's betas",
    ),
    _claim(
        "compvis/ddim",
        "DDIM",
        "ddim.py, DDIM, and solver.py, NoiseSchedule",
        SONG + ' [...] QUADRATIC: A quadratic noise schedule. Corresponds to "Stable Diffusion"',
        cases=("uniform-*", "linear-*"),
        note="as shipped, for Stable Diffusion; without guidance, which the solver leaves to its caller",
    ),
    _claim(
        "k_diffusion/euler",
        "Euler",
        "euler.py, Euler",
        "Euler solver. See [arXiv:2206.00364] Elucidating the Design Space of Diffusion-Based Generative Models for more details.",
        grid="model",
        forms=("eps", "x0"),
        cases=("model-*", "x0-*"),
        note="as shipped; it has no churn, and refuses linear betas",
    ),
    _claim(
        "dpm_solver/multistep",
        "DPMSolver",
        "dpm.py, DPMSolver",
        LU,
        grid="time_uniform",
        cases=DPM_CASES,
        options={"order": ""},
        note="as shipped",
    ),
    _claim(
        "dpm_solver/multistep",
        "DPMSolver",
        "dpm.py, DPMSolver, and last_step_first_order",
        LU
        + " [...] This parameter is a way to mitigate that effect by using a first-order (Euler) update instead of a second-order update "
        "for the last step of the diffusion.",
        name="last_step_first_order",
        grid="time_uniform",
        cases=DPM_CASES,
        options={"order": ""},
        init={"last_step_first_order": True},
    ),
    _claim(
        "lcm/lcm",
        "LCMSolver",
        "lcm.py, LCMSolver",
        "Latent Consistency Model solver. [...] This equation is the one used in the original implementation "
        "(https://huggingface.co/SimianLuo/LCM_Dreamshaper_v7)",
        options={"original_inference_steps": "num_orig_steps"},
        cases=("uniform-*", "known-*", "linear-*"),
        note="as shipped",
    ),
)


class RefinersAdapter(Library):
    """The adapter of refiners (see `trueto.candidates.Adapter`)."""

    name = "refiners"
    distribution = "refiners"
    claims = CLAIMS
    no_claims: Mapping[str, str] = {"ho/ddpm": "DDPM is documented as 'Only used for training Latent Diffusion models. Cannot be called.'"}
    modules = ("refiners.foundationals.latent_diffusion.solvers",)

    def load(self) -> None:
        """Import the solvers, without models and images."""
        for package in ("refiners", "refiners.foundationals", f"refiners.{PACKAGE}"):
            bare_package(package)
        super().load()

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:
        """The constructor's arguments: betas of the case's training schedule among `params`, then what the claim and the case say."""
        betas = schedule(case.schedule).settings
        names = claim.settings["options"]
        return {
            "num_inference_steps": case.steps,
            "params": {
                "num_train_timesteps": len(schedule(case.schedule)),
                "noise_schedule": NOISE_SCHEDULES[betas["beta_schedule"]],
                "initial_diffusion_rate": betas["beta_start"],
                "final_diffusion_rate": betas["beta_end"],
                "model_prediction_type": claim.settings["parameterizations"][case.parameterization],
                **claim.settings["params"],
            },
            **claim.settings["init"],
            **{names[name]: value for name, value in case.options.items() if names[name]},
        }

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these solvers
        """The loop of the library's guides: init_latents, then the model's call for each step."""
        solvers, given = importlib.import_module(f"refiners.{PACKAGE}.solvers"), self.settings(claim, run.case)
        params = {
            name: getattr(solvers, ENUMERATIONS[name])(value) if name in ENUMERATIONS else value
            for name, value in given.pop("params").items()
        }
        solver = self.claimed(claim)(**given, params=solvers.SolverParams(**params), dtype=run.dtype)
        start = x = solver.scale_model_input(run.start_noise(), step=-1)
        for step in solver.inference_steps:
            run.step = run.noise.step = step
            told = solver.timesteps[step].unsqueeze(dim=0)
            predicted = run.network(solver.scale_model_input(x, step=step), told)
            x = solver(x, predicted_noise=predicted, step=step)
        levels, kind = levels_of(solver)
        ends = [(levels[place] ** 2 + 1) ** 0.5 if kind == "sigma" and hasattr(solver, "sigmas") else 1 for place in (0, -1)]
        run.finish(levels=levels, level_kind=kind, start=start / ends[0], sample=x / ends[1])


def levels_of(solver: Any) -> tuple[Any, str]:
    """The level at each step and where the last step ends, and what they are."""
    import torch

    if hasattr(solver, "sigmas"):
        return solver.sigmas, "sigma"
    if hasattr(solver, "estimated_data"):
        return (solver.noise_std / solver.cumulative_scale_factors)[[*solver.timesteps.tolist(), 0]], "sigma"
    levels = solver.cumulative_scale_factors**2
    last = torch.ones_like(levels[:1]) if hasattr(solver, "dpm") else levels[:1]
    return torch.cat([levels[solver.timesteps], last]), "alpha_bar"


ADAPTER = RefinersAdapter()
