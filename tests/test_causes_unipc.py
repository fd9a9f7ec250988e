"""Why diffusers differs from UniPC: each entry of its ledger, proven on diffusers itself by changing the one thing that the entry names.

Nothing here goes through the specs: UniPC of order 2 with B(h) = exp(h) - 1 is written down once more, in float64.
"""

import numpy as np
import pytest
from formulas import ALPHA_BAR, NOISE, TABLE, predict

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from driving import SAME, all_but_one, drive, far, scheduler, with_levels  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NAME = "UniPCMultistepScheduler"
EVEN = np.linspace(999, 0, 21)


def levels(times):
    """uni_pc.py: NoiseScheduleVP, log alpha being linear between training times; sigma / alpha."""
    return np.sqrt(np.expm1(-np.interp(times, np.arange(1000), np.log(ALPHA_BAR))))


def clean(x, t, sigma, *, threshold):
    """uni_pc.py: data_prediction_fn, and dynamic_thresholding_fn with its defaults."""
    alpha = 1 / np.sqrt(1 + sigma**2)
    out = (x - sigma * alpha * predict(x, t)) / alpha
    if not threshold:
        return out
    bound = np.maximum(np.quantile(np.abs(out).reshape(len(out), -1), 0.995, axis=1), 1)[:, None, None, None]
    return np.clip(out, -bound, bound) / bound


def unipc(x, times, sigmas, *, threshold=False):
    """uni_pc.py: multistep_uni_pc_bh_update with variant bh2, order 2."""
    old, now, half_snr = None, clean(x, times[0], sigmas[0], threshold=threshold), -np.log(sigmas)
    alpha = 1 / np.sqrt(1 + sigmas**2)
    for i in range(1, len(sigmas)):
        h = half_snr[i] - half_snr[i - 1]
        gain = -alpha[i] * np.expm1(-h)
        base = alpha[i] * sigmas[i] / (alpha[i - 1] * sigmas[i - 1]) * x + gain * now
        last = i == len(sigmas) - 1
        if old is None or last:
            x = base
        else:
            r = (half_snr[i - 2] - half_snr[i - 1]) / h
            x = base + gain * (old - now) / (2 * r)
        if last:
            return x
        new = clean(x, times[i], sigmas[i], threshold=threshold)
        first = np.expm1(-h) / -h - 1
        if old is None:
            x = base + gain * (new - now) / 2
        else:
            b = np.array([first, 2 * (first / -h - 0.5)]) / np.expm1(-h)
            weights = np.linalg.solve([[1, 1], [r, 1]], b)
            x = base + gain * (weights[0] * (old - now) / r + weights[1] * (new - now))
        old, now = now, new
    return x


def released(right, sigmas, wanted_grid, **more):
    """The scheduler, with its levels and times as released or the original's where `right` has 'grid'."""
    made = scheduler(NAME, 20, **more)
    if "grid" not in right:
        return drive(made)[0]
    return drive(with_levels(made, sigmas), told=wanted_grid[:-1])[0]


def test_table_is_built_in_float32():
    """alpha_bar is a product of float32 numbers; built in float64 and rounded once it is ten times nearer to the original's."""
    made = scheduler(NAME, 20)
    assert torch.float32 == made.betas.dtype
    off = np.abs(made.alphas_cumprod.double().numpy() / ALPHA_BAR - 1).max()
    rounded = np.abs(ALPHA_BAR.astype(np.float32) / ALPHA_BAR - 1).max()
    assert off > 8 * rounded > 0


def test_times_are_rounded():
    """The times are the even ones rounded; with the even ones and their levels it is the original."""
    made = scheduler(NAME, 20, final_sigmas_type="sigma_min")
    assert made.timesteps.tolist() == EVEN.round()[:-1].tolist()
    assert np.abs(EVEN - EVEN.round()).max() > 0.3
    sigmas = levels(EVEN)
    wanted = unipc(NOISE, EVEN, sigmas)
    right, rounded = (far(released(parts, sigmas, EVEN, final_sigmas_type="sigma_min"), wanted) for parts in ({"grid"}, set()))
    assert right < SAME / 5
    assert rounded > 10 * right


def test_leading_spacing_begins_below_the_noisiest_time():
    """From the configuration of Stable Diffusion XL 20 steps begin at time 941; with the even times and levels it is the original."""
    more = {"timestep_spacing": "leading", "final_sigmas_type": "sigma_min"}
    made = scheduler(NAME, 20, **more)
    assert made.timesteps.tolist() == (np.arange(20, 0, -1) * (1000 // 21) + 1).tolist()
    assert made.timesteps[0] == 941
    sigmas = levels(EVEN)
    all_but_one(lambda right: released(right, sigmas, EVEN, **more), unipc(NOISE, EVEN, sigmas), ("grid",))


def test_last_step_goes_to_zero():
    """The last level is 0 by default; with the level of training time 0 in its place it is the original."""
    sigmas = levels(EVEN)
    assert scheduler(NAME, 20).sigmas[-1] == 0
    assert abs(sigmas[-1] / TABLE[0] - 1) < 1e-12

    def run(right):
        own = sigmas if "end" in right else np.append(sigmas[:-1], 0)
        return drive(with_levels(scheduler(NAME, 20), own), told=EVEN[:-1])[0]

    all_but_one(run, unipc(NOISE, EVEN, sigmas), ("end",))


def test_thresholding_is_plain_clipping():
    """With sample_max_value's default of 1 the quantile has no effect; with a limit out of reach it is the original's thresholding."""
    wide = torch.linspace(-4, 4, 64).reshape(1, 1, 8, 8)
    assert scheduler(NAME, 20, thresholding=True)._threshold_sample(wide).tolist() == wide.clamp(-1, 1).tolist()
    sigmas = levels(EVEN)

    def run(right):
        limit = {"sample_max_value": 1e6} if "limit" in right else {}
        made = scheduler(NAME, 20, thresholding=True, **limit)
        return drive(with_levels(made, sigmas), told=EVEN[:-1])[0]

    all_but_one(run, unipc(NOISE, EVEN, sigmas, threshold=True), ("limit",))


@pytest.mark.parametrize("option", [{"solver_type": "bh1"}, {"predict_x0": False}, {"lower_order_final": False}])
def test_last_step_to_zero_is_not_finite(option):
    """With bh1, with noise prediction and without lower orders the last step to sigma = 0 loses the sample; to sigma_min it does not."""
    assert not np.isfinite(drive(scheduler(NAME, 10, **option))[0]).any()
    assert np.isfinite(drive(scheduler(NAME, 10, final_sigmas_type="sigma_min", **option))[0]).all()
