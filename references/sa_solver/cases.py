"""The cases (X) of SA-Solver: tau 0, 1 and in the middle only, orders, grids, what a network predicts, and the other ways of running it.

9 and 37 divide 999, so that the even times are whole training times; 7, 10, 12, 20 do not. Orders 3 and 4 lose digits in float32: their
cases are short.
"""

from trueto.model import Case


def orders(predictor: int, corrector: int, tau, **more) -> dict:
    """The options of a case."""
    return {"tau": tau, "predictor_order": predictor, "corrector_order": corrector, **more}


# Orders 2 and 2 are the README's for text to image; 3 and 4 are the code's defaults.
TAU = (
    Case("middle-20", 20, grid="time", quick=True, options=orders(2, 2, "middle")),
    Case("middle-9", 9, grid="time", network="smooth", options=orders(2, 2, "middle")),
    Case("ode-9", 9, grid="time", options=orders(2, 2, 0)),
    Case("ode-37", 37, grid="time", network="smooth", options=orders(2, 2, 0)),
    Case("sde-9", 9, grid="time", options=orders(2, 2, 1)),
    Case("sde-7", 7, grid="time", network="smooth", seed=1, options=orders(2, 2, 1)),
    Case("ode-2", 2, grid="time", options=orders(2, 2, 0)),
    Case("sde-1", 1, grid="time", options=orders(1, 2, 1)),
)
ORDERS = (
    Case("order-1-1", 10, grid="time", options=orders(1, 1, "middle")),
    Case("order-3-4", 9, grid="time", network="smooth", options={"tau": 0}),
    Case("order-4-4", 4, grid="time", options=orders(4, 4, 0)),
    Case("order-2-0", 9, grid="time", options=orders(2, 0, 0.6)),
    Case("order-4-2-refused", 3, grid="time", options=orders(4, 2, 0), layers=("schedule", "trajectory")),
)
OTHERS = (
    Case("noise-ode-9", 9, grid="time", network="smooth", options=orders(2, 2, 0, algorithm_type="noise_prediction")),
    Case("noise-sde-9", 9, grid="time", seed=1, options=orders(1, 2, 0.6, algorithm_type="noise_prediction")),
    Case("pece-9", 9, grid="time", options=orders(2, 2, "middle", pc_mode="PECE")),
    Case("logsnr-10", 10, grid="logSNR", network="smooth", options=orders(2, 2, 0)),
    Case("karras-10", 10, grid="karras", options=orders(2, 2, "middle")),
    Case("v-12", 12, grid="time", parameterization="v", options=orders(2, 2, "middle")),
    Case("x0-9", 9, grid="time", parameterization="x0", network="smooth", options=orders(2, 2, 1)),
    Case("linear-15", 15, grid="time", schedule="linear", options=orders(2, 2, "middle")),
    Case("guided-12", 12, grid="time", guidance=5.0, network="smooth", options=orders(2, 2, "middle")),
    Case("threshold-9", 9, grid="time", guidance=5.0, options=orders(2, 2, 0, correcting_x0_fn="dynamic_thresholding")),
)
FEW = (*TAU, *ORDERS, *OTHERS)
WANTED = (
    "middle-20",
    "ode-9",
    "sde-7",
    "ode-2",
    "sde-1",
    "order-3-4",
    "order-2-0",
    "noise-sde-9",
    "pece-9",
    "logsnr-10",
    "karras-10",
    "v-12",
)
MORE = tuple(case for case in FEW if case.id in WANTED)
