"""One-step sampling of a consistency model: Song et al. 2023 (arXiv 2303.01469), section 3.

Not to be confused with one step of a denoiser such as Euler's: the function is trained to jump, and gives x back at sigma_min.
"""

from trueto.references.card import Card, Promise

from .cases import ONESTEP
from .frame import consistency

CARD = Card(
    title="Consistency models, one step",
    plain="""
A consistency model turns noise into a picture in one go. The network is asked once, at the highest noise level, and its answer is the
picture.

There is nothing to go wrong but the noise level, the scale of the noise, and how the answer is mixed with what was put in. Any of them
would change every picture.""",
    authors="Yang Song, Prafulla Dhariwal, Mark Chen, Ilya Sutskever",
    year=2023,
    paper="Consistency Models, arXiv 2303.01469",
    equations="section 3, 'Sampling'; the function around the network: appendix C, equation 5 with EDM's c_in",
    function="cm/karras_diffusion.py: sample_onestep",
    line=643,
    default_of="the released models (scripts/launch.sh)",
    promise=Promise(
        start="x = noise times sigma_max, 80",
        grid="sigma_max alone",
        update="ask for the picture and clip it to [-1, 1]",
        final_step="the only one",
    ),
    code_and_paper="the paper does not clip; the code does unless told not to, and always at the end",
)
CASES = ONESTEP
KNOBS = {"boundary": ("kept", "dropped")}  # dropped: EDM's scalings, which do not give x back at sigma_min


@consistency
def sample(denoise, x, sigmas, noise):
    """The picture that the network sees in x at the first level."""
    del noise
    return denoise(x, sigmas[0], 0)
