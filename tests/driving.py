"""Driving diffusers' schedulers directly, with one thing changed at a time; for test_causes."""

import diffusers
import numpy as np
import torch
from formulas import NOISE, START, predict

from trueto.distances import measure

RELEASED = {  # scheduler_config.json of Stable Diffusion v1-5
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "set_alpha_to_one": False,
    "skip_prk_steps": True, "steps_offset": 1, "clip_sample": False,
}  # fmt: skip
SAME = 3e-5  # what float32 leaves over of samples of size one after 20 steps
UNIT = START / np.sqrt(START**2 + 1)  # the original's start in the variance-preserving frame


def scheduler(name, n, **more):
    """A scheduler in the released configuration, ready for n steps."""
    made = getattr(diffusers, name).from_config({**RELEASED, **more})
    made.set_timesteps(n)
    return made


def drive(made, *, scale=1.0, told=None, start=None, **step):
    """The loop of diffusers' pipelines: final sample and the times told. `scale`, `told` and `start` are the things to change."""
    noise = torch.from_numpy(NOISE).float() if start is None else start
    x = noise * made.init_noise_sigma * scale
    times = []
    for i, t in enumerate(made.timesteps):
        scaled = made.scale_model_input(x, t)
        times.append(float(t) if told is None else float(told[i]))
        extra = {key: value(i) for key, value in step.items()}
        x = made.step(torch.from_numpy(predict(scaled.float(), times[-1])).to(noise.dtype), t, x, return_dict=False, **extra)[0]
    return (x.float() if x.dtype == torch.bfloat16 else x).numpy(), times


def with_levels(made, sigmas):
    """Put other noise levels in the place of the scheduler's own."""
    made.sigmas = torch.from_numpy(np.asarray(sigmas)).float()
    return made


def far(got, wanted):
    """The largest difference of two samples."""
    return measure(np.asarray(got, np.float64), wanted)[1]


def all_but_one(run, wanted, parts):
    """With all `parts` set right the sample is the original's; with any one of them as released it is not."""
    assert far(run(set(parts)), wanted) < SAME
    for part in parts:
        assert far(run(set(parts) - {part}), wanted) > 10 * SAME, part


def counting(made, calls):
    """A loop that notes each time at which it asks the network."""
    x = torch.from_numpy(NOISE).float()
    for t in made.timesteps:
        calls.append(int(t))
        x = made.step(x, t, x, return_dict=False)[0]
