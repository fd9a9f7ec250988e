"""Why diffusers differs from the originals in 16 bits: what keeps latents there, what makes float32 of them, which weights are rounded."""

import pytest
from formulas import NOISE

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import SAME, drive, far, scheduler  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("low", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["DDIMScheduler", "HeunDiscreteScheduler"])
def test_latents_of_16_bits_stay_in_16_bits(name, low):
    """Given 16 bits it stays there and loses what they cannot hold; given the same latents as float32 it does not.

    The originals make float32 of them: their levels are float32 tensors with as many axes as the latents.
    """
    assert torch.float32 == (torch.full((2, 1, 1, 1), 0.5) * torch.ones((2, 4, 4, 3), dtype=low)).dtype
    start = torch.from_numpy(NOISE).to(low)
    exact = drive(scheduler(name, 12), start=start.double())[0]
    assert far(drive(scheduler(name, 12), start=start)[0], exact) > 10 * SAME
    assert far(drive(scheduler(name, 12), start=start.float())[0], exact) < SAME


@pytest.mark.parametrize("low", [torch.float16, torch.bfloat16])
def test_weights_without_axes_are_rounded_to_16_bits(low):
    """DDIM's weights are tensors without axes, so 16-bit latents meet rounded ones; given axes, they make float32 of the latents."""
    made = scheduler("DDIMScheduler", 20, clip_sample=False)
    x, eps = (torch.from_numpy(NOISE).to(low) * scale for scale in (1.0, -0.7))
    t = made.timesteps[3]
    before = made.alphas_cumprod[t]
    weight = (1 - before) ** 0.5
    assert () == tuple(weight.shape)
    rounded = ((x - weight.to(low) * eps) / before**0.5).float()
    whole = ((x.float() - weight * eps.float()).to(low) / before**0.5).float()
    seen = made.step(eps, t, x, return_dict=True).pred_original_sample
    assert low == seen.dtype
    assert rounded.numpy().tobytes() == seen.float().numpy().tobytes()
    assert rounded.numpy().tobytes() != whole.numpy().tobytes()
    assert torch.float32 == (weight.view(1, 1, 1, 1) * eps).dtype


def test_ve_latents_of_16_bits_become_float32():
    """KarrasVeScheduler adds float32 noise before its first step, even where its size is 0, and so makes float32 of the latents."""
    made = diffusers.KarrasVeScheduler(s_churn=0.0)
    made.set_timesteps(4)
    latents = torch.from_numpy(NOISE).half()
    hat, _ = made.add_noise_to_input(latents, made.schedule[0])
    assert torch.float32 == hat.dtype
