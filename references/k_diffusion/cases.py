"""The cases (X) that every k-diffusion sampler meets: step counts and grids that hide nothing."""

from dataclasses import replace

from trueto.model import Case

# Step counts: 20 and 25 as users run them, 7 and 30 do not divide 1000, 10 and 28: (n - 1) divides 999, 14 and 15 straddle
# the order-lowering rules of some libraries, 1 and 2 leave a multistep method without history.
GRIDS = (
    Case("model-20", 20, quick=True),
    Case("karras-20", 20, grid="karras"),
    Case("exponential-10", 10, grid="exponential"),
)
COUNTS = (
    Case("model-1", 1, layers=("schedule", "start", "trajectory", "noise")),
    Case("model-2", 2),
    Case("model-7", 7, network="smooth"),
    Case("model-14", 14, seed=1),
    Case("model-28", 28),
    Case("model-30", 30, network="smooth"),
)
PARAMETERIZATIONS = (
    Case("v-15", 15, parameterization="v"),
    Case("x0-12", 12, parameterization="x0", network="smooth"),
    Case("linear-15", 15, schedule="linear"),
)
OTHER_GRIDS = (
    Case("polyexponential-9", 9, grid="polyexponential"),
    Case("vp-9", 9, grid="vp"),
)

STANDARD = (*GRIDS, *COUNTS, *PARAMETERIZATIONS)

# s_churn / n below and above the limit sqrt(2) - 1; a range of levels that holds some steps only; noise that is not of size one.
CHURN = (
    Case("churn-20", 20, options={"s_churn": 4.0}),
    Case(
        "churn-range-12",
        12,
        grid="karras",
        network="smooth",
        seed=1,
        options={"s_churn": 20.0, "s_tmin": 0.3, "s_tmax": 6.0, "s_noise": 1.003},
    ),
)
# eta = 0 must be the deterministic sampler; at eta = 1.3 some steps reach the limit where all noise of the next level is fresh.
ETA = (
    Case("eta-0", 12, options={"eta": 0.0}),
    Case("eta-0.5", 15, grid="karras", network="smooth", seed=1, options={"eta": 0.5, "s_noise": 1.003}),
)
# Networks in EDM form, which are told ln(sigma) / 4; levels from 80 to 0.002 as in the paper.
EDM = tuple(
    Case(f"edm-{grid}-{n}", n, grid=grid, schedule="edm", parameterization="edm", shape=(2, 4, 3, 2), **more)
    for grid, n, more in (
        ("karras", 20, {"quick": True}),
        ("karras", 14, {"network": "smooth", "seed": 1}),
        ("karras", 7, {}),
        ("karras", 2, {"network": "smooth"}),
        ("karras", 1, {}),
        ("exponential", 15, {"network": "smooth"}),
        ("exponential", 1, {}),
    )
)
EDM_CHURN = tuple(replace(case, id=f"edm-{case.id}", grid="karras", schedule="edm", parameterization="edm") for case in CHURN)
ETA_ABOVE_1 = (Case("eta-1.3", 10, options={"eta": 1.3}),)


def small(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The same cases on a smaller picture: for samplers that call the network twice a step, so that their goldens stay small."""
    return tuple(replace(case, shape=(2, 4, 3, 2)) for case in cases)
