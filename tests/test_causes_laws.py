"""Why diffusers differs on X that no golden covers: what the laws found, proven on diffusers itself by changing the one thing named."""

import formulas as original
import numpy as np
import pytest
from formulas import NOISE, START, TABLE

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from driving import all_but_one, drive, scheduler, with_levels  # noqa: E402 - it imports diffusers

from trueto.fixtures import schedule  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

STEPS, CHURN, SEED = 12, 4.0, 5


def test_a_v_answer_is_read_at_the_level_before_the_noise():
    """With s_churn and a v network an answer given for the raised level must be written for the lower one to give the original's step."""
    sigmas = original.levels(STEPS)
    source = torch.Generator().manual_seed(SEED)
    draws = [torch.randn(NOISE.shape, generator=source).double().numpy() for _ in range(STEPS)]
    raised = sigmas * (1 + CHURN / STEPS)

    def answered(i, x, read_at):
        """The answer that, read at `read_at`, is the clean picture which the original's denoiser sees in the noisier x."""
        x_hat = x + draws[i] * np.sqrt(raised[i] ** 2 - sigmas[i] ** 2)
        clean = original.denoise(x_hat, raised[i])
        return (x_hat / (read_at**2 + 1) - clean) * np.sqrt(read_at**2 + 1) / read_at

    def run(right):
        made = with_levels(scheduler("EulerDiscreteScheduler", STEPS, prediction_type="v_prediction"), sigmas)
        generator, x = torch.Generator().manual_seed(SEED), torch.from_numpy(NOISE * START).float()
        for i, t in enumerate(made.timesteps):
            made.scale_model_input(x, t)
            answer = answered(i, x.double().numpy(), sigmas[i] if "level" in right else raised[i])
            x = made.step(torch.from_numpy(answer).float(), t, x, s_churn=CHURN, generator=generator, return_dict=False)[0]
        return x.numpy()

    all_but_one(run, original.euler(NOISE * START, sigmas, draws, CHURN), ("level",))


@pytest.mark.parametrize("grid", ["use_karras_sigmas", "use_exponential_sigmas"])
@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler", "KDPM2DiscreteScheduler"])
def test_a_lone_step_is_at_the_clean_end_on_other_levels_too(name, grid):
    """Karras and exponential levels are made between the ends of np.linspace(0, 999, 1), which are both time 0: the level is sigma_min."""
    kind = "karras" if "karras" in grid else "exponential"
    assert abs(original.levels(1, kind)[0] - TABLE[-1]) < 1e-9
    assert abs(float(scheduler(name, 1, **{grid: True}).sigmas[0]) - TABLE[0]) < 1e-6
    assert abs(float(scheduler(name, 2, **{grid: True}).sigmas[0]) - TABLE[-1]) < 1e-4


def test_two_steps_of_kdpm2_ancestral_are_not_numbers_on_the_linear_schedule():
    """Where sigma_down rounds to 0 it takes the middle of the step, at level 0, and divides by it; k-diffusion goes straight."""
    levels = schedule("linear")
    made = scheduler("KDPM2AncestralDiscreteScheduler", 2, **levels.settings)
    assert made.sigmas[0] > made.sigmas[2] > 0 == made.sigmas_down[0]
    assert 0 == made.sigmas_interpol[1]
    assert not np.isfinite(drive(made)[0]).all()
    fine = scheduler("KDPM2AncestralDiscreteScheduler", 2)
    assert fine.sigmas_down[0] > 0
    assert np.isfinite(drive(fine)[0]).all()
