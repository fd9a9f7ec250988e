"""The cases (X) that DPM-Solver's methods meet: step counts, grids, orders and options that hide nothing."""

from trueto.model import Case

UNIFORM = "time_uniform"
# A network's times are whole: with 9, 27 and 37 steps the grid visits whole times (they divide 999), with others it does not. 9 and 10
# straddle the original's order-lowering rule, 12 lies between it and what its documentation says (below 15), 15 and 20 are above both.


def uniform(case_id: str, steps: int, *, order: int = 2, solver: str = "", noise: bool = False, **more) -> Case:
    """A small case on the original's default grid; `solver` and `noise` (algorithm_type dpmsolver) are given only where they matter."""
    options = {"order": order, **({"solver_type": solver} if solver else {}), **({"algorithm_type": "dpmsolver"} if noise else {})}
    fields = {"grid": UNIFORM, "shape": (2, 4, 3, 2), **more, "options": {**options, **more.get("options", {})}}
    return Case(case_id, steps, **fields)


THRESHOLD = {"correcting_x0_fn": "dynamic_thresholding", "dynamic_thresholding_ratio": 0.9}
