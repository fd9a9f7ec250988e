"""Networks in EDM form and the originals' loops around them, float64, written down once more for the experiments on causes.

k-diffusion: layers.py and sampling.py at 4601bf0; NVlabs/edm: generate.py and training/networks.py at 008a4e5.
"""

import diffusers
import numpy as np
import torch

from trueto.fixtures import network, schedule, start_noise

NET = network("smooth", schedule("edm"), "edm")
NOISE = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
LOW, HIGH = 0.002, 80.0


def predict(x, told):
    """The raw network's answer about c_in x, told ln(sigma) / 4."""
    return NET(np.asarray(x, np.float64), np.full(len(x), float(told)))


def denoise(x, sigma):
    """networks.py: EDMPrecond.forward, and layers.py: Denoiser.forward with sigma_data 0.5."""
    total = sigma**2 + 0.25
    return 0.25 / total * x + 0.5 * sigma / np.sqrt(total) * predict(x / np.sqrt(total), np.log(sigma) / 4)


def karras(n, low=LOW, high=HIGH):
    """sampling.py: get_sigmas_karras, and generate.py: t_steps of edm_sampler; (n + 1,)."""
    ramp = np.linspace(0, 1, n)
    return np.append((high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7, 0)


def euler(x, sigmas, draws=None, s_churn=0.0):
    """sampling.py: sample_euler."""
    for i in range(len(sigmas) - 1):
        sigma = sigmas[i]
        gamma = min(s_churn / (len(sigmas) - 1), 2**0.5 - 1)
        if gamma > 0:
            raised = sigma * (1 + gamma)
            x, sigma = x + draws[i] * np.sqrt(raised**2 - sigma**2), raised
        x = x + (x - denoise(x, sigma)) / sigma * (sigmas[i + 1] - sigma)
    return x


def scheduler(name, n, **more):
    """A scheduler of diffusers with its defaults, ready for n steps."""
    made = getattr(diffusers, name)(**more)
    made.set_timesteps(n)
    return made


def drive(made, start):
    """The loop of diffusers' pipelines from given first latents: final sample and the times told."""
    x = torch.from_numpy(start).float()
    times = []
    for t in made.timesteps:
        scaled = made.scale_model_input(x, t)
        times.append(float(t))
        x = made.step(torch.from_numpy(predict(scaled, t)).float(), t, x, return_dict=False)[0]
    return x.numpy(), times
