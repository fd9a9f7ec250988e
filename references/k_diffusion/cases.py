"""The cases (X) that every k-diffusion sampler meets: step counts and grids that hide nothing."""

from trueto.model import Case

# Step counts: 20 and 25 as users run them, 7 and 30 do not divide 1000, 10 and 28: (n - 1) divides 999, 14 and 15 straddle
# the order-lowering rules of some libraries, 1 and 2 leave a multistep method without history.
GRIDS = (
    Case("model-20", 20, quick=True),
    Case("karras-20", 20, grid="karras"),
    Case("exponential-10", 10, grid="exponential"),
)
COUNTS = (
    Case("model-1", 1, layers=("schedule", "start", "trajectory", "noise")),
    Case("model-2", 2),
    Case("model-7", 7, network="smooth"),
    Case("model-14", 14, seed=1),
    Case("model-28", 28),
    Case("model-30", 30, network="smooth"),
)
PARAMETERIZATIONS = (
    Case("v-15", 15, parameterization="v"),
    Case("x0-12", 12, parameterization="x0", network="smooth"),
    Case("linear-15", 15, schedule="linear"),
)
OTHER_GRIDS = (
    Case("polyexponential-9", 9, grid="polyexponential"),
    Case("vp-9", 9, grid="vp"),
)

STANDARD = (*GRIDS, *COUNTS, *PARAMETERIZATIONS)
