"""DPM2 ancestral, stochastic, second order in its deterministic part, two calls a step: sample_dpm_2 with the noise of ancestral sampling.

Not to be confused with DPM2 (dpm_2), which adds no noise, or with DPM++ 2S ancestral, which carries the clean picture instead of the noise.
"""

from trueto.references.card import Card, Promise

from .cases import ETA, ETA_ABOVE_1, STANDARD, small
from .dpm_2 import half_way
from .frame import ancestral_split

CARD = Card(
    title="DPM2 a",
    plain="""
DPM2 a goes further down than the next noise level says and then adds fresh noise to get back up to it. The way down is
that of DPM2: half a step, a second look at the neural network, then the whole step.

Because of the fresh noise the picture never settles: other step counts give other pictures. If a library computed it differently, or used
its random numbers in another order, the same seed would give another picture.""",
    authors="Katherine Crowson, after Cheng Lu et al. (DPM-Solver) and Jiaming Song, Chenlin Meng, Stefano Ermon (the amount of noise)",
    year=2022,
    paper="DPM-Solver, arXiv 2206.00927; Denoising Diffusion Implicit Models, arXiv 2010.02502",
    equations="arXiv 2206.00927, algorithm 1 (DPM-Solver-2) divided by alpha, to sigma_down; arXiv 2010.02502, equation 16 for the noise",
    function="k_diffusion/sampling.py: sample_dpm_2_ancestral",
    line=219,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="a midpoint step to sigma_down, then noise of size sigma_up; at eta = 1 the middle is sigma_next itself",
        final_step="to level 0 one straight step without noise: the picture is the network's last answer",
        noise="one draw at the end of each step but the last; none also where sigma_down is 0 (eta above 1)",
    ),
    code_and_paper=(
        "no paper has this combination. Where eta above 1 makes sigma_down exactly 0, the code takes one straight step to 0 and leaves the "
        "noise out, so that x is clean while its level is said to be sigma_next (euler_ancestral and dpmpp_2s_ancestral add it)"
    ),
)
CASES = small((*STANDARD, *ETA, *ETA_ABOVE_1))
KNOBS = {
    "middle": ("log_sigma", "cube_root"),  # as in dpm_2
    "noise_at_zero_down": ("left_out", "added"),  # where eta above 1 makes sigma_down 0
}


def sample(denoise, x, sigmas, noise, *, eta=1.0, s_noise=1.0, middle="log_sigma", noise_at_zero_down="left_out"):
    """Sample from sigmas[0] to sigmas[-1]."""
    for i in range(len(sigmas) - 1):
        down, up = ancestral_split(sigmas[i], sigmas[i + 1], eta)
        slope = (x - denoise(x, sigmas[i], i)) / sigmas[i]
        if down > 0:
            sigma_mid = half_way(sigmas[i], down, middle)
            x_mid = x + (sigma_mid - sigmas[i]) * slope
            slope = (x_mid - denoise(x_mid, sigma_mid, i, mid=True)) / sigma_mid
        x = x + (down - sigmas[i]) * slope
        if down > 0 or noise_at_zero_down == "added":
            x = x + s_noise * up * noise(i)
    return x
