"""DPM-Solver's formulas, written down once more for the experiments of test_causes_dpm_solver: float64, and not by way of the specs.

dpm_solver_pytorch.py at 52bc3fb, for the data prediction (dpmsolver++) and the noise prediction (dpmsolver) apart.
"""

import numpy as np
from formulas import ALPHA_BAR, predict

LOG_ALPHA = np.log(ALPHA_BAR) / 2


def lam_of(index, log_alpha=LOG_ALPHA):
    """NoiseScheduleVP.marginal_lambda, with training times counted from 0."""
    at = np.interp(index, np.arange(len(log_alpha)), log_alpha)
    return at - np.log(1 - np.exp(2 * at)) / 2


def index_of(lam, log_alpha=LOG_ALPHA):
    """NoiseScheduleVP.inverse_lambda, with training times counted from 0."""
    return np.interp(np.logaddexp(0, -2 * lam) / 2, -log_alpha, np.arange(len(log_alpha)))


def grid(n, kind="time"):
    """get_time_steps: the training times visited, (n + 1,)."""
    if kind == "time":
        return np.linspace(999, 0, n + 1)
    return index_of(np.linspace(lam_of(999), lam_of(0), n + 1))


def sigmas(index):
    """Level sigma / alpha at training times."""
    return np.exp(-lam_of(index))


def alpha_sigma(lam):
    """The alpha and sigma of a half log-SNR."""
    return 1 / np.sqrt(1 + np.exp(-2 * lam)), 1 / np.sqrt(1 + np.exp(2 * lam))


def clean(x, lam, told, limit=None):
    """data_prediction_fn, with dynamic_thresholding_fn at that percentile if `limit` is given."""
    alpha, sigma = alpha_sigma(lam)
    x0 = (x - sigma * predict(x, told)) / alpha
    if limit is not None:
        s = np.maximum(np.quantile(np.abs(x0).reshape(len(x0), -1), limit, axis=1), 1.0)[:, None, None, None]
        x0 = np.clip(x0, -s, s) / s
    return x0


def step(x, lam, after, value, slope=0.0, bend=0.0, solver="taylor"):
    """The updates of dpmsolver++, all orders: minus phi_1, plus phi_2, minus phi_3; `dpmsolver` has minus phi_1 / 2 for phi_2."""
    (_, sigma), (alpha_after, sigma_after), h = alpha_sigma(lam), alpha_sigma(after), after - lam
    phi_1 = np.expm1(-h)
    phi_2 = phi_1 / h + 1
    weight = -phi_1 / 2 if solver == "dpmsolver" else phi_2
    return sigma_after / sigma * x - alpha_after * (phi_1 * value - weight * slope + (phi_2 / h - 0.5) * bend)


def noise_step(x, lam, after, value, slope=0.0):
    """The updates of dpmsolver, orders 1 and 2, solver type dpmsolver."""
    (alpha, _), (alpha_after, sigma_after) = alpha_sigma(lam), alpha_sigma(after)
    return alpha_after / alpha * x - sigma_after * np.expm1(after - lam) * (value + slope / 2)


def multistep(x, lams, told, order=2, *, lowered=False, solver="dpmsolver", limit=None, noise=False):
    """The loop of `sample` with method multistep, orders 1 and 2; `lowered` says that the last step is of first order."""
    old, h_old = None, None
    for i in range(len(lams) - 1):
        now = predict(x, told[i]) if noise else clean(x, lams[i], told[i], limit)
        h = lams[i + 1] - lams[i]
        first_order = old is None or order == 1 or (lowered and i == len(lams) - 2)
        slope = 0.0 if first_order else (now - old) * h / h_old
        x = noise_step(x, lams[i], lams[i + 1], now, slope) if noise else step(x, lams[i], lams[i + 1], now, slope, solver=solver)
        old, h_old = now, h
    return x


def singlestep(x, lams, told, sizes, solver="dpmsolver"):
    """The loop of `sample` with method singlestep: steps of so many calls each, dpmsolver++."""
    i = 0
    for size in sizes:
        at, now = lams[i : i + size + 1], clean(x, lams[i], told[i])
        if size == 1:
            x = step(x, at[0], at[1], now)
        else:
            h = at[-1] - at[0]
            r = (at[1:] - at[0]) / h
            change_1 = clean(step(x, at[0], at[1], now), at[1], told[i + 1]) - now
            if size == 2:
                x = step(x, at[0], at[2], now, change_1 / r[0], solver=solver)
            else:
                change_2 = clean(step(x, at[0], at[2], now, change_1 * r[1] / r[0]), at[2], told[i + 2]) - now
                one, two = change_1 / r[0], change_2 / r[1]
                taylor = ((r[1] * one - r[0] * two) / (r[1] - r[0]), 2 * (two - one) / (r[1] - r[0]))
                x = step(x, at[0], at[3], now, *((two, 0.0) if solver == "dpmsolver" else taylor))
        i += size
    return x
