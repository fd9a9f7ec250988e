"""How to run EDM's samplers on X: imports the original from a checkout and calls it, nothing more."""

import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file, quiet_progress, stand_in

UNUSED = ("click", "PIL", "PIL.Image", "dnnlib", "torch_utils", "torch_utils.distributed", "torch_utils.persistence")
DOUBLE = SimpleNamespace(**{**vars(torch), "float32": torch.float64})
NAMES = {"s_churn": "S_churn", "s_min": "S_min", "s_max": "S_max", "s_noise": "S_noise"}


def as_it_is(decorated):
    """In the place of a decorator that only concerns how classes are stored."""
    return decorated


class ClosedForm(torch.nn.Module):
    """The raw network F inside the original's wrapper: c_in x and c_noise to the closed form's answer."""

    def __init__(self, run: Run | None = None, **_) -> None:
        super().__init__()
        self.run = run

    def forward(self, x, c_noise, class_labels=None):
        del class_labels
        return self.run.network(x, c_noise)


class ScoreNetwork:
    """D = x + sigma^2 s(x, sigma) for a network that tells the score, in float32 as the original's own wrappers."""

    sigma_min, sigma_max = 0.02, 100  # as the original's wrapper for such networks, VEPrecond

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, x, sigma, class_labels=None):
        del class_labels
        x, sigma = x.to(self.run.table_dtype), sigma.to(self.run.table_dtype)
        return x + sigma**2 * self.run.network(x, sigma)


def load(source: Path) -> SimpleNamespace:
    """The original's samplers and wrappers, from a checkout."""
    stand_in(*UNUSED)
    sys.modules["torch_utils"].persistence.persistent_class = as_it_is
    quiet_progress()
    networks = import_file("edm_networks", source / "training" / "networks.py")
    networks.ClosedForm = ClosedForm
    return SimpleNamespace(networks=networks, generate=import_file("edm_generate", source / "generate.py"))


def denoiser(original, run: Run):
    """The original's own wrapper around a raw network, or the plain one around a score network."""
    if run.case.parameterization == "score":
        return ScoreNetwork(run)
    original.networks.torch = DOUBLE if run.dtype == torch.float64 else torch
    _, channels, size, _ = run.case.shape
    return original.networks.EDMPrecond(size, channels, model_type="ClosedForm", run=run)


def drive(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case."""
    net = denoiser(original, run)
    levels = []

    def round_sigma(sigma):
        rounded = torch.as_tensor(sigma)
        if levels:
            return rounded
        levels.append(run.nudged(rounded))
        return levels[0]

    net.round_sigma = round_sigma
    before = 1 if run.seeded else 0
    run.noise.step_of = lambda draw: max(draw - before, 0)
    options = {NAMES.get(name, name): value for name, value in run.case.options.items()}
    if algorithm != "heun":
        options.update(solver="euler" if algorithm == "euler" else "heun", discretization=run.case.grid)
    function = original.generate.edm_sampler if algorithm == "heun" else original.generate.ablation_sampler
    latents = run.start_noise()
    sample = function(net, latents, num_steps=run.case.steps, **options)
    calls, twice = len(run.probe.told), algorithm != "euler"
    run.relabel(call // 2 if twice else call for call in range(calls))
    sigmas = torch.cat([levels[0], torch.zeros_like(levels[0][:1])])
    start = latents.to(torch.float64) * (sigmas[0] / (sigmas[0] ** 2 + 1).sqrt())
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=sample)
