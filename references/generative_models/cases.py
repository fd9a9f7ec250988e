"""The cases (X) of generative-models: the configurations of its released models, and step counts that hide nothing."""

from dataclasses import replace
from functools import partial

from trueto.model import Case

LEGACY = partial(Case, grid="legacy")

# 50 and 20 as users run them; 7 and 30 do not divide 1000; for 28 and 10 (n - 1) divides 999; 14 and 15 straddle the order-lowering rules
# of some libraries; 1 and 2 leave a multistep method without history.
COUNTS = (
    LEGACY("legacy-20", 20, quick=True),
    LEGACY("legacy-7", 7, network="smooth"),
    LEGACY("legacy-30", 30, network="smooth"),
    LEGACY("legacy-10", 10, seed=1),
    LEGACY("legacy-14", 14, network="smooth", seed=1),
    LEGACY("legacy-2", 2),
    LEGACY("legacy-1", 1, layers=("schedule", "start", "trajectory", "noise")),
)
KINDS = (
    LEGACY("v-15", 15, parameterization="v"),
    LEGACY("guided-20", 20, guidance=5.0, network="smooth"),
    Case("edm-18", 18, grid="edm", schedule="edm", parameterization="edm"),
    Case("svd-12", 12, grid="edm", schedule="svd", parameterization="v", network="smooth"),
)
STANDARD = (*COUNTS, *KINDS)

# s_churn / n below and above the limit sqrt(2) - 1; a range of levels that holds some steps only; noise that is not of size one.
CHURN = (
    LEGACY("churn-20", 20, options={"s_churn": 4.0}),
    LEGACY(
        "churn-range-12",
        12,
        network="smooth",
        seed=1,
        options={"s_churn": 20.0, "s_tmin": 0.3, "s_tmax": 6.0, "s_noise": 1.003},
    ),
)
ETA = (
    LEGACY("eta-0", 12, options={"eta": 0.0}),
    LEGACY("eta-0.5", 15, network="smooth", seed=1, options={"eta": 0.5, "s_noise": 1.003}),
)


def small(cases: tuple[Case, ...], *, without: tuple[str, ...] = ()) -> tuple[Case, ...]:
    """The same cases on a smaller picture: for all but the default sampler, so that the goldens stay small."""
    return tuple(replace(case, shape=(2, 3, 3, 2)) for case in cases if case.id not in without)
