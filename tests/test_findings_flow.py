"""docs/findings/flow-sigmas.md: what diffusers' schedulers of variance-preserving methods do with use_flow_sigmas, and what mends it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from trueto.distances import measure  # noqa: E402
from trueto.fixtures import network, schedule, start_noise  # noqa: E402
from trueto.references import observe_spec, reference  # noqa: E402
from trueto.running.domain import drawn_case  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

STEPS, SHIFT = 10, 3.0
NAMES = ("DPMSolverMultistep", "DPMSolverSinglestep", "UniPCMultistep", "DEISMultistep", "SASolver")
TO_CLEAN = NAMES[:3]
FLOW = {"schedule": "flow1000", "parameterization": "flow"}
CASE = drawn_case(steps=STEPS, grid="time_uniform", **FLOW)


def made(name, **settings):
    """A scheduler for ten steps over levels of flow matching."""
    own = {"use_flow_sigmas": True, "flow_shift": SHIFT, "prediction_type": "flow_prediction", **settings}
    scheduler = getattr(diffusers, f"{name}Scheduler")(**own)
    scheduler.set_timesteps(STEPS)
    return scheduler


def noise_left(scheduler):
    """The share of noise in the last state, where every picture is 0 and the velocity therefore x / s."""
    torch.manual_seed(0)
    x = torch.randn(1, 4, 64, 64)
    for t, s in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        x = scheduler.step(x / s, t, x).prev_sample
    return float(x.std())


def sample(scheduler, told):
    """The picture of a network that is told `told`, in the frame of flow matching."""
    net = network("mixture", schedule("flow1000"), "flow")
    x = torch.from_numpy(start_noise(CASE.seed, CASE.shape)).float()
    for t, time in zip(scheduler.timesteps, told, strict=True):
        answer = net(x.double().numpy(), np.full(len(x), float(time)))
        x = scheduler.step(torch.from_numpy(answer).float(), t, x).prev_sample
    return x.numpy()


@pytest.mark.parametrize("name", NAMES)
def test_the_time_told_is_cut_down(name):
    """Each time is the level's, without what comes after the point."""
    scheduler = made(name)
    due = 1000 * scheduler.sigmas[:STEPS].double()
    assert (due.floor() == scheduler.timesteps).all()
    assert float((due - scheduler.timesteps).max()) > 0.5


def test_with_the_time_as_it_is_the_picture_is_the_specs():
    """The multistep DPM-Solver, told the time cut down and told the time: each is the spec so told, and neither is the other."""
    scheduler = made("DPMSolverMultistep")
    cut, whole = (
        observe_spec(reference("dpm_solver/multistep"), CASE, "closed", {"flow_shift": "3", "told": told}).exact.sample
        for told in ("truncated", "exact")
    )
    apart = measure(cut, whole)[0]
    assert measure(sample(scheduler, scheduler.timesteps), cut)[0] < apart / 100
    assert measure(sample(made("DPMSolverMultistep"), 1000 * scheduler.sigmas[:STEPS].double()), whole)[0] < apart / 100


@pytest.mark.parametrize("name", ["DEISMultistep", "SASolver"])
def test_noise_is_left_where_the_last_level_is_there_twice(name):
    """As much as that level says; with a last level that is nearly clean as much as that one says."""
    scheduler = made(name)
    assert float(scheduler.sigmas[-1]) == float(scheduler.sigmas[-2]) > 0.2
    assert abs(noise_left(scheduler) / float(scheduler.sigmas[-1]) - 1) < 0.03  # 16,384 numbers: three per cent are five deviations
    scheduler = made(name)
    scheduler.sigmas[-1] = 0.001
    assert noise_left(scheduler) < 0.0015


@pytest.mark.parametrize("name", TO_CLEAN)
def test_none_is_left_by_those_that_end_clean(name):
    """The schedulers that can end at 0 do so by default."""
    assert noise_left(made(name)) < 1e-5


def test_sa_solver_adds_the_noise_of_the_betas():
    """add_noise asks the betas for its level, whatever the levels of the steps are; and noise prediction knows no velocity."""
    scheduler = made("SASolver")
    noised = float(scheduler.add_noise(torch.zeros(1), torch.ones(1), scheduler.timesteps[5:6]))
    assert noised > 0.99
    assert float(scheduler.sigmas[5]) < 0.8
    refusing = made("SASolver", algorithm_type="noise_prediction")
    with pytest.raises(ValueError, match="flow_prediction must be one of"):
        noise_left(refusing)
