"""The samplers of k-diffusion's package, each with what it says of itself."""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS"]

SAMPLING = "k-diffusion 0.1.1.post1, k_diffusion/sampling.py: sample_"
README = "k-diffusion 0.1.1.post1, README"
GRIDS = {name: {} for name in ("model", "karras", "exponential", "polyexponential", "vp")}
FORMS = {name: {} for name in ("eps", "v", "x0", "edm")}
CHURN = ("s_churn", "s_tmin", "s_tmax", "s_noise")
ANCESTRAL = ("eta", "s_noise")
ADAPTIVE = ("order", "rtol", "atol", "h_init", "pcoeff", "icoeff", "dcoeff", "accept_safety", *ANCESTRAL)


def _claim(name: str, quote: str, options: tuple[str, ...] = (), source: str = "") -> Claim:
    settings: dict[str, Any] = {"grids": GRIDS, "parameterizations": FORMS, "options": dict.fromkeys(options, "call")}
    where = source or f"{SAMPLING}{name}"
    return Claim(f"k_diffusion/{name}", f"k_diffusion/{name}", f"sampling:sample_{name}", where, quote, settings=settings)


CLAIMS: tuple[Claim, ...] = (
    _claim("euler", "Implements Algorithm 2 (Euler steps) from Karras et al. (2022).", CHURN),
    _claim("euler_ancestral", "Ancestral sampling with Euler method steps.", ANCESTRAL),
    _claim("heun", "Implements Algorithm 2 (Heun steps) from Karras et al. (2022).", CHURN),
    _claim("dpm_2", "A sampler inspired by DPM-Solver-2 and Algorithm 2 from Karras et al. (2022).", CHURN),
    _claim("dpm_2_ancestral", "Ancestral sampling with DPM-Solver second-order steps.", ANCESTRAL),
    _claim("lms", "additional features, such as improved sampling algorithms", ("order",), README),
    _claim("dpm_fast", "DPM-Solver-Fast (fixed step size). See https://arxiv.org/abs/2206.00927.", ANCESTRAL),
    _claim("dpm_adaptive", "DPM-Solver-12 and 23 (adaptive step size). See https://arxiv.org/abs/2206.00927.", ADAPTIVE),
    _claim("dpmpp_2s_ancestral", "Ancestral sampling with DPM-Solver++(2S) second-order steps.", ANCESTRAL),
    _claim("dpmpp_sde", "DPM-Solver++ (stochastic).", (*ANCESTRAL, "r")),
    _claim("dpmpp_2m", "DPM-Solver++(2M)."),
    _claim("dpmpp_2m_sde", "DPM-Solver++(2M) SDE.", (*ANCESTRAL, "solver_type")),
    _claim("dpmpp_3m_sde", "DPM-Solver++(3M) SDE.", ANCESTRAL),
)
