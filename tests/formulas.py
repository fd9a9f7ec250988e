"""The originals' formulas, written down once more for the experiments of test_causes: float64, and not by way of the specs.

k-diffusion: sampling.py and external.py at 4601bf0; CompVis: ddim.py, plms.py and util.py at a506df5.
"""

import itertools

import numpy as np

from trueto.fixtures import network, schedule, start_noise

SD = schedule("sd_v1")
ALPHA_BAR = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
TABLE = np.sqrt((1 - ALPHA_BAR) / ALPHA_BAR)
NET = network("smooth", SD)
NOISE = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
START = TABLE[-1]


def predict(x, t):
    """The network's answer about the scaled state x at training time t."""
    return NET(np.asarray(x, np.float64), np.full(len(x), float(t)))


def time_of(sigma):
    """external.py: DiscreteSchedule.sigma_to_t."""
    return np.interp(np.log(sigma), np.log(TABLE), np.arange(1000))


def levels(n, kind="model"):
    """external.py: get_sigmas, and sampling.py: get_sigmas_karras and get_sigmas_exponential; (n + 1,)."""
    if kind == "karras":
        low, high = TABLE[0] ** (1 / 7), TABLE[-1] ** (1 / 7)
        return np.append((high + np.linspace(0, 1, n) * (low - high)) ** 7, 0)
    if kind == "exponential":
        return np.append(np.exp(np.linspace(np.log(TABLE[-1]), np.log(TABLE[0]), n)), 0)
    return np.append(np.exp(np.interp(np.linspace(999, 0, n), np.arange(1000), np.log(TABLE))), 0)


def denoise(x, sigma):
    """external.py: CompVisDenoiser."""
    return x - sigma * predict(x / np.sqrt(sigma**2 + 1), time_of(sigma))


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


def dpm_2(x, sigmas):
    """sampling.py: sample_dpm_2 without churn."""
    for sigma, after in itertools.pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / sigma
        if after == 0:
            return x + slope * (after - sigma)
        middle = np.sqrt(sigma * after)
        half = x + slope * (middle - sigma)
        x = x + (half - denoise(half, middle)) / middle * (after - sigma)
    return x


def dpmpp_2m(x, sigmas, draws=None, eta=0.0):
    """sampling.py: sample_dpmpp_2m; with eta sample_dpmpp_2m_sde, solver midpoint."""
    old, h_last = None, None
    for i in range(len(sigmas) - 1):
        now = denoise(x, sigmas[i])
        if sigmas[i + 1] == 0:
            return now
        h = np.log(sigmas[i] / sigmas[i + 1])
        gain = -np.expm1(-h - eta * h)
        new = sigmas[i + 1] / sigmas[i] * np.exp(-eta * h) * x + gain * now
        if old is not None:
            new = new + 0.5 * gain * h / h_last * (now - old)
        if eta:
            new = new + draws[i] * sigmas[i + 1] * np.sqrt(-np.expm1(-2 * eta * h))
        x, old, h_last = new, now, h
    return x


def asked(n):
    """util.py: make_ddim_timesteps, from noisy to clean."""
    return (np.arange(0, 1000, 1000 // n) + 1)[::-1]


def transfer(x, eps, a, b):
    """ddim.py and plms.py: from alpha_bar a to b, without noise."""
    return np.sqrt(b) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - b) * eps


def ddim(x, times):
    """ddim.py: p_sample_ddim with eta 0."""
    for i, t in enumerate(times):
        after = ALPHA_BAR[times[i + 1]] if i + 1 < len(times) else ALPHA_BAR[0]
        x = transfer(x, predict(x, t), ALPHA_BAR[t], after)
    return x


def plms(x, times):
    """plms.py: p_sample_plms."""
    weights = {1: [1.5, -0.5], 2: [23 / 12, -16 / 12, 5 / 12], 3: [55 / 24, -59 / 24, 37 / 24, -9 / 24]}
    slopes = []
    for i, t in enumerate(times):
        a, b = ALPHA_BAR[t], ALPHA_BAR[times[i + 1]] if i + 1 < len(times) else ALPHA_BAR[0]
        eps = predict(x, t)
        if slopes:
            slope = sum(w * e for w, e in zip(weights[len(slopes)], [eps, *slopes], strict=True))
        else:
            slope = (eps + predict(transfer(x, eps, a, b), times[min(i + 1, len(times) - 1)])) / 2
        slopes = [eps, *slopes][:3]
        x = transfer(x, slope, a, b)
    return x
