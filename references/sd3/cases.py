"""The cases (X) of Stable Diffusion 3's sampler: the released shift, no shift, and step counts that hide nothing."""

from functools import partial

from trueto.model import Case

FLOW = partial(Case, grid="released", schedule="flow1000", parameterization="flow")

# 28 and 50 are the counts that the original's comments name; 7 and 30 do not divide 1000; 1 and 2 have (almost) no levels in between.
STANDARD = (
    FLOW("shift-3-28", 28, quick=True),
    FLOW("shift-3-50", 50),
    FLOW("shift-3-20", 20, network="smooth"),
    FLOW("shift-3-7", 7, network="smooth", seed=1),
    FLOW("shift-3-30", 30),
    FLOW("shift-3-15", 15, seed=1),
    FLOW("shift-3-5", 5, network="smooth"),
    FLOW("shift-3-2", 2),
    FLOW("shift-3-1", 1),
    FLOW("guided-28", 28, guidance=5.0, network="smooth"),
    FLOW("guided-10", 10, guidance=7.0, seed=1),
    FLOW("shift-1-20", 20, options={"shift": 1.0}),
    FLOW("shift-6-12", 12, options={"shift": 6.0}, network="smooth", seed=1),
    FLOW("shift-3-1000", 1000, shape=(1, 1, 2, 1), layers=("schedule", "trajectory")),
)
