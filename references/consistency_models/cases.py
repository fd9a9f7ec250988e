"""The cases (X) of the samplers of consistency models: the released settings, and step counts that hide nothing."""

from dataclasses import replace

from trueto.model import SAMPLER_LAYERS, Case


def case(name: str, steps: int, **more) -> Case:
    """A case with a raw network that is told 250 ln(sigma)."""
    return Case(name, steps, **{"grid": "karras", "schedule": "edm1000", "parameterization": "edm", "shape": (2, 4, 3, 2), **more})


def multistep(name: str, ts: tuple[int, ...], *, network: str = "mixture", seed: int = 0, quick: bool = False, **options) -> Case:
    """A run along the indices `ts`, one step between two of them."""
    return case(name, len(ts) - 1, network=network, seed=seed, quick=quick, options={"ts": list(ts), **options})


RANGE = {"sigma_min": 0.01, "sigma_max": 50.0}
FREE = {"clip_denoised": False}  # with clipping, what lies outside of [-1, 1] is not seen
# scripts/launch.sh: two steps for distilled (CD, 40 levels) and trained (CT, 201 and 151 levels) models. Then runs in which nothing is
# clipped, one step only, many steps, a start below sigma_max, another range, and an end above sigma_min.
MULTISTEP = (
    multistep("ts-cd-imagenet", (0, 22, 39), quick=True),
    multistep("ts-cd-bedroom", (0, 17, 39), network="smooth", seed=1),
    multistep("ts-ct-imagenet", (0, 106, 200), num_train_timesteps=201),
    multistep("ts-ct-bedroom", (0, 67, 150), num_train_timesteps=151, network="smooth"),
    multistep("ts-ct-cat", (0, 62, 150), num_train_timesteps=151, seed=1),
    multistep("ts-free", (0, 22, 39), **FREE, quick=True),
    multistep("ts-one", (0, 39), **FREE, network="smooth"),
    multistep("ts-four", (0, 10, 20, 30, 39), **FREE, seed=1),
    replace(multistep("ts-all", tuple(range(40)), **FREE), layers=SAMPLER_LAYERS[:-1]),  # noise is judged on shorter runs
    multistep("ts-late", (5, 20, 39), **FREE, network="smooth"),
    multistep("ts-range", (0, 7, 15, 39), **FREE, **RANGE),
    multistep("ends-early", (0, 10, 20), **FREE),
)
ONESTEP = (
    case("one", 1, quick=True),
    case("one-smooth", 1, network="smooth", seed=1),
    case("one-free", 1, options=FREE, quick=True),
    case("one-free-smooth", 1, network="smooth", seed=1, options=FREE),
    case("one-range", 1, options={**FREE, **RANGE}),
    case("one-of-201", 1, options={"num_train_timesteps": 201}),
)
# 40 steps as released (scripts/launch.sh, EDM models).
HEUN = (
    case("karras-40", 40),
    case("karras-18", 18, options=FREE, quick=True),
    case("karras-7", 7, network="smooth", seed=1),
    case("karras-15", 15, options=FREE),
    case("karras-2", 2, options=FREE),
    case("karras-1", 1, options=FREE),
    case("churn-12", 12, options={**FREE, "s_churn": 4.0}),
    case("churn-range-12", 12, network="smooth", seed=1, options={"s_churn": 20.0, "s_tmin": 0.3, "s_tmax": 6.0, "s_noise": 1.003}),
    case("range-9", 9, options={**FREE, **RANGE}),
)
