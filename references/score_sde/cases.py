"""The cases (X) that score_sde's samplers meet: the configurations of its released models at few steps, and their options."""

from dataclasses import replace

from trueto.model import Case


def ve(name: str, steps: int, **more) -> Case:
    """A case with a score network that is told sigma."""
    return Case(name, steps, grid="sde", schedule="ve", parameterization="score", **more)


def vp(name: str, steps: int, schedule: str = "vp_sde", **more) -> Case:
    """A case with a noise network that is told 999 t."""
    return Case(name, steps, grid="sde", schedule=schedule, **more)


# 50 scales, sigma from 0.01 to 50 and r = 0.16 as for CIFAR-10; 348 and 0.17 as for CelebA-HQ 256; 1348 and 0.15 as for FFHQ 1024. One step
# has neither a table to look up nor a next level; the scripts take 1000 steps and more.
VE = (
    ve("ve-20", 20, quick=True),
    ve("ve-50", 50, network="smooth", shape=(2, 4, 3, 2)),
    ve("ve-7", 7, seed=1),
    ve("ve-2", 2, network="smooth"),
    ve("celebahq-30", 30, options={"sigma_max": 348, "snr": 0.17}, shape=(2, 4, 3, 2)),
    ve("ffhq-12", 12, options={"sigma_max": 1348, "snr": 0.15}, network="smooth", seed=1),
    ve("uncorrected-12", 12, options={"correct_steps": 0}),
    ve("corrected-twice-10", 10, options={"correct_steps": 2}, network="smooth", shape=(2, 4, 3, 2)),
)
VE_OPTIONS = (
    ve("annealed-10", 10, options={"corrector": "ald"}, shape=(2, 4, 3, 2)),
    ve("noisy-10", 10, options={"noise_removal": False}, shape=(2, 4, 3, 2)),
)
VP = (
    vp("vp-30", 30, quick=True),
    vp("vp-50", 50, network="smooth", shape=(2, 4, 3, 2)),
    vp("vp-100", 100, shape=(1, 4, 2, 1)),
    vp("corrected-28", 28, options={"correct_steps": 1, "sampling_eps": 0.02}, network="smooth", seed=1, shape=(2, 4, 3, 2)),
    vp("annealed-28", 28, options={"correct_steps": 2, "corrector": "ald"}, shape=(2, 4, 3, 2)),
    vp("noisy-28", 28, options={"noise_removal": False}, shape=(2, 4, 3, 2)),
)
# Few steps, which the other predictors cannot take: their beta is 20 / N at the end.
FEW = (vp("vp-1", 1), vp("vp-2", 2, network="smooth"), vp("vp-7", 7, seed=1), vp("vp-15", 15))


def small(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The same cases on a smaller picture of two samples, so that goldens stay small."""
    return tuple(replace(case, shape=(2, 4, 2, 2)) for case in cases)


# For predictors that no library claims.
VP_SHORT = small((*VP[:1], *VP[3:]))
