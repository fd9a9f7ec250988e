"""Why diffusers differs from DPM-Solver: each entry of its ledger, proven on diffusers itself by changing the one thing it names.

Nothing here goes through the specs: the original's formulas stand in formulas_dpm_solver.py, diffusers is driven directly. In every test
the difference is there as released, and is gone (below SAME) as soon as that one thing is changed.
"""

import formulas_dpm_solver as original
import numpy as np
import pytest
from formulas import NOISE

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import SAME, all_but_one, drive, far, scheduler, with_levels  # noqa: E402 - it imports diffusers

from trueto.fixtures import schedule  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MULTI, SINGLE = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
AT_SIGMA_MIN = {"final_sigmas_type": "sigma_min"}


def multistep(n, kind="time", **more):
    """Second-order multistep with some of grid and told set to the original's, and the original."""
    index = original.grid(n, kind)
    lams = original.lam_of(index)

    def run(right):
        made = scheduler(MULTI, n, **{**AT_SIGMA_MIN, **more})
        if "grid" in right:
            with_levels(made, np.exp(-lams))
        return drive(made, told=index[:-1] if "told" in right else None)[0]

    return run, original.multistep(NOISE, lams, index[:-1], lowered=n < 10)


def singlestep(n, sizes, solver="dpmsolver"):
    """The original on the levels and times of n calls."""
    index = original.grid(n)
    return original.singlestep(NOISE, original.lam_of(index), index[:-1], sizes, solver)


def on_its_levels(n, made, told=None):
    """Diffusers on the original's levels and times."""
    index = original.grid(n)
    return drive(with_levels(made, original.sigmas(index)), told=index[:-1] if told is None else told)[0]


def test_midpoint_is_dpmsolver_and_heun_is_taylor():
    """Which of diffusers' solver types is which of the original's, on a grid that both visit exactly; with 9 steps nothing else differs."""
    index = original.grid(9)
    wanted = {
        solver: original.multistep(NOISE, original.lam_of(index), index[:-1], lowered=True, solver=solver)
        for solver in ("dpmsolver", "taylor")
    }
    for ours, theirs in (("midpoint", "dpmsolver"), ("heun", "taylor")):
        got = drive(scheduler(MULTI, 9, solver_type=ours, **AT_SIGMA_MIN))[0]
        assert {solver: far(got, sample) < SAME for solver, sample in wanted.items()} == {"dpmsolver": False, "taylor": False} | {
            theirs: True
        }


@pytest.mark.parametrize("name", [MULTI, SINGLE])
def test_times_are_rounded(name):
    """The times are the original's, rounded; with the original's levels and times the rest is the original."""
    for n in (7, 12, 20):
        wanted = original.grid(n)[:-1]
        assert wanted.round().tolist() == scheduler(name, n, **AT_SIGMA_MIN).timesteps.tolist()
        assert abs(wanted - wanted.round()).max() > 0.3
    if name == MULTI:
        all_but_one(*multistep(20), ("grid", "told"))
    else:
        wanted = singlestep(11, [2] * 5 + [1])
        made = scheduler(name, 11, **AT_SIGMA_MIN)
        assert far(drive(scheduler(name, 11, **AT_SIGMA_MIN))[0], wanted) > 10 * SAME
        assert far(on_its_levels(11, made), wanted) < SAME


def test_log_snr_grid_has_a_last_step_of_no_length():
    """use_lu_lambdas spaces n levels down to the end and tells rounded times; with the original's n + 1 levels and times it is the same."""
    made = scheduler(MULTI, 15, use_lu_lambdas=True, **AT_SIGMA_MIN)
    ends = original.lam_of(np.array([999.0, 0.0]))
    assert np.abs(-np.log(made.sigmas[:-1].double().numpy()) - np.linspace(*ends, 15)).max() < 1e-4
    assert abs(float(made.sigmas[-1] / made.sigmas[-2]) - 1) < 1e-6
    exact = original.index_of(np.linspace(*ends, 15))
    assert abs(made.timesteps.numpy() - exact).max() > 0.3
    assert abs(made.timesteps.numpy() - exact.round()).max() <= 1
    all_but_one(*multistep(15, "log_snr", use_lu_lambdas=True), ("grid", "told"))


def test_orders_are_lowered_below_15_steps():
    """With 12 steps the last is of first order, which the original does below 10; with lower_order_final=False it is the original."""
    run, wanted = multistep(12)
    assert far(run({"grid", "told"}), wanted) > 10 * SAME
    run, wanted = multistep(12, lower_order_final=False)
    assert far(run({"grid", "told"}), wanted) < SAME


@pytest.mark.parametrize("name", [MULTI, SINGLE])
def test_default_ends_at_zero(name):
    """By default the last level is 0; with final_sigmas_type='sigma_min' a run of 9 steps is the original's."""
    index = original.grid(9)
    wanted = {
        MULTI: original.multistep(NOISE, original.lam_of(index), index[:-1], lowered=True),
        SINGLE: singlestep(9, [2] * 4 + [1]),
    }[name]
    released = scheduler(name, 9)
    assert 0 == released.sigmas[-1]
    assert far(drive(released)[0], wanted) > 10 * SAME
    assert far(drive(scheduler(name, 9, **AT_SIGMA_MIN))[0], wanted) < SAME


