"""tAB-DEIS, deterministic, Adams-Bashforth of up to fourth order in the training time: Zhang and Chen 2023 (arXiv 2204.13902).

Not to be confused with rhoAB-DEIS (rho_ab), whose polynomials are in the noise level, or with the log-rho form of diffusers.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import STANDARD
from .frame import STEP_KNOBS, exactly, in_log_rho, lagrange, order_of, points

CARD = Card(
    title="DEIS (t_ab)",
    plain="""
DEIS turns random noise into a picture in 10 to 20 steps. At each step it asks the network once which part of the picture is noise, draws a
smooth curve through that answer and the ones before it, and moves along the curve. This form draws the curve over the training time,
and is the one that its authors recommend as tAB-DEIS.

It was one of the first samplers that needed only about ten steps. If a library computed it differently, the same prompt and seed would give
another picture: slightly other textures after a rounding-sized change, another composition after a real one.""",
    authors="Qinsheng Zhang, Yongxin Chen",
    year=2023,
    paper="Fast Sampling of Diffusion Models with Exponential Integrator, arXiv 2204.13902",
    equations="the tAB-DEIS update: coefficients C_ij as integrals of Lagrange polynomials in t",
    function="th_deis/sampler.py: get_sampler_t_ab",
    line=26,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "n + 1 times from 999 to 0, even in t, in its square root, in log rho or in rho^(1/7), fractions included; where two of them "
            "share a training time all are cut down to whole ones and the lowest unused are added (not in the cases)"
        ),
        update="orders 1, 2, ... up to ab_order + 1, with polynomials in t through the last answers",
        final_step="as any other, down to the level of training time 0, which is not quite clean",
    ),
    code_and_paper="the paper's coefficients are integrals; the code takes the sum over 10,000 points to the left instead",
    variants={"paper": {"integral": "exact"}},
)
CASES = STANDARD
KNOBS = {**STEP_KNOBS}


def coefficients(walk, i, p, integral):
    """C_ij of step i for each of the last p answers, newest first, in the frame of x at its end."""
    levels, known = walk.levels, walk.times[i + 1 - p : i + 1][::-1]
    if integral == "log_rho":
        return walk.root_alpha(i + 1) * in_log_rho(walk.rhos[i + 1 - p : i + 1][::-1], walk.rhos[i + 1])
    if integral == "exact":
        return walk.root_alpha(i + 1) * exactly(walk, i, p, lambda t: t).astype(known.dtype)
    t, width = points(walk.times[i], walk.times[i + 1])
    alpha = levels.alpha_of(t)
    transition = np.sqrt(levels.alpha_of(walk.times[i + 1 : i + 2]) / alpha)  # psi
    integrand = transition * -0.5 * levels.slope_of(t) / np.sqrt(1 - alpha)
    return (lagrange(t, known) * integrand).sum(axis=1) * width


def sample(predict, x, walk, *, solver_order, integral="sum", final_order="full"):
    """Walk down the levels; x itself is carried by the ratio of the roots of alpha."""
    answers = []  # newest first
    for i in range(len(walk)):
        answers = [predict(x, walk.times[i], i), *answers][:solver_order]
        p = order_of(i, len(walk), solver_order, final_order)
        weights = coefficients(walk, i, p, integral)
        x = walk.root_alpha(i + 1) / walk.root_alpha(i) * x
        x = x + sum((w * eps for w, eps in zip(weights, answers[:p], strict=True)), start=np.zeros_like(x))
    return x
