"""How to run k-diffusion's samplers on X: imports the original from a checkout and calls it, nothing more."""

import inspect
from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, Task, import_file, quiet_progress, stand_in

UNUSED = ("torchvision", "torchvision.transforms", "torchdiffeq", "PIL", "dctorch", "einops")
CHURN = ("euler", "heun", "dpm_2")  # one randn_like at the beginning of each step, used or not
BROWNIAN = ("dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde")
UPDATES = 5
BY_RANGE = ("dpm_fast", "dpm_adaptive")


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout or an unpacked wheel."""
    stand_in(*UNUSED)
    quiet_progress()
    folder = source / "k_diffusion"
    utils = import_file("k_diffusion.utils", folder / "utils.py")
    sampling = import_file("k_diffusion.sampling", folder / "sampling.py")
    external = import_file("k_diffusion.external", folder / "external.py")
    layers = import_file("k_diffusion.layers", folder / "layers.py")
    return SimpleNamespace(utils=utils, sampling=sampling, external=external, layers=layers)


def edm_denoiser(original, run: Run):
    """The original's own wrapper around a network in EDM form; its models turn sigma into ln(sigma) / 4 (models/image_v1.py)."""
    ends = (torch.tensor(sigma, dtype=torch.float64) for sigma in (0.002, 80.0))  # sigma_min, sigma_max of Karras et al. 2022
    schedule = SimpleNamespace(**dict(zip(("sigma_min", "sigma_max"), ends, strict=True)))
    return schedule, original.layers.Denoiser(lambda x, sigma: run.network(x, sigma.log() / 4), sigma_data=0.5)


def denoiser(original, run: Run):
    """The original's own wrapper around an eps, v or EDM network; an x0 network is a denoiser already."""
    if run.case.parameterization == "edm":
        return edm_denoiser(original, run)
    table = run.table(run.schedule.alphas_cumprod)
    inner = SimpleNamespace(alphas_cumprod=table, apply_model=lambda x, t, cond=None: run.network(x, t))
    if run.case.parameterization == "v":
        wrapped = original.external.CompVisVDenoiser(inner)
        return wrapped, wrapped
    wrapped = original.external.CompVisDenoiser(inner)
    if run.case.parameterization == "eps":
        return wrapped, wrapped

    def clean(x, sigma):
        scale = 1 / (sigma**2 + 1) ** 0.5
        return run.network(x * original.utils.append_dims(scale, x.ndim), wrapped.sigma_to_t(sigma))

    return wrapped, clean


def levels(original, run: Run, schedule) -> torch.Tensor:
    """The noise levels that the case names, by the original's own functions."""
    n, sampling = run.case.steps, original.sampling
    low, high = schedule.sigma_min.item(), schedule.sigma_max.item()
    if run.case.grid == "karras":
        return sampling.get_sigmas_karras(n, low, high)
    if run.case.grid == "exponential":
        return sampling.get_sigmas_exponential(n, low, high)
    if run.case.grid == "polyexponential":
        return sampling.get_sigmas_polyexponential(n, low, high, rho=1.5)
    if run.case.grid == "vp":
        return sampling.get_sigmas_vp(n)
    return schedule.get_sigmas(n)


def noise_arguments(original, algorithm: str, run: Run, x, sigmas) -> dict:
    """Give the recorded noise where the sampler lets its caller give it; leave the defaults in a seeded run."""
    function = getattr(original.sampling, f"sample_{algorithm}")
    if "noise_sampler" not in inspect.signature(function).parameters:
        return {}
    if not run.seeded:
        return {"noise_sampler": tape_sampler(run, sigmas, algorithm)}
    if algorithm in BROWNIAN:
        return {"noise_sampler": run.noise.watch(brownian(original, x, sigmas))}
    return {}


def brownian(original, x, sigmas):
    """The sampler's own default tree, made at the first draw: what it draws inside itself is not a draw of the sampler."""
    trees = []

    def sampler(sigma, sigma_next):
        if not trees:
            trees.append(original.sampling.BrownianTreeNoiseSampler(x, sigmas[sigmas > 0].min(), sigmas.max()))
        return trees[0](sigma, sigma_next)

    return sampler


def tape_sampler(run: Run, sigmas, algorithm: str):
    """Serve draws by (step, order): the step is found from the level that the sampler asks from."""
    served: dict[int, int] = {}

    def sampler(sigma, sigma_next):
        if algorithm in BY_RANGE:
            step = sum(served.values())
        else:
            step = int((sigmas[:-1] - sigma).abs().argmin())
        served[step] = served.get(step, 0) + 1
        return run.draw(step)

    return sampler


def average(original, task: Task) -> None:
    """The average of weights that change with every update, as train.py keeps it."""
    net, kept = torch.nn.Linear(6, 4), torch.nn.Linear(6, 4)
    warmup = original.utils.EMAWarmup(**task.case.options)
    for update in range(UPDATES + 1):
        for module in (net, kept) if update == 0 else (net,):
            module.weight.data, module.bias.data = task.given(f"{update} weight", (4, 6)), task.given(f"{update} bias", (4,))
        if update:
            copied = task.knobs.get("first") == "copied" and warmup.last_epoch <= warmup.start_at
            original.utils.ema_update(net, kept, 0.0 if copied else warmup.get_value())
            warmup.step()
            task.give(f"weight after {update}", kept.weight)
            task.give(f"bias after {update}", kept.bias)


def drive(original, algorithm: str, run) -> None:
    """Run one sampler on one case, or average weights."""
    if algorithm == "ema_warmup":
        average(original, run)
        return
    schedule, model = denoiser(original, run)
    function = getattr(original.sampling, f"sample_{algorithm}")
    ends = torch.stack([schedule.sigma_max, schedule.sigma_min])
    sigmas = ends if algorithm in BY_RANGE else run.nudged(levels(original, run, schedule))
    x = run.start_noise() * sigmas[0]
    if algorithm in CHURN:
        before = 1 if run.seeded else 0
        run.noise.step_of = lambda draw: max(draw - before, 0)
    first_calls: list[int] = []
    arguments = {"disable": True, "callback": lambda info: first_calls.append(len(run.probe.told) - 1), **run.case.options}
    if run.case.parameterization == "v":
        arguments["extra_args"] = {"cond": None}
    arguments.update(noise_arguments(original, algorithm, run, x, sigmas))
    if algorithm in BY_RANGE:
        extra = (run.case.steps,) if algorithm == "dpm_fast" else ()
        sample = function(model, x, schedule.sigma_min.item(), schedule.sigma_max.item(), *extra, **arguments)
    else:
        sample = function(model, x, sigmas, **arguments)
    attempt = run.case.options.get("order", 3) if algorithm == "dpm_adaptive" else None
    run.relabel(steps_of_calls(len(run.probe.told), first_calls, attempt))
    end = sigmas[-1]
    run.finish(levels=sigmas, level_kind="sigma", start=x / (sigmas[0] ** 2 + 1) ** 0.5, sample=sample / (end**2 + 1) ** 0.5)


def steps_of_calls(calls: int, firsts: list[int], attempt: int | None) -> list[int]:
    """The sampling step of each network call: the callback follows the first call of its step.

    `attempt` is the number of calls in an attempt of an adaptive sampler, which are numbered instead.
    """
    if attempt is not None:
        return [call // attempt for call in range(calls)]
    return [max(sum(first <= call for first in firsts) - 1, 0) for call in range(calls)]
