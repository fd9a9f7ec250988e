"""The cases (X) of EDM's samplers: the released step counts and settings, and paths, levels and step counts that hide nothing."""

from trueto.model import Case


def case(name: str, steps: int, **more) -> Case:
    """A case with a raw network, on EDM's levels unless another grid is named."""
    return Case(name, steps, **{"grid": "edm", "schedule": "edm", "parameterization": "edm", "shape": (2, 4, 3, 2), **more})


# 18 and 40 steps as released (CIFAR-10; FFHQ and AFHQ). 14 and 15 straddle the order-lowering rules of some libraries. One step is not
# defined: the original divides by n - 1 and returns NaN.
EDM = (
    case("edm-18", 18, quick=True),
    case("edm-40", 40, network="smooth"),
    case("edm-7", 7, seed=1),
    case("edm-2", 2),
    case("edm-3", 3, network="smooth", seed=1),
    case("edm-14", 14, network="smooth"),
    case("edm-15", 15),
)
# Table 5 of the paper: CIFAR-10 and ImageNet-64; then a run in which every step is raised.
CHURN = (
    case("churn-11", 11, seed=1, options={"s_churn": 4.0, "s_noise": 1.003}),
    case("churn-cifar-18", 18, options={"s_churn": 30.0, "s_min": 0.01, "s_max": 1.0, "s_noise": 1.007}),
    case("churn-imagenet-12", 12, network="smooth", options={"s_churn": 40.0, "s_min": 0.05, "s_max": 50.0, "s_noise": 1.003}),
)
RANGE = case("range-12", 12, network="smooth", options={"sigma_min": 0.01, "sigma_max": 50.0, "rho": 5.0})
OTHER_PATHS = (
    case("vp-10", 10, grid="vp"),
    case("vp-vp-vp-12", 12, grid="vp", network="smooth", options={"schedule": "vp", "scaling": "vp"}),
    case("vp-vp-7-churn", 7, grid="vp", options={"schedule": "vp", "s_churn": 2.0}),
    case("ve-ve-11", 11, grid="ve", options={"schedule": "ve"}),
    case("iddpm-15", 15, grid="iddpm", quick=True),
)
# A score network told sigma, on VE's levels with t = sigma.
SCORE = {"grid": "ve", "schedule": "ve", "parameterization": "score"}
VE = (
    case("ve-20", 20, **SCORE, quick=True),
    case("ve-7", 7, **SCORE, network="smooth", seed=1),
    case("ve-2", 2, **SCORE),
    case("ve-churn-9", 9, **SCORE, seed=1, options={"s_churn": 2.0}),
    # KarrasVeScheduler's defaults in diffusers, which are the paper's for ImageNet-64 with VE's level range (table 5).
    case("ve-churn-12", 12, **SCORE, network="smooth", options={"s_churn": 80.0, "s_min": 0.05, "s_max": 50.0, "s_noise": 1.007}),
)
# VP's sigma(t) is made for VP's own range: on iDDPM's its formulas lose digits that the floor, which moves levels, does not show.
MIDPOINTS = (
    case("midpoint-10", 10, options={"alpha": 0.5}),
    case("vp-alpha-7", 7, grid="vp", network="smooth", seed=1, options={"alpha": 0.75, "schedule": "vp", "scaling": "vp"}),
    case("iddpm-ve-vp-8", 8, grid="iddpm", options={"schedule": "ve", "scaling": "vp"}),
)
