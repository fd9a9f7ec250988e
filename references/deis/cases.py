"""The cases (X) that both DEIS samplers meet: step counts, orders and spacings that hide nothing."""

from trueto.model import Case

# 20 as users run it, 10 as the authors do; 7, 11, 14 and 28 divide neither 1000 nor 999, so that no time in between is whole: at a whole
# time the derivative of the table jumps, and rounding would choose the side. 14 and 20 straddle the order-lowering rules of some
# libraries; 1 and 2 leave a multistep method without history. vp_*: the continuous SDE, for a network told 999 t.
SMALL = (2, 4, 3, 2)


def case(name: str, steps: int, *, grid: str = "uniform", order: int = 3, **more) -> Case:
    """A case of the given number of answers in each step (ab_order + 1)."""
    return Case(name, steps, grid=grid, options={"solver_order": order}, **more)


STANDARD = (
    case("uniform-20", 20, quick=True),
    case("uniform-1", 1),
    case("uniform-2", 2),
    case("order3-7", 7, network="smooth"),
    case("order1-10", 10, order=1, network="smooth"),
    case("order2-11", 11, order=2, seed=1),
    case("order3-14", 14, seed=1),
    case("linear-28", 28, order=2, schedule="linear", shape=SMALL),
    case("order4-10", 10, grid="quadratic", order=4),
    case("log-9", 9, grid="log", network="smooth"),
    case("rho-8", 8, grid="rho", seed=1),
    case("vp-t-10", 10, grid="vp_t", order=4, schedule="linear"),
    case("vp-log-8", 8, grid="vp_log", order=2, schedule="linear", network="smooth"),
    case("vp-rho-12", 12, grid="vp_rho", schedule="linear"),
)
