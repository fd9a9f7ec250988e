"""A library of a few functions, into which tests seed faults: Euler's method as k-diffusion has it."""

import torch


def training_sigmas(alphas):
    """Sigma of every training time."""
    return ((1 - alphas) / alphas) ** 0.5


def levels(table, n):
    """The levels, from noisy to 0."""
    t = torch.linspace(len(table) - 1, 0, n)
    low, high, weight = t.floor().long(), t.ceil().long(), t.frac()
    sigmas = ((1 - weight) * table.log()[low] + weight * table.log()[high]).exp()
    return torch.cat([sigmas, sigmas.new_zeros([1])])


def time_of(table, sigma):
    """The training time of a level, linear in log sigma."""
    low = (sigma.log() - table.log()).ge(0).sum().clamp(1, len(table) - 1) - 1
    weight = ((table.log()[low] - sigma.log()) / (table.log()[low] - table.log()[low + 1])).clamp(0, 1)
    return (1 - weight) * low + weight * (low + 1)


def euler_step(x, denoised, sigma, sigma_next):
    """One step along the slope."""
    if sigma < 0:
        return x + denoised
    slope = (x - denoised) / sigma
    return x + slope * (sigma_next - sigma)


def never_called(x):
    """No claim executes this."""
    return x + 1
