"""The cases (X) of rectified flow's Euler sampler: step counts that hide nothing."""

from functools import partial

from trueto.model import Case

FLOW = partial(Case, grid="uniform", schedule="rectified", parameterization="flow")

# 1, 2 and a few steps are what the paper is about; 1000 is what its authors compare with; 7 and 30 do not divide 1000.
STANDARD = (
    FLOW("uniform-20", 20, quick=True),
    FLOW("uniform-50", 50),
    FLOW("uniform-30", 30, network="smooth"),
    FLOW("uniform-28", 28),
    FLOW("uniform-15", 15, network="smooth", seed=1),
    FLOW("uniform-10", 10),
    FLOW("uniform-7", 7, network="smooth", seed=1),
    FLOW("uniform-4", 4),
    FLOW("uniform-2", 2),
    FLOW("uniform-1", 1, network="smooth"),
    FLOW("uniform-1000", 1000, shape=(1, 1, 2, 1), layers=("schedule", "trajectory")),
)