def test_times_are_not_stretched_where_a_schedule_is_cut():
    """Where noisy times are cut off the original spreads 0 to 1000 over the rest; told those times, diffusers is the original."""
    alpha_bar = schedule("cosine").alphas_cumprod
    lam = np.log(alpha_bar / (1 - alpha_bar)) / 2
    kept = int((lam >= -5.1).sum())
    assert 900 < kept < 1000
    made = scheduler(MULTI, 15, beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1, **AT_SIGMA_MIN)
    index = np.linspace(kept - 1, 0, 16)[:-1]
    assert index.round().tolist() == made.timesteps.tolist()
    stretched = ((index + 1) / kept - 1 / kept) * 1000  # get_model_input_time
    log_alpha = np.log(alpha_bar[:kept]) / 2
    lams = original.lam_of(np.linspace(kept - 1, 0, 16), log_alpha)

    def run(right):
        levelled = with_levels(scheduler(MULTI, 15, beta_schedule="squaredcos_cap_v2", **AT_SIGMA_MIN), np.exp(-lams))
        return drive(levelled, told=stretched if "told" in right else index)[0]

    all_but_one(run, original.multistep(NOISE, lams, stretched), ("told",))


def test_thresholding_is_plain_clipping_by_default():
    """With sample_max_value=1, the default, the bound is always 1; with a large one thresholding is the original's."""
    index = original.grid(9)
    wanted = original.multistep(NOISE, original.lam_of(index), index[:-1], lowered=True, limit=0.9)
    options = {"thresholding": True, "dynamic_thresholding_ratio": 0.9, **AT_SIGMA_MIN}
    for name, loose in ((MULTI, True), (SINGLE, False)):
        made = scheduler(name, 9, **options)
        x0 = torch.linspace(-3, 3, 96).reshape(2, 4, 4, 3)
        assert x0.clamp(-1, 1).numpy().tobytes() == made._threshold_sample(x0).numpy().tobytes()
        assert float(scheduler(name, 9, sample_max_value=100.0, **options)._threshold_sample(x0).abs().max()) == 1.0
        if loose:
            assert far(drive(made)[0], wanted) > 10 * SAME
            assert far(drive(scheduler(name, 9, sample_max_value=100.0, **options))[0], wanted) < SAME


def test_noise_predictions_are_thresholded_too():
    """algorithm_type 'dpmsolver' with thresholding clips as well, which the original does not; without thresholding it is the original."""
    index = original.grid(9)
    wanted = original.multistep(NOISE, original.lam_of(index), index[:-1], lowered=True, noise=True)
    assert far(drive(scheduler(MULTI, 9, algorithm_type="dpmsolver", thresholding=True, **AT_SIGMA_MIN))[0], wanted) > 10 * SAME
    assert far(drive(scheduler(MULTI, 9, algorithm_type="dpmsolver", **AT_SIGMA_MIN))[0], wanted) < SAME


def order_list(sizes):
    """Step sizes in diffusers' words: the order that is reached with each call."""
    return [order + 1 for size in sizes for order in range(size)]


@pytest.mark.parametrize(
    ("n", "order", "settings", "released", "wanted"),
    [
        (10, 2, {"lower_order_final": True}, [2] * 4 + [1, 1], [2] * 5),
        (9, 3, {}, [3] * 3, [3, 3, 2, 1]),
        (10, 2, {"final_sigmas_type": "zero"}, [2] * 4 + [1, 1], None),
        (11, 3, {"final_sigmas_type": "zero"}, [3] * 3 + [1, 1], None),
        (7, 2, {}, [2] * 3 + [1], None),
        (11, 3, {}, [3] * 3 + [2], None),
    ],
)
def test_calls_are_grouped_otherwise(n, order, settings, released, wanted):
    """How calls make up steps; with the original's grouping, levels and times the rest is the original (Taylor steps)."""
    options = {**AT_SIGMA_MIN, "solver_order": order, "solver_type": "heun", **settings}
    made = scheduler(SINGLE, n, **options)
    assert order_list(released) == made.order_list
    if wanted is not None:
        sample = singlestep(n, wanted, "taylor")
        assert far(on_its_levels(n, made), sample) > 10 * SAME
        made = scheduler(SINGLE, n, **options)
        made.order_list = order_list(wanted)
        assert far(on_its_levels(n, made), sample) < SAME


def test_third_call_follows_a_midpoint_step():
    """With 'midpoint' the way to the third call of a step is a midpoint step; with a Taylor step there alone it is the original."""
    sizes = [3, 3, 2, 1]
    wanted = singlestep(9, sizes)
    options = {"solver_order": 3, "lower_order_final": True, **AT_SIGMA_MIN}
    made = scheduler(SINGLE, 9, **options)
    assert order_list(sizes) == made.order_list
    assert far(on_its_levels(9, made), wanted) > 10 * SAME
    made = scheduler(SINGLE, 9, **options)
    update = made.singlestep_dpm_solver_second_order_update

    def taylor_inside(*args, **kwargs):
        inside = made.step_index + 1 < 9 and made.order_list[made.step_index + 1] == 3
        made.register_to_config(solver_type="heun" if inside else "midpoint")
        sample = update(*args, **kwargs)
        made.register_to_config(solver_type="midpoint")
        return sample

    made.singlestep_dpm_solver_second_order_update = taylor_inside
    assert far(on_its_levels(9, made), wanted) < SAME


def test_log_snr_times_are_cut_down_on_the_cosine_schedule():
    """use_lu_lambdas tells the whole time below each level on the cosine schedule, the nearest one on others."""
    for kind, cut in (("squaredcos_cap_v2", True), ("scaled_linear", False)):
        made = scheduler(MULTI, 15, use_lu_lambdas=True, beta_schedule=kind, **AT_SIGMA_MIN)
        logs = np.log(((1 - made.alphas_cumprod) / made.alphas_cumprod).sqrt().numpy())
        exact = np.interp(made.sigmas[:-1].log().numpy(), logs, np.arange(1000))[1:]  # the first is 999 up to rounding
        assert abs(exact - exact.round()).max() > 0.3
        assert (np.floor(exact) if cut else exact.round()).tolist() == made.timesteps[1:].tolist()
