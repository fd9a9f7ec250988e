"""Why diffusers' FLUX.1 differs in bfloat16, and what keeps Stable Diffusion 3 the same: shown on diffusers itself, not through specs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers import FlowMatchEulerDiscreteScheduler  # noqa: E402 - after the check that it is there

from trueto.distances import measure  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

SD3 = {"num_train_timesteps": 1000, "shift": 3.0}


def thousandth(level, dtype):
    """What FluxPipeline tells its transformer at a level: `t.expand(n).to(latents.dtype) / 1000`."""
    return float((torch.tensor(1000 * level, dtype=torch.float32).expand(2).to(dtype) / 1000)[0])


def shifted(level, shift):
    """Esser et al. 2024, equation 23."""
    return shift * level / (1 + (shift - 1) * level)


def by_reference(n, shift=3.0, *, twice=True):
    """sd3_infer.py: get_sigmas; the smallest level of the table is shifted already, unless `twice` is off."""
    end = shifted(0.001, shift) if twice else 0.001
    return shifted(np.linspace(1, end, n), shift)


def levels(n, **config):
    """The scheduler's levels without the last 0."""
    made = FlowMatchEulerDiscreteScheduler.from_config({**SD3, **config})
    made.set_timesteps(n)
    return made.sigmas[:-1].double().numpy()


def test_thousandths_are_rounded_in_bfloat16():
    """At level 0.75 in bfloat16 it tells 0.7539 by way of 752; kept as a level, as in the original, or in float32, the time stays 0.75."""
    assert 752.0 == float(torch.tensor(750.0).to(torch.bfloat16))
    assert 0.75390625 == thousandth(0.75, torch.bfloat16)
    assert 0.75 == float(torch.full((2,), 0.75, dtype=torch.bfloat16)[0])  # sampling.py: denoise
    assert abs(thousandth(0.75, torch.float32) - 0.75) < 1e-7


def test_thousandths_are_rounded_in_float16():
    """At level 0.7003 in float16 it tells 0.7007 by way of 700.5; the level itself is rounded to 0.7002, nearer by four times."""
    assert 700.5 == float(torch.tensor(700.3).to(torch.float16))
    assert 0.70068359375 == thousandth(0.7003, torch.float16)
    assert 0.7001953125 == float(torch.full((2,), 0.7003, dtype=torch.float16)[0])
    assert abs(thousandth(0.7003, torch.float32) - 0.7003) < 1e-7


@pytest.mark.parametrize("n", [1, 5, 20, 28, 50])
def test_released_levels_are_the_references(n):
    """set_timesteps(n) gives the levels of Stability AI's get_sigmas, whose clean end is shifted twice."""
    wanted = by_reference(n)
    assert measure(levels(n), wanted)[1] < 1e-7
    assert n == 1 or abs(wanted[-1] - 0.0089) < 1e-4


def test_its_own_initial_levels_are_others():
    """The levels that it starts out with are shifted once; set_timesteps(1000) shifts them again, as the reference does."""
    made = FlowMatchEulerDiscreteScheduler.from_config(SD3)
    initial = made.sigmas.double().numpy()
    assert measure(initial, by_reference(1000, twice=False))[1] < 1e-6
    assert measure(initial, by_reference(1000))[1] > 1e-3
    assert measure(levels(1000), by_reference(1000))[1] < 1e-6


def test_a_repair_of_the_double_shift_would_leave_the_reference():
    """With its smallest level set to the unshifted one, its levels are the paper's and no longer the reference code's."""
    made = FlowMatchEulerDiscreteScheduler.from_config(SD3)
    made.sigma_min = 0.001
    made.set_timesteps(28)
    repaired = made.sigmas[:-1].double().numpy()
    assert measure(repaired, by_reference(28, twice=False))[1] < 1e-7
    assert 0.001 < measure(repaired, by_reference(28))[1] < 0.01


def test_a_shift_of_one_is_another_schedule():
    """Without the released shift of 3 the levels are far from the reference's; the configuration carries it."""
    assert measure(levels(28, shift=1.0), by_reference(28))[1] > 0.2
