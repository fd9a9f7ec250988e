"""SA-Solver in its mode 'more_steps', stochastic multistep predictor and corrector: Xue et al. 2023 (arXiv 2309.05019).

Not to be confused with its mode few_steps, which the authors recommend and libraries have: that one changes the weights of two answers and
stops without correcting the last step.
"""

from trueto.references.card import Card, Promise
from trueto.references.stochastic_adams import Rule, step

from .cases import MORE
from .frame import orders, strength

CARD = Card(
    title="SA-Solver (more steps)",
    plain="""
The same solver as SA-Solver (few steps), for runs of many steps: the last step is corrected like any other, and after it the network is
asked once more what the clean picture looks like, which is the result. So a run of n steps asks the network n + 2 times.

Its authors found that the two last things do not help much, and recommend the other mode. It is the plain method of their paper.""",
    authors="Shuchen Xue, Mingyang Yi, Weijian Luo, Shifeng Zhang, Jiacheng Sun, Zhenguo Li, Zhi-Ming Ma",
    year=2023,
    paper="SA-Solver: Stochastic Adams Solver for Fast Sampling of Diffusion Models, arXiv 2309.05019",
    equations="equations 15 and 18, as the code's comments cite them",
    function="sa_solver.py: SASolver.sample_more_steps",
    line=891,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="n + 1 times from 1 to 1/1000, evenly spaced or by log-SNR or Karras levels; fractional training times are told",
        update=(
            "predictor and corrector of the orders asked for (3 and 4 unless given), lower at the beginning and at the end; tau is asked "
            "at the time that the step goes to"
        ),
        final_step="the network's clean picture at time 1/1000, after the last step was corrected",
        noise="one draw before the first step, for nothing, and one in each step, for predictor and corrector; also where tau is 0",
    ),
    code_and_paper="not compared word by word",
)
CASES = MORE


def sample(see, x, walk, noise, *, tau, predictor_order, corrector_order, pc_mode):
    """Walk down the levels; `answers` are the network's, newest first, at the levels s - 1, s - 2, ..."""
    n = len(walk)
    answers = [see(x, 0)]
    for s in range(1, n + 1):
        p, q = orders(s, n, predictor_order, corrector_order, "free")
        rule = Rule(strength(tau, walk, s, "end"), data=see.data, rescaled=False)
        predicted = step(walk.levels, s, x, range(s - 1, s - 1 - p, -1), answers[:p], rule, noise(s - 1))
        answers = [see(predicted, s), *answers]
        x = step(walk.levels, s, x, range(s, s - q, -1), answers[:q], rule, noise(s - 1)) if q else predicted
        if q and pc_mode == "PECE" and s < n:
            answers[0] = see(x, s)
    return clean(see, x, n), True


def clean(see, x, level):
    """The clean sample that the network sees in x, whatever is being predicted."""
    if see.data:
        return see(x, level)
    alpha, sigma = see.walk.levels.alpha[level], see.walk.levels.sigma[level]
    return (x - sigma * see(x, level)) / alpha
