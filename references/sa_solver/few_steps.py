"""SA-Solver in its mode 'few_steps', stochastic multistep predictor and corrector: Xue et al. 2023 (arXiv 2309.05019).

Not to be confused with its mode more_steps, which corrects the last step too and ends with a denoising one, or with UniPC, which is
deterministic.
"""

from trueto.references.card import Card, Promise
from trueto.references.stochastic_adams import Rule, step

from .cases import FEW
from .frame import orders, strength

CARD = Card(
    title="SA-Solver (few steps)",
    plain="""
SA-Solver turns random noise into a picture in 10 to 100 steps with any ordinary diffusion model. In each step it first guesses the less
noisy picture from the network's last few answers, asks the network about that guess, and then takes the step again with the new answer.
A setting called tau says how much fresh noise it adds, at every stage of the way: by default in the middle of it, and none at both ends.

PixArt-alpha has taken it up, as its authors' README says. If a library computed it differently, or added its noise at other stages, the
same seed would give another picture.""",
    authors="Shuchen Xue, Mingyang Yi, Weijian Luo, Shifeng Zhang, Jiacheng Sun, Zhenguo Li, Zhi-Ming Ma",
    year=2023,
    paper="SA-Solver: Stochastic Adams Solver for Fast Sampling of Diffusion Models, arXiv 2309.05019",
    equations="equations 15 and 18, as the code's comments cite them; weights of two answers: appendix D",
    function="sa_solver.py: SASolver.sample_few_steps",
    line=743,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="n + 1 times from 1 to 1/1000, evenly spaced or by log-SNR or Karras levels; fractional training times are told",
        update=(
            "predictor and corrector of the orders asked for (3 and 4 unless given), lower at the beginning and at the end; tau is asked "
            "at the time that the step goes to; with two answers their weights are changed a little"
        ),
        final_step="first order, without noise and without asking the network again, to time 1/1000, which is not quite clean",
        noise="one draw before the first step, for nothing, and one in each step, for predictor and corrector; also where tau is 0",
    ),
    code_and_paper="not compared word by word; appendix D's weights are the code's mode few_steps only",
)
CASES = FEW
KNOBS = {
    "tau_from": ("end", "start"),  # at which end of a step tau is asked. start: diffusers, in training times
    "last_tau": ("zero", "as_any"),  # as_any: diffusers asks tau in the last step too
    "startup": (
        "free",
        "lowered",
        "kept",
    ),  # kept: not lowered at the end either. whether the first steps' orders are also bounded as the last ones'. lowered: diffusers
    "threshold": ("dynamic", "static"),  # static: diffusers' thresholding with its default sample_max_value of 1
}


def sample(see, x, walk, noise, *, tau, predictor_order, corrector_order, pc_mode, tau_from="end", last_tau="zero", startup="free"):
    """Walk down the levels; `answers` are the network's, newest first, at the levels s - 1, s - 2, ..."""
    n = len(walk)
    answers = [see(x, 0)]
    for s in range(1, n + 1):
        p, q = orders(s, n, predictor_order, corrector_order, startup)
        stochastic = 0 if s == n and last_tau == "zero" else strength(tau, walk, s, tau_from)
        rule = Rule(stochastic, data=see.data, rescaled=True)
        predicted = step(walk.levels, s, x, range(s - 1, s - 1 - p, -1), answers[:p], rule, noise(s - 1))
        if s == n:
            return predicted, False
        answers = [see(predicted, s), *answers]
        x = step(walk.levels, s, x, range(s, s - q, -1), answers[:q], rule, noise(s - 1)) if q else predicted
        if q and pc_mode == "PECE":
            answers[0] = see(x, s)
    return x, False
