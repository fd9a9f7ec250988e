"""Which samplers of flaxdiff are which originals, by its README and its comments.

`walk` in the settings of a claim: the `schedule` of noise, the `prediction` of the network, whether the steps are as `shipped` or the
original's own, and how many `calls` of the network a step has.
"""

from __future__ import annotations

from typing import Any

from trueto.model import Claim, Layer

__all__ = ["CLAIMS", "NO_CLAIMS"]

DOCS = "flaxdiff 0.2.11, README"
DDIM = (DOCS + ", Samplers", "DDIMSampler: Implements the Denoising Diffusion Implicit Model (DDIM) sampling process.")
AS_ODE = ("flaxdiff 0.2.11, flaxdiff/samplers/euler.py, EulerSampler", "Basically a DDIM Sampler but parameterized as an ODE")
KARRAS = (
    "KarrasVENoiseScheduler: A sigma-parameterized continuous scheduler proposed by Karras et al. 2022, best suited for inference. [...] "
)
EULER = (DOCS, KARRAS + "EulerSampler: An ODE solver sampler using Euler's method.")
HEUN = (DOCS, KARRAS + "HeunSampler: An ODE solver sampler using Heun's method.")
PRESERVING = {"schedule": "LinearNoiseSchedule", "prediction": "EpsilonPredictionTransform", "calls": 1}
EXPLODING = {"schedule": "KarrasVENoiseScheduler", "prediction": "DirectPredictionTransform", "calls": 1}
GRIDS = {"ermongroup/ddim": "uniform", "k_diffusion/euler": "karras", "edm/heun": "edm"}
CASES = {"ermongroup/ddim": ("uniform-*",), "k_diffusion/euler": ("edm-*",), "edm/heun": ("edm-*",)}
UNCLIPPED = "; before the clip to [-1, 1] that ends it, as every pipeline ends"
OWN = "on the original's own steps, which `steps_override` takes, from latents of the user's" + UNCLIPPED
SHIPPED = "as shipped: so many steps of the library's own, from latents as it scales them" + UNCLIPPED
WRAPPED = "; around a network that is a denoiser already, since the library's own wrapper adds 1e-8 to its divisors"


def _claim(reference: str, sampler: str, said: tuple[str, str], walk: dict[str, Any], *, name: str = "", shipped: bool = False) -> Claim:
    layers = [Layer.SCHEDULE, *([Layer.START] if shipped else []), Layer.UPDATE, Layer.TRAJECTORY]
    exploding = walk["schedule"] == EXPLODING["schedule"]
    settings: dict[str, Any] = {
        "layers": {str(layer): {} for layer in layers},
        "grids": {GRIDS[reference]: {}},
        "parameterizations": {"edm" if exploding else "eps": {}},
        "options": {},
        "walk": {**walk, "shipped": shipped},
    }
    identity = f"{reference}@{name}" if name else reference
    note = (SHIPPED if shipped else OWN) + (WRAPPED if exploding else "")
    return Claim(identity, reference, f"samplers:{sampler}", *said, CASES[reference], settings, note)


TWO_CALLS = {**EXPLODING, "calls": 2}
CLAIMS: tuple[Claim, ...] = (
    _claim("ermongroup/ddim", "DDIMSampler", DDIM, PRESERVING),
    _claim("ermongroup/ddim", "DDIMSampler", DDIM, PRESERVING, name="shipped", shipped=True),
    _claim("ermongroup/ddim", "EulerSampler", AS_ODE, PRESERVING, name="euler"),
    _claim("k_diffusion/euler", "EulerSampler", EULER, EXPLODING),
    _claim("edm/heun", "HeunSampler", HEUN, TWO_CALLS),
    _claim("edm/heun", "HeunSampler", HEUN, TWO_CALLS, name="shipped", shipped=True),
)

NO_CLAIMS: dict[str, str] = {
    "k_diffusion/euler_ancestral": "recorded for networks that are told training times; flaxdiff's schedule for it tells ln(sigma) / 4",
    "k_diffusion/heun": "claimed as edm/heun: recorded for networks that are told training times, as k_diffusion/euler_ancestral",
    "ho/ddpm": "DDPMSampler raises TypeError at its first step (docs/findings/flaxdiff-raises.md)",
    "ermongroup/ddpm": "SimpleDDPMSampler is in no documentation",
    "dpm_solver/multistep": "MultiStepDPM is documented as inspired by tonyduan/diffusion, which is another algorithm",
}
