"""The cases (X) that both samplers of ermongroup/ddim meet: step counts that hide nothing, and both sequences of training times."""

from trueto.model import Case

# 50 and 20 as in the paper's tables. 7, 28 and 37 do not divide 1000, so that the original runs more steps than asked (8, 29 and 38);
# with 37 the stride (27) divides 999 and the first time is 999, the last of the table. 28 has an odd stride too.
COUNTS = (
    Case("uniform-50", 50, grid="uniform", schedule="linear", quick=True),
    Case("uniform-20", 20, grid="uniform", schedule="linear", network="smooth"),
    Case("uniform-7", 7, grid="uniform", schedule="linear", seed=1),
    Case("uniform-37", 37, grid="uniform", schedule="linear", network="smooth", shape=(2, 4, 3, 2)),
    Case("uniform-1", 1, grid="uniform", schedule="linear"),
    Case("uniform-2", 2, grid="uniform", schedule="linear"),
    Case("sd_v1-28", 28, grid="uniform", shape=(2, 4, 3, 2)),
)
# The released default: all 1000 times. Its draws are those of the others, of which there are enough.
ALL_TIMES = (
    Case(
        "uniform-1000",
        1000,
        grid="uniform",
        schedule="linear",
        network="smooth",
        shape=(1, 3, 2, 1),
        layers=("schedule", "start", "update", "trajectory"),
    ),
)
# The paper's other sequence; with 50 steps it visits training time 0 twice.
QUADRATIC = (
    Case("quad-10", 10, grid="quad", schedule="linear", network="smooth"),
    Case("quad-50", 50, grid="quad", schedule="linear", shape=(2, 4, 3, 2)),
)

STANDARD = (*COUNTS, *ALL_TIMES, *QUADRATIC)
