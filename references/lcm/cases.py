"""The cases (X) of LCM: step counts that divide the 50 distilled times and that do not, other distillations, what a network predicts."""

from trueto.model import Case

# 4 is what the model is used with (and the authors' default), 8 and 2 its neighbours. 50 // n leaves a rest at 4, 7, 8, 26 and 30; at 26
# and 30 the authors' slice of the times ends early (at 499 and 419). 50 visits every time, 51 is refused.
RAISES = ("schedule", "trajectory")
COUNTS = (
    Case("uniform-4", 4, grid="uniform", quick=True),
    Case("uniform-1", 1, grid="uniform"),
    Case("uniform-2", 2, grid="uniform", network="smooth"),
    Case("uniform-5", 5, grid="uniform", seed=1),
    Case("uniform-7", 7, grid="uniform"),
    Case("uniform-8", 8, grid="uniform", network="smooth", seed=1),
    Case("uniform-26", 26, grid="uniform"),
    Case("uniform-30", 30, grid="uniform", network="smooth"),
    Case("uniform-50", 50, grid="uniform"),
    Case("uniform-51", 51, grid="uniform", layers=RAISES),
)
# Other distillations: 25 and 100 divide the 1000 training times, 30 does not, so that the grid begins at 989. 8 of 100 leave a rest.
KNOWN = (
    Case("known-25-5", 5, grid="uniform", options={"original_inference_steps": 25}),
    Case("known-30-6", 6, grid="uniform", network="smooth", options={"original_inference_steps": 30}),
    Case("known-100-8", 8, grid="uniform", seed=1, options={"original_inference_steps": 100}),
)
OTHERS = (
    Case("v-5", 5, grid="uniform", parameterization="v"),
    Case("x0-10", 10, grid="uniform", parameterization="x0", network="smooth"),
    Case("linear-10", 10, grid="uniform", schedule="linear"),
    Case("cosine-v-5", 5, grid="uniform", schedule="cosine", parameterization="v", network="smooth", seed=1),
)
STANDARD = (*COUNTS, *KNOWN, *OTHERS)
