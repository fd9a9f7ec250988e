"""The cases (X) that F-PNDM meets: step counts that hide nothing, and the three families of betas that its schedule knows."""

from trueto.model import Case

RAISES = ("schedule", "trajectory")
# uniform-50 is the released default (sample_speed 50, with the linear betas of its DDIM models). 7, 15, 28 and 30 do not
# divide 1000, so that the original runs more steps than asked (8, 16, 29, 31); 15 and 28 have even and odd strides (66, 35), 40 has 25.
# With 3 and 37 the stride divides 999 and the first time is 999, with 1000 likewise: the original raises IndexError, which is what it does.
# 1 and 2 are Runge-Kutta steps only, 4 has one multistep step.
STANDARD = (
    Case("uniform-50", 50, grid="uniform", schedule="linear", quick=True),
    Case("uniform-20", 20, grid="uniform", schedule="linear"),
    Case("uniform-40", 40, grid="uniform", schedule="linear", network="smooth", shape=(2, 4, 3, 2)),
    Case("uniform-30", 30, grid="uniform", schedule="linear", network="smooth", seed=1, shape=(2, 4, 3, 2)),
    Case("uniform-7", 7, grid="uniform", schedule="linear", seed=1),
    Case("uniform-4", 4, grid="uniform", schedule="linear", network="smooth"),
    Case("uniform-2", 2, grid="uniform", schedule="linear"),
    Case("uniform-1", 1, grid="uniform", schedule="linear"),
    Case("quad-15", 15, grid="uniform", network="smooth"),
    Case("quad-28", 28, grid="uniform", shape=(2, 4, 3, 2)),
    Case("cosine-20", 20, grid="uniform", schedule="cosine", network="smooth"),
    Case("uniform-3", 3, grid="uniform", schedule="linear", layers=RAISES),
    Case("uniform-37", 37, grid="uniform", schedule="linear", layers=RAISES),
    Case("uniform-1000", 1000, grid="uniform", schedule="linear", layers=RAISES),
)
