"""The cases (X) of TCD: gamma from 0 to 1, step counts that divide the 50 distilled times and that do not, what a network predicts."""

from trueto.model import Case

# 4 steps with eta 0.3 is what the authors' examples run. 50 / n is not whole at 4, 7, 8, 15 and 26; 50 visits every time, 51 is refused.
RAISES = ("schedule", "trajectory")
GAMMA = (
    Case("gamma0.3-4", 4, grid="uniform", quick=True, options={"eta": 0.3}),
    Case("gamma0.3-1", 1, grid="uniform", options={"eta": 0.3}),
    Case("gamma0.3-2", 2, grid="uniform", network="smooth", options={"eta": 0.3}),
    Case("gamma0.3-7", 7, grid="uniform", network="smooth", seed=1, options={"eta": 0.3}),
    Case("gamma0.3-50", 50, grid="uniform", options={"eta": 0.3}),
    Case("gamma0.3-51", 51, grid="uniform", options={"eta": 0.3}, layers=RAISES),
    Case("gamma0-8", 8, grid="uniform", options={"eta": 0.0}),
    Case("gamma0-26", 26, grid="uniform", network="smooth", options={"eta": 0.0}),
    Case("gamma1-4", 4, grid="uniform", network="smooth", options={"eta": 1.0}),
    Case("gamma1-15", 15, grid="uniform", seed=1, options={"eta": 1.0}),
    Case("default-5", 5, grid="uniform"),
)
# Other distillations: 25 divides the 1000 training times, 30 does not, so that the grid begins at 989; None is all 1000 of them.
KNOWN = (
    Case("known-25-4", 4, grid="uniform", options={"original_inference_steps": 25}),
    Case("known-30-7", 7, grid="uniform", network="smooth", options={"eta": 0.6, "original_inference_steps": 30}),
    Case("known-all-8", 8, grid="uniform", seed=1, options={"eta": 0.3, "original_inference_steps": None}),
)
OTHERS = (
    Case("v-8", 8, grid="uniform", parameterization="v", options={"eta": 0.3}),
    Case("x0-6", 6, grid="uniform", parameterization="x0", network="smooth", options={"eta": 0.3}),
    Case("linear-10", 10, grid="uniform", schedule="linear", options={"eta": 0.5}),
    Case("cosine-v-5", 5, grid="uniform", schedule="cosine", parameterization="v", network="smooth", seed=1, options={"eta": 0.3}),
)
STANDARD = (*GAMMA, *KNOWN, *OTHERS)
