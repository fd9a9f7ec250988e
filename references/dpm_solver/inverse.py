"""Multistep DPM-Solver and DPM-Solver++ run from data to noise, deterministic: Lu et al. 2022 (arXiv 2206.00927 and 2211.01095).

Not to be confused with adding noise: the same ordinary differential equation is solved the other way round.
"""

from trueto.references.card import Card, Promise

from . import multistep
from .cases import uniform
from .frame import walks

CARD = Card(
    title="DPM-Solver inverse",
    plain="""
Inversion turns a picture into the noise from which the sampler would make it. Whoever wants to edit a picture starts from that
noise, and changes the prompt on the way back.

It is the multistep sampler, walked from the clean end to the noisy one. If a library computed it differently, the way back would not
lead to the same picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095; DPM-Solver, arXiv 2206.00927",
    equations="as for multistep, with the two ends exchanged",
    function="dpm_solver_pytorch.py: DPM_Solver.inverse",
    line=1032,
    promise=Promise(
        start="x is taken as it is, at the level of the cleanest training time",
        grid="as multistep, in the opposite order, up to the noisiest training time",
        update="as multistep",
        final_step="as multistep: with fewer than 10 steps orders fall again at the end",
    ),
    code_and_paper="the papers do not speak of inversion",
)
CASES = (
    uniform("order2-20", 20, quick=True, network="smooth"),
    uniform("order3-9", 9, order=3, network="smooth"),
    uniform("order2-noise-12", 12, noise=True, network="smooth", seed=1),
    uniform("log-snr-order2-10", 10, grid="logSNR", network="smooth"),
    uniform("v-9", 9, parameterization="v", network="smooth"),
)
KNOBS = {knob: multistep.KNOBS[knob] for knob in ("lowered_below", "curvature")}


@walks(backwards=True)
def sample(predict, x, walk, **options):
    """Walk through the points, from data to noise."""
    return multistep.sample(predict, x, walk, **options)
