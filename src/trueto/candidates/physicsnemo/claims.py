"""PhysicsNeMo's samplers, each with what it says of itself."""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS"]

DOCS = "nvidia-physicsnemo 2.2.2, physicsnemo/diffusion/samplers/"
SUPERSET = (
    "Generalized sampler, representing the superset of all sampling methods discussed in the paper Elucidating the Design Space of "
    "Diffusion-Based Generative Models (EDM)."
)
ALGORITHM_2 = "Proposed EDM sampler (Algorithm 2) with minor changes to enable super-resolution and patch-based diffusion."
GRIDS = ("edm", "vp", "ve", "iddpm")
OPTIONS = ("s_churn", "s_min", "s_max", "s_noise", "sigma_min", "sigma_max", "rho", "alpha", "schedule", "scaling")


def _claim(
    reference: str, function: str, file: str, quote: str, cases: tuple[str, ...], note: str, *, name: str = "", **settings: Any
) -> Claim:
    table: dict[str, Any] = {
        "grids": {grid: {} for grid in GRIDS},
        "parameterizations": {form: {} for form in ("edm", "score")},
        "options": dict.fromkeys(OPTIONS, "call"),
        "given": {},
        **settings,
    }
    identity = f"{reference}@{name}" if name else reference
    return Claim(identity, reference, f"diffusion.samplers.{function}", DOCS + file, quote, cases, table, note)


# What a function is called, where it is said, and what is said of it.
DETERMINISTIC = ("legacy_deterministic_sampler:deterministic_sampler", "legacy_deterministic_sampler.py, deterministic_sampler", SUPERSET)
STOCHASTIC = ("legacy_stochastic_sampler:stochastic_sampler", "legacy_stochastic_sampler.py, stochastic_sampler", ALGORITHM_2)
SAMPLE = "samplers:sample"

CLAIMS: tuple[Claim, ...] = (
    _claim(
        "edm/ablation",
        *DETERMINISTIC,
        ("*",),
        "with VP's range of levels given, as the original has it; still the sampler of the library's own generation code",
        given={"solver": "heun"},
        range={},
    ),
    _claim(
        "edm/ablation",
        *DETERMINISTIC,
        ("vp-*",),
        "as shipped, with its own range of VP's levels",
        name="shipped",
        given={"solver": "heun"},
    ),
    _claim(
        "edm/euler",
        *DETERMINISTIC,
        ("*",),
        "with solver='euler', and VP's range of levels given, as the original has it",
        given={"solver": "euler"},
        range={},
    ),
    _claim(
        "edm/heun",
        *STOCHASTIC,
        ("*",),
        "from 80 on, as the original",
        range={},
    ),
    _claim(
        "edm/heun",
        *STOCHASTIC,
        ("edm-*",),
        "as shipped, from 800 on",
        name="shipped",
    ),
    _claim(
        "edm/heun",
        SAMPLE,
        "edm_stochastic_heun.py, EDMStochasticHeunSolver, and noise_schedulers/edm.py",
        "Second-order stochastic Heun sampler from the EDM paper.",
        ("*",),
        "with EDMNoiseScheduler",
        name="solver",
        given={"solver": "edm_stochastic_heun"},
    ),
    _claim(
        "edm/euler",
        SAMPLE,
        "edm_stochastic_euler.py, EDMStochasticEulerSolver, and noise_schedulers",
        "First-order stochastic Euler sampler from the EDM paper.",
        ("edm-*", "churn-*", "range-*", "iddpm-*"),
        "with EDMNoiseScheduler and IDDPMNoiseScheduler",
        name="solver",
        given={"solver": "edm_stochastic_euler"},
    ),
    _claim(
        "edm/ablation",
        SAMPLE,
        "edm_stochastic_heun.py, EDMStochasticHeunSolver, and noise_schedulers",
        "Second-order stochastic Heun sampler from the EDM paper. [...] alpha=1 gives the standard Heun method (trapezoidal rule), "
        "alpha=0.5 gives the midpoint method.",
        ("ve-ve-*", "iddpm-15", "midpoint-*", "vp-vp-vp-*", "vp-alpha-*", "churn-*"),
        "with the noise scheduler of the case's path; VP's with the original's beta_d",
        name="solver",
        given={"solver": "edm_stochastic_heun"},
    ),
)
