"""Which configurations of diffusers' DEISMultistepScheduler are DEIS, by its documentation."""

from __future__ import annotations

from trueto.candidates.diffusers.claims.row import (
    BELOW_15,
    BOUNDED_SAID,
    BY_THIRDS,
    DOCS,
    EPS,
    FIRST_TWICE,
    FLOW,
    PREDICTION,
    STRENGTH,
    THRESHOLD,
    TRAINED_BETAS,
    axis,
    but_for_flow,
    claim,
    flow_axis,
    sigmas_axis,
    spacing_axis,
)
from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

GRIDS = {"uniform": {}}
ORDERS = ("uniform-*", "order1-*", "order2-*", "order3-*", "linear-*")  # its docstring: "can be `1` or `2` or `3`"

NEVER_LOWER = axis(
    "diffusers, lower_order_final: 'Whether to use lower-order solvers in the final steps. Only valid for < 15 inference steps'",
    false=({"lower_order_final": False}, {"final_order": "full"}),
)

CLAIMS: tuple[Claim, ...] = (
    claim(
        "deis/t_ab",
        "DEISMultistepScheduler",
        DOCS + "deis",
        "This implementation modifies the polynomial fitting formula in log-rho space instead of the original linear `t` space in the "
        "DEIS paper.",
        grids=GRIDS,
        levels="each_sigma",
        parameterizations={**EPS, **FLOW},
        init=("solver_order",),
        cases=ORDERS,
        note="the documentation itself says that it is another variant; claimed so that it is proven to be exactly that one",
        domain={
            "parameterizations": list(EPS),
            "borders": BELOW_15,
            "order": {**BY_THIRDS, "grid": "uniform", "options": {"solver_order": 2}},
            "options": {"solver_order": {"choices": [3, 2, 1], "always": True}},
            "composed": {
                "strength": STRENGTH,
                "sigmas": sigmas_axis("uniform"),
                "timestep_spacing": but_for_flow(spacing_axis("uniform")),
                "lower_order_final": NEVER_LOWER,
                "thresholding": axis(BOUNDED_SAID, **THRESHOLD),
                "trained_betas": but_for_flow(TRAINED_BETAS),
                "prediction_type": but_for_flow(PREDICTION),
                "flow_sigmas": flow_axis("uniform", integral="log_rho"),  # the paper's form needs alpha(t)
            },
            "unless": FIRST_TWICE,
        },
    ),
)

NO_CLAIMS: dict[str, str] = {"deis/rho_ab": "the documentation compares its form in log rho with the paper's in t, not with the one in rho"}
