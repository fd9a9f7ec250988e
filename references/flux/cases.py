"""The cases (X) of FLUX.1's sampler: several sizes of picture with the shift of `dev`, no shift as `schnell`, and odd step counts."""

from functools import partial

from trueto.model import Case

FLOW = partial(Case, grid="released", schedule="flow", parameterization="flow")


def dev(name: str, steps: int, tokens: int, **more) -> Case:
    """A case of FLUX.1-dev, for a picture of that many tokens (one for 16 x 16 pixels)."""
    base_and_max = more.pop("options", {})
    return FLOW(name, steps, options={"image_seq_len": tokens, **base_and_max}, **more)


# Tokens: 256 of 256 x 256, 1024 of 512 x 512, 4080 of the original's own 1360 x 768, 4096 of 1024 x 1024, 16384 of 2048 x 2048, which
# is beyond the two sizes between which the shift is interpolated. 50 and 4 steps are the original's defaults for dev and schnell.
SCHNELL = {"image_seq_len": 4096, "shift": False}
STANDARD = (
    dev("dev-1024px-50", 50, 4096),
    dev("dev-1024px-28", 28, 4096, quick=True),
    dev("dev-512px-20", 20, 1024, network="smooth"),
    dev("dev-256px-15", 15, 256, seed=1),
    dev("dev-1360x768-30", 30, 4080, network="smooth"),
    dev("dev-2048px-7", 7, 16384, network="smooth", seed=1),
    dev("dev-1024px-2", 2, 4096),
    dev("dev-1024px-1", 1, 4096),
    dev("dev-shifts-10", 10, 1024, options={"base_shift": 0.3, "max_shift": 2.0}),
    dev("dev-1024px-1000", 1000, 4096, shape=(1, 1, 2, 1), layers=("schedule", "trajectory")),
    FLOW("schnell-4", 4, options=SCHNELL, quick=True),
    FLOW("schnell-1", 1, options=SCHNELL, network="smooth"),
    FLOW("schnell-7", 7, options=SCHNELL, network="smooth", seed=1),
    FLOW("schnell-20", 20, options=SCHNELL),
)
