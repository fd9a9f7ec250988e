"""DPM++ 2M as Stable Diffusion XL's code has it, deterministic, second order, multistep: Lu et al. 2022 (arXiv 2211.01095), algorithm 2.

Not to be confused with DPM++ 2S, which calls the network twice a step, or with k-diffusion's own DPM++ 2M, whose levels lie elsewhere and
which starts with a little less noise; the update is the same formula (references/k_diffusion/dpmpp_2m.py).
"""

from trueto_references.k_diffusion.dpmpp_2m import KNOBS as UPDATE
from trueto_references.k_diffusion.dpmpp_2m import sample as dpmpp_2m

from trueto.references.card import Card, Promise

from .cases import STANDARD, small

CARD = Card(
    title="DPM++ 2M of Stable Diffusion XL's code",
    plain="""
DPM++ 2M asks the neural network once a step what the clean picture looks like, and combines that answer with the one from the step before,
so that it can go further in a step without losing accuracy.

Stability AI's code offers it beside Euler. If a library computed it differently, the same prompt and seed would give another picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; code by Stability AI after Katherine Crowson",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095",
    equations="algorithm 2; first order step: equation 14 with k = 1 (the same as DDIM)",
    function="sgm/modules/diffusionmodules/sampling.py: DPMPP2MSampler",
    line=287,
    promise=Promise(
        start="x = noise times sqrt(1 + sigma_max squared), so that the network sees noise of variance one",
        grid="as generative_models/euler_edm",
        update="second order from the second step on, using the previous answer of the network",
        final_step="first order: the picture is the network's last answer",
    ),
    code_and_paper="the paper ends at a small positive time; the code's last step goes to sigma = 0, where only first order is defined",
    no_counterpart={
        "diffusers": "its documentation names DPM-Solver's own code and k-diffusion for DPMSolverMultistepScheduler, not this code"
    },
)
CASES = small(STANDARD)
# What asks for the count of steps, or for a clip, is of k-diffusion's frame.
KNOBS = {**{knob: values for knob, values in UPDATE.items() if knob not in ("clip", "returned")}, "final_step": UPDATE["final_step"][:2]}


def sample(denoise, x, sigmas, noise, **arguments):
    """Sample from sigmas[0] to sigmas[-1]; one formula for both codebases."""
    return dpmpp_2m(denoise, x, sigmas, noise, **arguments)
