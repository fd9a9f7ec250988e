"""How to run score_sde_pytorch's predictor-corrector samplers on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file

EPS = {"ve": 1e-5, "vp": 1e-3, "subvp": 1e-3}  # where each SDE ends, as run_lib.py has it
CORRECTED = {"ve": 1, "vp": 0, "subvp": 0}  # corrector steps of its released configurations


class Torch:
    """torch as one module of the original sees it, with some functions replaced."""

    def __init__(self, **replaced) -> None:
        vars(self).update(replaced)

    def __getattr__(self, name: str):
        return getattr(torch, name)


class Model:
    """The network as the original expects it: told `labels`, and put into evaluation mode at each call."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def eval(self) -> None:
        """Do nothing: there is nothing to switch."""

    def __call__(self, x, labels):
        return self.run.network(x, labels)


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout."""
    sde_lib = import_file("sde_lib", source / "sde_lib.py")
    import_file("models.utils", source / "models" / "utils.py")
    sampling = import_file("score_sde_sampling", source / "sampling.py")
    return SimpleNamespace(sde_lib=sde_lib, sampling=sampling)


def equation(original, kind: str, run: Run):
    """The SDE that the case names; in a nudged repetition with its table moved by one unit in the last place."""
    n, options = run.case.steps, run.case.options
    if kind == "ve":
        sde = original.sde_lib.VESDE(sigma_min=0.01, sigma_max=options.get("sigma_max", 50), N=n)
        sde.discrete_sigmas = run.nudged(sde.discrete_sigmas)
        return sde
    sde = original.sde_lib.VPSDE(N=n) if kind == "vp" else original.sde_lib.subVPSDE(N=n)
    if kind == "vp" and run.nudge is not None:
        sde.discrete_betas = run.nudged(sde.discrete_betas)
        sde.alphas = 1.0 - sde.discrete_betas
    return sde


def drive(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case."""
    kind, _, predictor = algorithm.partition("_")
    options = run.case.options
    steps = options.get("correct_steps", CORRECTED[kind])
    corrector = options.get("corrector", "langevin") if steps else "none"
    eps = options.get("sampling_eps", EPS[kind])
    # The table of times cannot be nudged where a time is looked up in a table: it would fall to the entry below.
    nudged = run.nudged if predictor == "euler_maruyama" and not steps else lambda times: times
    original.sampling.torch = Torch(linspace=lambda *args, **more: nudged(torch.linspace(*args, **more)))
    original.sde_lib.torch = Torch(randn=lambda *_: run.start_noise())
    run.noise.step_of = lambda draw: max(draw - int(run.seeded), 0) // (steps + 1)
    run.probe.canonical = canonical(kind)
    sde = equation(original, kind, run)
    sampler = original.sampling.get_pc_sampler(
        sde, run.case.shape, original.sampling.get_predictor(predictor), original.sampling.get_corrector(corrector),
        lambda x: x, options.get("snr", 0.16), n_steps=steps, probability_flow=options.get("probability_flow", False),
        continuous=options.get("continuous", True), denoise=options.get("noise_removal", True), eps=eps, device="cpu",
    )  # fmt: skip
    sample, _ = sampler(Model(run))
    run.relabel(call // (steps + 1) for call in range(len(run.probe.told)))
    times = nudged(torch.linspace(sde.T, eps, sde.N)).numpy()
    levels = sde.discrete_sigmas.flip(0).numpy() if kind == "ve" else ratio(kind, times)
    start = torch.from_numpy(run.probe.states[0])
    run.finish(levels=np.append(levels, levels.dtype.type(0)), level_kind="sigma", start=start, sample=sample)


def marginal(kind: str, t):
    """The factors alpha and sigma of the SDE at time t, in float64 (sde_lib.py: marginal_prob, without its cancellation near 0)."""
    log_alpha = -0.25 * t**2 * 19.9 - 0.05 * t
    squared = -np.expm1(2 * log_alpha)
    return np.exp(log_alpha), squared if kind == "subvp" else np.sqrt(squared)


def ratio(kind: str, times: np.ndarray) -> np.ndarray:
    """The ratio sigma / alpha at every time, in the dtype of the times."""
    alpha, sigma = marginal(kind, times.astype(np.float64))
    return (sigma / alpha).astype(times.dtype)


def canonical(kind: str):
    """How the state is scaled to x / sqrt(alpha^2 + sigma^2), from what the network is fed and told; None where it is so already."""
    if kind == "vp":
        return None
    if kind == "ve":
        return lambda x, sigma: x / (1 + sigma**2) ** 0.5
    return lambda x, told: x / float(np.hypot(*marginal(kind, told / 999)))
