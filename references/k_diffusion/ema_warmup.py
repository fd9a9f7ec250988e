"""The average of weights with warm-up: k-diffusion's EMAWarmup and ema_update."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Average of weights in training, with warm-up",
    plain="""
A model in training jumps about with every step. So an average of its weights is kept beside it, in which older ones fade slowly, and that
average is what gets released.

In the beginning there is nothing to average. With warm-up the average follows at once at first and slower and slower after that, by a power
of the number of updates: two thirds for models that are trained for a million steps, three quarters for shorter trainings.""",
    authors="Katherine Crowson",
    year=2021,
    paper="none: code only",
    equations="decay after n updates: 1 - (1 + n / inv_gamma)^(-power)",
    function="k_diffusion/utils.py: EMAWarmup.get_value and ema_update",
    line=144,
    default_of="k-diffusion's training, and diffusers' EMAModel with use_ema_warmup",
    promise=Promises(
        {
            "decay": "at update n (from 0, or from where averaging starts): 1 - (1 + n / inv_gamma)^(-power), between its bounds",
            "update": "average + (1 - decay) (weight - average)",
            "start": "the weights before the first step of training, which the first update replaces, unless the lower bound is above 0",
        }
    ),
    code_and_paper="there is no paper",
)
# The first update, and those before averaging starts: with the lower bound of the decay, or as a copy whatever it is (diffusers).
KNOBS = {"first": ("bounded", "copied")}


def averaged(name: str, seed: int, *, quick: bool = False, **options: float) -> Case:
    """A case; `options` are the arguments of EMAWarmup."""
    return Case(name, 1, seed=seed, quick=quick, options=options, layers=("training",))


CASES = (
    averaged("million", 0, quick=True, power=2 / 3, max_value=0.9999),
    averaged("shorter", 1, power=3 / 4, inv_gamma=2.0, max_value=0.9999),
    averaged("simple", 2, power=1.0, max_value=0.9999),
    averaged("late", 3, power=2 / 3, start_at=2, max_value=0.9999),
    averaged("bounded", 4, power=2 / 3, min_value=0.4, max_value=0.6),
)
