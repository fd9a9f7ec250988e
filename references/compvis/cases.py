"""The cases (X) that both CompVis samplers meet: step counts that hide nothing, and guidance as users run it."""

from trueto.model import Case

# 50 and 20 as users run them. 30 and 7 do not divide 1000, so that the original runs more steps than asked (31 and 8).
# 28 is another such count, 40 has an odd stride (25). With 3 and 37 the stride (333 and 27) divides 999 and the first
# time would be 1000, with 1000 likewise: the original raises IndexError, which is what it does.
# 1, 2 and 4 are the start-up of a multistep method; 1 step begins at time 1, next to the end.
RAISES = ("schedule", "trajectory")
COUNTS = (
    Case("uniform-50", 50, grid="uniform", quick=True),
    Case("uniform-20", 20, grid="uniform"),
    Case("uniform-30", 30, grid="uniform", network="smooth"),
    Case("uniform-7", 7, grid="uniform", seed=1),
    Case("uniform-10", 10, grid="uniform", network="smooth"),
    Case("uniform-28", 28, grid="uniform"),
    Case("uniform-40", 40, grid="uniform", network="smooth", seed=1),
    Case("uniform-1", 1, grid="uniform"),
    Case("uniform-2", 2, grid="uniform"),
    Case("uniform-4", 4, grid="uniform", network="smooth"),
    Case("uniform-3", 3, grid="uniform", layers=RAISES),
    Case("uniform-37", 37, grid="uniform", layers=RAISES),
    Case("uniform-1000", 1000, grid="uniform", layers=RAISES),
)
OTHERS = (
    Case("linear-20", 20, grid="uniform", schedule="linear"),
    Case("linear-15", 15, grid="uniform", schedule="linear", network="smooth", seed=1),
    Case("guided-20", 20, grid="uniform", guidance=7.5, network="smooth"),
    Case("guided-12", 12, grid="uniform", guidance=7.5, seed=1),
)

STANDARD = (*COUNTS, *OTHERS)
