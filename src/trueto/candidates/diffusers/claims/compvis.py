"""Which schedulers of diffusers are CompVis' samplers."""

from __future__ import annotations

from trueto.candidates.diffusers.claims.row import CLIP, EPS, GENERATOR, PREDICTION, SPLIT, THRESHOLD, TRAINED_BETAS, WIDE_CLIP, axis, claim
from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

GUIDANCE = [None, 1.5, 7.5]
SPACING = axis(
    "diffusers documentation, api/schedulers/overview: timestep_spacing, see table 2 of arXiv 2305.08891",
    layers=("schedule", "start", "trajectory"),  # a step does not end where the next begins, so that levels alone do not say the steps
    linspace=({"timestep_spacing": "linspace"}, {"spacing": "linspace", "previous": "stride"}),
    trailing=({"timestep_spacing": "trailing"}, {"spacing": "trailing", "previous": "stride"}),
)
# There the second call of PLMS is at the next time, and its step spans the stride that ends there.
SPACING_PLMS = axis(
    SPACING["source"],
    layers=tuple(SPACING["layers"]),
    linspace=({"timestep_spacing": "linspace"}, {"spacing": "linspace", "previous": "stride", "corrected": "stride_to_call"}),
    trailing=({"timestep_spacing": "trailing"}, {"spacing": "trailing", "previous": "stride", "corrected": "stride_to_call"}),
)
AT_ONE = axis(
    "diffusers, DDIMScheduler, set_alpha_to_one: 'When this option is `True` the previous alpha product is fixed to `1`'",
    true=({"set_alpha_to_one": True}, {"final_alpha": "one"}),
)
CLIPPED = axis(
    "diffusers, clip_sample: 'Clip the predicted sample for numerical stability'",
    true=({"clip_sample": True}, {"clip": "x0"}),
    **CLIP,
    # step(), use_clipped_model_output: 'the predicted noise is recomputed from the clipped predicted original sample'
    both=({"clip_sample": True}, {"clip": "x0_and_eps"}, {"step": {"use_clipped_model_output": True}}),
)
THRESHOLDED = axis(
    "diffusers, thresholding: 'Whether to use the \"dynamic thresholding\" method.' Its bound is limited by sample_max_value, which is 1",
    without=("clip_sample",),
    **THRESHOLD,
    limited=({"thresholding": True}, {"clip": "x0"}),
)
# Not with other spacings: they visit time 999, where nothing of the signal is left and an answer about noise says nothing of the picture.
ZERO_SNR = axis(
    "diffusers, rescale_betas_zero_snr: 'Whether to rescale the betas to have zero terminal SNR.'",
    without=("timestep_spacing",),
    true=({"rescale_betas_zero_snr": True}, {"terminal": "zero"}),
)

CLAIMS: tuple[Claim, ...] = (
    claim(
        "compvis/plms",
        "PNDMScheduler",
        "diffusers/schedulers/scheduling_pndm.py, set_timesteps; the scheduler that Stable Diffusion v1-4 and v1-5 were released with",
        "is based on crowsonkb's PLMS sampler implementation: https://github.com/CompVis/latent-diffusion/pull/51",
        stages="plms",
        grids={"uniform": {}},
        parameterizations=EPS,
        levels="alpha_bar",
        domain={
            "guidance": GUIDANCE,
            "order": {"claimed": 2, "grid": "uniform", "steps": [25, 50, 100, 200], "until": 321},
            "composed": {"timestep_spacing": SPACING_PLMS, "set_alpha_to_one": AT_ONE, "trained_betas": TRAINED_BETAS},
        },
    ),
    claim(
        "compvis/ddim",
        "DDIMScheduler",
        "diffusers documentation, api/pipelines/stable_diffusion/overview",
        "You can find the original codebase for Stable Diffusion v1.0 at CompVis/stable-diffusion",
        grids={"uniform": {}},
        parameterizations=EPS,
        step=("eta",),
        levels="alpha_bar",
        note="with the settings of the released v1 checkpoints: set_alpha_to_one=False, steps_offset=1, clip_sample=False",
        domain={
            "guidance": GUIDANCE,
            "options": {"eta": {"range": [0.0, 1.0]}},
            "order": {"claimed": 1, "grid": "uniform", "steps": [25, 50, 100, 200]},
            "composed": {
                "timestep_spacing": SPACING,
                "set_alpha_to_one": AT_ONE,
                "clip_sample": CLIPPED,
                "thresholding": THRESHOLDED,
                "rescale_betas_zero_snr": ZERO_SNR,
                "trained_betas": TRAINED_BETAS,
                "prediction_type": PREDICTION,
                "generator": GENERATOR,
                "parted": SPLIT,
                "wide_clip": WIDE_CLIP,
            },
        },
    ),
    claim(
        "stable_diffusion/img2img",
        "DDIMScheduler",
        "diffusers documentation, api/pipelines/stable_diffusion/img2img; its get_timesteps and prepare_latents",
        "The Stable Diffusion model can also be applied to image-to-image generation by passing a text prompt and an initial image to "
        "condition the generation of new images.",
        grids={"uniform": {}},
        parameterizations=EPS,
        step=("eta",),
        driven=("strength",),
        levels="alpha_bar",
        note="with the settings of the released v1 checkpoints, from the latents of the first picture on",
        domain={
            "steps": [4, 50],
            "guidance": GUIDANCE,
            "options": {"strength": {"range": [0.3, 1.0], "always": True}, "eta": {"range": [0.0, 1.0]}},
            "composed": {"generator": GENERATOR},
        },
    ),
)

NO_CLAIMS: dict[str, str] = {}
