"""rhoAB-DEIS, deterministic, Adams-Bashforth of up to fourth order in rho: Zhang and Chen 2023 (arXiv 2204.13902).

Not to be confused with tAB-DEIS (t_ab), whose polynomials are in the training time, or with LMS of k-diffusion, which has the same
polynomials in sigma = rho and integrates them more exactly.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import STANDARD
from .frame import STEP_KNOBS, exactly, in_log_rho, lagrange, order_of, points, rho_of, time_of_rho

CARD = Card(
    title="DEIS (rho_ab)",
    plain="""
DEIS turns random noise into a picture in 10 to 20 steps. At each step it asks the network once which part of the picture is noise, draws a
smooth curve through that answer and the ones before it, and moves along the curve. This form draws the curve over the noise level.

It was one of the first samplers that needed only about ten steps. If a library computed it differently, the same prompt and seed would give
another picture: slightly other textures after a rounding-sized change, another composition after a real one.""",
    authors="Qinsheng Zhang, Yongxin Chen",
    year=2023,
    paper="Fast Sampling of Diffusion Models with Exponential Integrator, arXiv 2204.13902",
    equations="proposition 3 (the equation in rho), the rhoAB-DEIS coefficients as integrals of Lagrange polynomials in rho",
    function="th_deis/sampler.py: get_sampler_rho_ab",
    line=98,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "n + 1 times from 999 to 0, even in t, in its square root, in log rho or in rho^(1/7), fractions included; where two of them "
            "share a training time all are cut down to whole ones and the lowest unused are added (not in the cases)"
        ),
        update="orders 1, 2, ... up to ab_order + 1, with polynomials in rho through the last answers",
        final_step="as any other, down to the level of training time 0, which is not quite clean",
    ),
    code_and_paper="the paper's coefficients are integrals; the code takes the sum over 10,000 points to the left instead",
    variants={"paper": {"integral": "exact"}},
)
CASES = STANDARD
KNOBS = {**STEP_KNOBS}


def coefficients(walk, i, p, integral):
    """What step i adds to v for each of the last p answers, newest first."""
    known = walk.rhos[i + 1 - p : i + 1][::-1]
    if integral == "log_rho":
        return in_log_rho(known, walk.rhos[i + 1])
    if integral == "exact":
        return exactly(walk, i, p, lambda t: rho_of(walk.levels, t)).astype(known.dtype)
    u, width = points(walk.rhos[i], walk.rhos[i + 1])
    return lagrange(u, known).sum(axis=1) * width


def sample(predict, x, walk, *, solver_order, integral="sum", final_order="full"):
    """Walk down the levels in v = x / sqrt(alpha), in which only the noise moves the picture."""
    answers, levels = [], walk.levels  # newest first
    v = x / np.sqrt(levels.alpha_of(walk.times[0]))
    for i in range(len(walk)):
        t = time_of_rho(levels, walk.rhos[i])  # told, and used for alpha: the way back from rho rounds more than all else
        answers = [predict(v * np.sqrt(levels.alpha_of(t)), t, i), *answers][:solver_order]
        p = order_of(i, len(walk), solver_order, final_order)
        weights = coefficients(walk, i, p, integral)
        v = v + sum((w * eps for w, eps in zip(weights, answers[:p], strict=True)), start=np.zeros_like(v))
    return v * np.sqrt(levels.alpha_of(walk.times[-1]))
