"""Why diffusers differs from EDM's own code: each entry of its ledger, proven on diffusers by changing the one thing that it names."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import edm_formulas as original  # noqa: E402 - it imports diffusers
from driving import all_but_one, far  # noqa: E402 - likewise
from edm_formulas import HIGH, NOISE, drive, karras, scheduler  # noqa: E402 - likewise

from trueto.fixtures import network, schedule  # noqa: E402 - likewise
from trueto.interpose import Interposer  # noqa: E402 - it imports torch

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SCORE = network("mixture", schedule("ve"), "score")


def score(x, sigma):
    """The score of x at level sigma."""
    return SCORE(np.asarray(x, np.float64), np.full(len(x), float(sigma)))


def test_edm_euler_starts_from_more_than_sigma_max():
    """EDMEulerScheduler scales the first latents by sqrt(sigma_max^2 + 1), in any range; scaled by sigma_max it is the original."""
    for high in (HIGH, 50.0):
        made = scheduler("EDMEulerScheduler", 7, sigma_max=high)
        assert (high**2 + 1) ** 0.5 == made.init_noise_sigma
        wanted = original.euler(NOISE * high, karras(7, high=high))
        starts = {True: high, False: made.init_noise_sigma}
        all_but_one(
            lambda right, high=high, starts=starts: drive(scheduler("EDMEulerScheduler", 7, sigma_max=high), NOISE * starts[bool(right)])[
                0
            ],
            wanted,
            ("start",),
        )


def test_latents_are_kept_in_float32():
    """Two steps from 80 cancel all but the last digits of float32 latents; kept in float64, the network still in float32, they do not."""

    def two_steps(latents):
        made = scheduler("EDMEulerScheduler", 2)
        x = torch.from_numpy(NOISE).to(latents) * HIGH
        with Interposer(None, torch.float64 if latents == torch.float64 else None):
            for t in made.timesteps:
                scaled = made.scale_model_input(x, t)
                answer = torch.from_numpy(original.predict(scaled.numpy().astype(np.float32), t).astype(np.float32)).to(latents)
                x = made.step(answer, t, x, return_dict=False)[0]
        return x.numpy()

    wanted = original.euler(NOISE * HIGH, scheduler("EDMEulerScheduler", 2).sigmas.double().numpy())
    released, kept = far(two_steps(torch.float32), wanted), far(two_steps(torch.float64), wanted)
    assert kept < released / 5
    assert released < 1e-4


def test_float64_noise_is_other_noise(monkeypatch):
    """The same seed gives other float64 numbers than float32 ones. EDMEulerScheduler draws in the dtype of the network's answer."""
    import diffusers.schedulers.scheduling_edm_euler as module

    plain, drawn = module.randn_tensor, []

    def watched(*args, **kwargs):
        drawn.append(plain(*args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(module, "randn_tensor", watched)
    for dtype in (torch.float32, torch.float64):
        made = scheduler("EDMEulerScheduler", 7)
        x = torch.from_numpy(NOISE * HIGH).to(dtype)
        made.scale_model_input(x, made.timesteps[0])
        made.step(x, made.timesteps[0], x, s_churn=2.0, generator=torch.Generator().manual_seed(5))
        wanted = torch.randn(NOISE.shape, dtype=dtype, generator=torch.Generator().manual_seed(5))
        assert wanted.numpy().tobytes() == drawn[-1].numpy().tobytes()
    assert far(drawn[0].numpy(), drawn[1].numpy()) > 1


def heun(x, sigmas):
    """generate.py: ablation_sampler with solver heun, discretization ve, schedule linear, without added noise."""
    for i, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
        slope = -sigma * score(x, sigma)
        moved = x + (after - sigma) * slope
        if i < len(sigmas) - 2:
            moved = x + (after - sigma) * (slope - after * score(moved, after)) / 2
        x = moved
    return x


def karras_ve(made, n):
    """KarrasVePipeline's loop from given first latents."""
    x = torch.from_numpy(NOISE).float() * made.init_noise_sigma
    ask = lambda x, sigma: torch.from_numpy(score(x, sigma)).float()  # noqa: E731 - the network of one loop
    for t in made.timesteps:
        sigma, after = made.schedule[t], made.schedule[t - 1] if t > 0 else 0
        x_hat, raised = made.add_noise_to_input(x, sigma)
        step = made.step(raised * ask(x_hat, raised), raised, after, x_hat)
        if after != 0:
            step = made.step_correct(after * ask(step.prev_sample, after), raised, after, x_hat, step.prev_sample, step["derivative"])
        x = step.prev_sample
    assert n == len(made.timesteps)
    return x.numpy()


def test_karras_ve_walks_the_squares_of_its_levels():
    """KarrasVeScheduler's levels are sigma_max^2 ... sigma_min^2, from a start of sigma_max; their square roots make it the original."""
    n = 12
    levels = np.append(np.geomspace(100, 0.02, n), 0)
    made = scheduler("KarrasVeScheduler", n)
    assert 100 == made.init_noise_sigma
    assert np.abs(made.schedule.double().numpy()[::-1] / levels[:-1] ** 2 - 1).max() < 1e-6

    def run(right):
        made = scheduler("KarrasVeScheduler", n, s_churn=0.0)
        if "levels" in right:
            made.schedule = made.schedule.sqrt()
        return karras_ve(made, n)

    assert far(run(set()), heun(NOISE * 100, levels)) > 1
    all_but_one(run, heun(NOISE * 100, levels), ("levels",))
