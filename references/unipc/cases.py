"""The cases (X) that every variant of UniPC meets: step counts, orders and options that hide nothing."""

from trueto.model import Case

# 20 as users run it, 15 and 10 as UniPC's authors recommend it; 7, 12, 14, 15, 28 and 30 do not divide 1000 (12, 14, 28 and 30 do not
# divide 999 either, so that times are fractions), 9 divides 999; 14 and 15 straddle the order-lowering rules of some libraries.
# With fewer steps than the order the original raises AssertionError. For networks that predict v or x0 it multiplies by a level of
# shape (B,), which has the shape of the last axis to fit: it raises RuntimeError for a batch of two, and works for one picture.
RAISES = ("schedule", "trajectory")
SINGLE = (1, 4, 4, 3)


def case(name: str, steps: int, *, grid: str = "uniform", order: int = 2, options: dict | None = None, **more) -> Case:
    """A case on the original's even grid of times; `order` is left out where it is the original's default."""
    chosen = {} if order == 2 else {"solver_order": order}
    return Case(name, steps, grid=grid, options={**chosen, **(options or {})}, **more)


STANDARD = (
    case("uniform-20", 20, quick=True),
    case("order1-1", 1, order=1),
    case("order3-2", 2, order=3, layers=RAISES),
    case("uniform-2", 2),
    case("order3-7", 7, order=3, network="smooth"),
    case("order3-14", 14, order=3, seed=1),
    case("noise-12", 12, order=3, options={"predict_x0": False}, network="smooth"),
    case("full-10", 10, order=3, options={"lower_order_final": False}),
    case("v-15", 15, parameterization="v", shape=SINGLE),
    case("x0-9", 9, order=3, parameterization="x0", network="smooth", shape=SINGLE),
    case("logsnr-10", 10, grid="logsnr", order=3),
    case("threshold-12", 12, options={"thresholding": True}, seed=1),
)
MORE = (
    case("order4-12", 12, order=4),
    case("order1-30", 30, order=1, network="smooth"),
    case("linear-28", 28, order=3, schedule="linear"),
    case("guided-10", 10, guidance=7.5, network="smooth"),
    case("noise-v-10", 10, parameterization="v", options={"predict_x0": False}, shape=SINGLE),
    case("v-batch-5", 5, parameterization="v", layers=RAISES),
    case("quadratic-8", 8, grid="quadratic", network="smooth"),
    case("denoise-8", 8, order=3, options={"denoise": True}),
    case("uniform-100", 100, shape=(1, 4, 2, 1)),
)
OTHER_GRIDS = (case("quadratic-8", 8, grid="quadratic", network="smooth"),)
