"""DPM++ 2S ancestral as Stable Diffusion XL's code has it, stochastic, second order, single step: Lu et al. 2022, algorithm 1.

Not to be confused with DPM++ 2M, which remembers instead of asking twice, or with k-diffusion's own DPM++ 2S a, which tells the network
half-way levels as they are; the update is the same formula (references/k_diffusion/dpmpp_2s_ancestral.py).
"""

from trueto_references.k_diffusion.dpmpp_2s_ancestral import KNOBS as UPDATE
from trueto_references.k_diffusion.dpmpp_2s_ancestral import sample as dpmpp_2s_ancestral

from trueto.references.card import Card, Promise

from .cases import ETA, STANDARD, small

CARD = Card(
    title="DPM++ 2S ancestral of Stable Diffusion XL's code",
    plain="""
DPM++ 2S ancestral asks the neural network twice a step, at its beginning and half-way, goes a little too far towards the picture, and adds
fresh noise to make up for that. So the picture follows from the seed of all the noise, not only of the first.

Stability AI's code offers it beside Euler. If a library computed it or drew its noise differently, the same seed would give another
picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; code by Stability AI after Katherine Crowson",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095; DDIM, arXiv 2010.02502",
    equations="algorithm 1 (2S) with r = 1/2 for the way down; DDIM equation 16 for the amount of noise",
    function="sgm/modules/diffusionmodules/sampling.py: DPMPP2SAncestralSampler",
    line=247,
    promise=Promise(
        start="x = noise times sqrt(1 + sigma_max squared), so that the network sees noise of variance one",
        grid="as generative_models/euler_edm",
        update=(
            "to sigma_down with the network's answer half-way in log sigma, where it is told the nearest training time and read at that "
            "training level; then fresh noise of size sigma_up"
        ),
        final_step="one call: the picture is the network's last answer",
        noise="one draw a step, after the network calls; the draw of the last step is not used",
    ),
    code_and_paper=(
        "the paper's 2S is deterministic (eta = 0); the middle is half-way to sigma_down, and counts as the nearest training "
        "level. With eta = 0 the code raises AttributeError"
    ),
    no_counterpart={"diffusers": "its documentation says N/A for DPM++ 2S a ('very similar to DPMSolverSinglestepScheduler')"},
)
CASES = small((*STANDARD, *ETA), without=("legacy-30",))
KNOBS = UPDATE


def sample(denoise, x, sigmas, noise, **arguments):
    """Sample from sigmas[0] to sigmas[-1]; one formula for both codebases."""
    return dpmpp_2s_ancestral(denoise, x, sigmas, noise, **arguments)
