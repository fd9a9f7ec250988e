"""Which schedulers of MONAI are which originals, by their own docstrings.

`settings` of a claim: `config` goes into the scheduler's constructor, `options` are the original's options that `step()` or the constructor
take, `loop` says how network calls make up steps, `grids` which of the original's grids the scheduler can be asked for.
"""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

DOCS = "MONAI, monai/networks/schedulers/"
SONG = (DOCS + "ddim.py, DDIMScheduler", 'Based on: Song et al. "Denoising Diffusion Implicit Models" https://arxiv.org/abs/2010.02502')
AS_COMPVIS = (
    "You can use a combination of `steps_offset=1` and `set_alpha_to_one=False`, to make the last step use step 0 for the previous alpha "
    "product, as done in stable diffusion."
)
HO = (
    DOCS + "ddpm.py, DDPMScheduler",
    'Based on: Ho et al., "Denoising Diffusion Probabilistic Models" https://arxiv.org/abs/2006.11239',
)
FEWER = (
    "num_inference_steps: number of diffusion steps used when generating samples with a pre-trained model. [...] Based on: Ho et al., "
    '"Denoising Diffusion Probabilistic Models"'
)
STEPS = (DOCS + "ddpm.py, DDPMScheduler.set_timesteps, and the class", FEWER)
LIU = (
    DOCS + "pndm.py, PNDMScheduler",
    'Based on: Liu et al., "Pseudo Numerical Methods for Diffusion Models on Manifolds" https://arxiv.org/abs/2202.09778',
)
CROWSON = (
    "When using PNDM with `self.skip_prk_steps` the implementation is based on crowsonkb's PLMS sampler implementation: "
    "https://github.com/CompVis/latent-diffusion/pull/51"
)
PLMS = (DOCS + "pndm.py, PNDMScheduler.set_timesteps", CROWSON)
FLOW = (
    DOCS + "rectified_flow.py, RFlowScheduler, whose example is the loop of DiffusionInferer",
    "A rectified flow scheduler for guiding the diffusion process in a generative model.",
)
RELEASED = {"steps_offset": 1, "set_alpha_to_one": False}


def _claim(  # noqa: PLR0913 - a claim is a row of a table, with these columns
    reference: str,
    scheduler: str,
    said: tuple[str, str],
    *,
    name: str = "",
    note: str = "",
    cases: tuple[str, ...] = ("*",),
    grids: tuple[str, ...] = ("uniform",),
    forms: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    **settings: dict[str, Any],
) -> Claim:
    shared: dict[str, dict[str, Any]] = {
        "grids": {grid: {} for grid in grids},
        "parameterizations": {"eps": "epsilon"} if forms is None else dict(forms),
        "options": options or {},
        "config": {},
        "loop": {"kind": "single"},
    }
    identity = f"{reference}@{name}" if name else reference
    return Claim(identity, reference, f"networks.schedulers:{scheduler}", *said, cases, {**shared, **settings}, note)


CLAIMS: tuple[Claim, ...] = (
    _claim(
        "ermongroup/ddim",
        "DDIMScheduler",
        SONG,
        options={"eta": "step"},
        note="with the constructor's defaults: clip_sample=True, set_alpha_to_one=True, steps_offset=0",
    ),
    _claim("ermongroup/ddim", "DDIMScheduler", SONG, name="unclipped", options={"eta": "step"}, config={"clip_sample": False}),
    _claim(
        "compvis/ddim",
        "DDIMScheduler",
        (SONG[0] + ", steps_offset", AS_COMPVIS),
        options={"eta": "step"},
        config={**RELEASED, "clip_sample": False},
        cases=("uniform-*", "linear-*", "eta1-*", "eta0.5-20"),
        note="as Stable Diffusion is told to be sampled; without guidance, which the scheduler leaves to its caller. Up to 1.5.1 the "
        "constructor refuses steps_offset=1, which is set on the object there",
    ),
    _claim(
        "ho/ddpm",
        "DDPMScheduler",
        HO,
        grids=("spaced",),
        forms={"eps": "epsilon", "x0": "sample"},
        options={"variance": "init:variance_type", "clip_denoised": "init:clip_sample"},
        cases=("[!l]*", "large-*"),
        note="over every training time, as the original samples; a network that tells its variance has other channels there",
    ),
    _claim(
        "ermongroup/ddpm",
        "DDPMScheduler",
        STEPS,
        config={"variance_type": "fixed_large"},
        note="on fewer than all training times, which set_timesteps offers",
    ),
    _claim(
        "pndm/pndm",
        "PNDMScheduler",
        LIU,
        loop={"kind": "runge_kutta"},
        cases=("uniform-*", "quad-*"),
        note="with the constructor's defaults, so skip_prk_steps=False",
    ),
    _claim(
        "compvis/plms",
        "PNDMScheduler",
        PLMS,
        config={**RELEASED, "skip_prk_steps": True},
        loop={"kind": "plms"},
        cases=("[!g]*",),
        note="with the settings that its documentation names for Stable Diffusion",
    ),
    _claim(
        "rectified_flow/euler",
        "RFlowScheduler",
        FLOW,
        forms={"flow": "v_prediction"},
        loop={"kind": "flow"},
        note="with the constructor's defaults. Its times count from the picture: a network of the original's is told 999 (1 - t / 1000)",
    ),
)

NO_CLAIMS: dict[str, str] = {
    "sd3/euler": "RFlowScheduler is claimed as rectified_flow/euler; its documentation does not name Stable Diffusion 3",
}
