"""Heun's method in the form of Karras et al. (2022): x runs over the noise levels sigma, from noise to a clean picture."""


def heun(model, x, sigmas):
    """Heun's method, as in k-diffusion: a second evaluation at the end of each step but the last."""
    for i in range(len(sigmas) - 1):
        slope = (x - model(x, sigmas[i])) / sigmas[i]
        step = sigmas[i + 1] - sigmas[i]
        if sigmas[i + 1] > 0:
            ahead = x + slope * step
            slope = (slope + (ahead - model(ahead, sigmas[i + 1])) / sigmas[i + 1]) / 2
        x = x + slope * step
    return x
