"""DPM-Solver++ SDE, stochastic, two calls a step: DPM-Solver++(2S) of Lu et al. 2022 (arXiv 2211.01095) and ancestral noise twice.

Not to be confused with DPM++ 2S ancestral (dpmpp_2s_ancestral), whose first stage adds no noise, or with DPM++ 2M SDE (dpmpp_2m_sde).
"""

from dataclasses import replace

import numpy as np

from trueto.model import Case
from trueto.references.asked import COUNTED
from trueto.references.card import Card, Promise

from .cases import ETA, ETA_ABOVE_1, STANDARD, small
from .frame import ancestral_split

CARD = Card(
    title="DPM++ SDE",
    plain="""
DPM++ SDE walks from noise to picture in steps with a look ahead: it goes to the middle of a step, noise included, asks the neural network
there, and then takes the whole step with what it learned, adding fresh noise again.

Two calls of the network a step make it slow and detailed. Its noise comes from one random path over all noise levels, so that middle and
end of a step fit together. If a library computed it differently, or drew its noise otherwise, the same seed would give another picture.""",
    authors="Katherine Crowson, after Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095",
    equations="algorithm 1 (2S) for the deterministic part; DDIM (arXiv 2010.02502) equation 16 for the amount of noise",
    function="k_diffusion/sampling.py: sample_dpmpp_sde",
    line=543,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="an ancestral step to the share r of the step (in log sigma), then one over all of it with both answers combined",
        final_step="one straight step: the picture is the network's last answer",
        noise="two Brownian increments a step but the last, both from the step's first level: to the middle, then to the end",
    ),
    code_and_paper=(
        "the code's noise is that of ancestral sampling, not the paper's solver of the reverse SDE (k-diffusion issue 59, an author of "
        "the paper says so; dpmpp_2m_sde is the answer to it)"
    ),
)
SHARES = (
    Case("r-0.3", 10, grid="karras", options={"r": 0.3}),
    Case("r-0.75", 10, network="smooth", seed=1, options={"r": 0.75, "eta": 0.7, "s_noise": 0.99}),
)
# Its seeded draws are told from the others by repeating the run once a draw, which takes minutes on a Brownian tree of many steps.
CASES = tuple(
    replace(case, layers=case.layers if case.steps <= 15 or case.quick else ("schedule", "start", "update", "trajectory"))
    for case in small((*STANDARD, *ETA, *ETA_ABOVE_1, *SHARES))
)
KNOBS = {
    # Where the second call is: between two levels of the grid, or at the next level, so that a step spans two (the rest goes singly).
    "middle": ("between_levels", "next_level"),
    "noise": ("as_eta", "none"),
    **COUNTED,  # which levels make up a step that spans two
    # Where noise comes from: the original's sampler, one normal tensor a step, or the original's Brownian path at the library's own levels.
    "draws": ("original", "sequential", "own_levels"),
}


def increments(sigmas, *, r=0.5, **_):
    """Between which levels each draw is an increment of the Brownian path, (draws, 2): to the middle of a step, and over all of it."""
    begin, end = (part[sigmas[1:] > 0] for part in (sigmas[:-1], sigmas[1:]))
    middle = np.exp(np.log(begin) + r * (np.log(end) - np.log(begin)))
    return np.stack([begin, middle, begin, end], axis=1).reshape(-1, 2)


def ancestral(x, sigma, sigma_next, denoised, eta, size, draw):
    """First order in log sigma to sigma_down, then noise of size sigma_up."""
    down, up = ancestral_split(sigma, sigma_next, eta)
    return (down / sigma) * x + (1 - down / sigma) * denoised + size * up * draw


def sample(denoise, x, sigmas, noise_of, *, eta=1.0, s_noise=1.0, r=0.5, middle="between_levels", noise="as_eta", counted="left"):
    """Sample from sigmas[0] to sigmas[-1]."""
    eta = eta if noise == "as_eta" else 0.0
    last = len(sigmas) - 1
    i, alone = 0, counted == "asked" and (denoise.steps - last) % 2  # the first call is the rest of a step that was left out
    while i < last:
        denoised = denoise(x, sigmas[i], i)
        pairs = middle == "next_level"
        end = i + 2 if pairs and i + 2 < last and not (alone and i == 0) else i + 1
        if sigmas[end] == 0 or (pairs and end == i + 1):  # first order; at 0 the noise vanishes
            x = ancestral(x, sigmas[i], sigmas[end], denoised, eta, s_noise, noise_of(i))
        else:
            logs = np.log(sigmas[[i, end]])
            sigma_mid = sigmas[i + 1] if pairs else np.exp(logs[0] + r * (logs[1] - logs[0]))
            share = (logs[1] - logs[0]) / (np.log(sigma_mid) - logs[0]) / 2 if pairs else 1 / (2 * r)
            x_mid = ancestral(x, sigmas[i], sigma_mid, denoised, eta, s_noise, noise_of(i))
            second = denoise(x_mid, sigma_mid, end - 1, mid=not pairs)
            combined = (1 - share) * denoised + share * second  # D of algorithm 1
            x = ancestral(x, sigmas[i], sigmas[end], combined, eta, s_noise, noise_of(i + 1) if pairs else noise_of(i, 1))
        i = end
    return x
