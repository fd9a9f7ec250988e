"""Calling k-diffusion's samplers with its own denoisers and levels; imported in a worker, where alone the package is imported."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from trueto.candidates._library import Library, bare_package, stand_in
from trueto.candidates.k_diffusion.claims import CLAIMS
from trueto.model import Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "KDiffusionAdapter"]

DRAWS_FIRST = ("euler", "heun", "dpm_2")  # one randn_like at the beginning of each step, used or not
BROWNIAN = ("dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde")
BY_RANGE = ("dpm_fast", "dpm_adaptive")  # told the two ends instead of levels
SIGMA_DATA, EDM_ENDS = 0.5, (80.0, 0.002)  # Karras et al. 2022, table 1


class KDiffusionAdapter(Library):
    """The adapter of k-diffusion's package (see `trueto.candidates.Adapter`)."""

    name = "k_diffusion"
    distribution = "k-diffusion"
    claims = CLAIMS
    modules = ("k_diffusion",)

    def load(self) -> None:
        """Import the samplers and wrappers, without the training code that the package imports with them."""
        stand_in("torchvision", "torchvision.transforms")
        bare_package(self.name)
        for module in ("sampling", "external", "layers"):
            importlib.import_module(f"{self.name}.{module}")

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these samplers
        """Call a sampler as users do, on the package's own wrapper and levels."""
        name = claim.reference.rpartition("/")[2]
        model, ends = denoiser(run)
        sigmas = ends if name in BY_RANGE else levels(run, model, ends)
        x = run.start_noise() * sigmas[0]
        if name in DRAWS_FIRST:
            before = 1 if run.seeded else 0
            run.noise.step_of = lambda draw: max(draw - before, 0)
        firsts: list[int] = []

        def after_first_call(_: Mapping[str, Any]) -> None:
            firsts.append(len(run.probe.told) - 1)

        arguments: dict[str, Any] = {"disable": True, "callback": after_first_call, **run.case.options}
        if run.case.parameterization == "v":
            arguments["extra_args"] = {"cond": None}
        function = self.claimed(claim)
        if "noise_sampler" in inspect.signature(function).parameters and (sampler := noise_sampler(name, run, x, sigmas)):
            arguments["noise_sampler"] = sampler
        if name in BY_RANGE:
            count = (run.case.steps,) if name == "dpm_fast" else ()
            sample = function(model, x, sigmas[1].item(), sigmas[0].item(), *count, **arguments)
        else:
            sample = function(model, x, sigmas, **arguments)
        attempt = int(run.case.options.get("order", 3)) if name == "dpm_adaptive" else None
        run.relabel(steps_of_calls(len(run.probe.told), firsts, attempt))
        start, last = (x / (sigmas[0] ** 2 + 1) ** 0.5, sample / (sigmas[-1] ** 2 + 1) ** 0.5)
        run.finish(levels=sigmas, level_kind="sigma", start=start, sample=last)


def denoiser(run: Run) -> tuple[Any, Any]:
    """The package's own wrapper around the network, and its largest and smallest level (2,)."""
    import torch

    external, kind = importlib.import_module("k_diffusion.external"), run.case.parameterization
    if kind == "edm":

        def told_logarithms(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            return run.network(x, sigma.log() / 4)

        layers = importlib.import_module("k_diffusion.layers")
        return layers.Denoiser(told_logarithms, sigma_data=SIGMA_DATA), torch.tensor(EDM_ENDS, dtype=torch.float64)

    def apply_model(x: torch.Tensor, t: torch.Tensor, cond: None = None) -> torch.Tensor:  # noqa: ARG001 - as CompVis' models have it
        return run.network(x, t)

    inner = SimpleNamespace(alphas_cumprod=run.table(run.schedule.alphas_cumprod), apply_model=apply_model)
    wrapped = (external.CompVisVDenoiser if kind == "v" else external.CompVisDenoiser)(inner)
    ends = torch.stack([wrapped.sigma_max, wrapped.sigma_min])
    if kind != "x0":
        return wrapped, ends

    def clean(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """A network that predicts the clean picture is a denoiser already."""
        c_in = 1 / (sigma**2 + 1) ** 0.5
        return run.network(x * c_in.reshape(-1, 1, 1, 1), wrapped.sigma_to_t(sigma))

    return _Clean(clean, wrapped.get_sigmas), ends


class _Clean:
    """A denoiser that is a function, beside the model's own levels."""

    def __init__(self, function: Callable[..., Any], get_sigmas: Callable[[int], Any]) -> None:
        self.function, self.get_sigmas = function, get_sigmas

    def __call__(self, x: Any, sigma: Any) -> Any:
        return self.function(x, sigma)


def levels(run: Run, model: Any, ends: Any) -> Any:
    """The noise levels that the case names, by the package's own functions."""
    sampling, n = importlib.import_module("k_diffusion.sampling"), run.case.steps
    high, low = ends[0].item(), ends[1].item()
    made: dict[str, Callable[[], Any]] = {
        "karras": lambda: sampling.get_sigmas_karras(n, low, high),
        "exponential": lambda: sampling.get_sigmas_exponential(n, low, high),
        "polyexponential": lambda: sampling.get_sigmas_polyexponential(n, low, high, rho=1.5),
        "vp": lambda: sampling.get_sigmas_vp(n),
        "model": lambda: model.get_sigmas(n),
    }
    return made[run.case.grid]()


def noise_sampler(name: str, run: Run, x: Any, sigmas: Any) -> Any:
    """What serves the recorded draws; in a seeded run the sampler's own default, None where that need not be made here."""
    if run.seeded:
        return run.noise.watch(brownian(x, sigmas)) if name in BROWNIAN else None
    served: dict[int, int] = {}

    def recorded(sigma: Any, sigma_next: Any) -> Any:  # noqa: ARG001 - a noise sampler is asked for an interval
        """Draws by step: that of the level asked from, or counted where the sampler chooses its levels."""
        step = sum(served.values()) if name in BY_RANGE else int((sigmas[:-1] - sigma).abs().argmin())
        served[step] = served.get(step, 0) + 1
        return run.draw(step)

    return recorded


def brownian(x: Any, sigmas: Any) -> Callable[..., Any]:
    """The sampler's own default tree, made at its first draw, so that what it draws inside itself is no draw of the sampler."""
    sampling, trees = importlib.import_module("k_diffusion.sampling"), list[Any]()

    def increment(sigma: Any, sigma_next: Any) -> Any:
        if not trees:
            trees.append(sampling.BrownianTreeNoiseSampler(x, sigmas[sigmas > 0].min(), sigmas.max()))
        return trees[0](sigma, sigma_next)

    return increment


def steps_of_calls(calls: int, firsts: list[int], attempt: int | None) -> list[int]:
    """The sampling step of each network call: a callback follows the first of its step. `attempt`: calls in one of an adaptive sampler."""
    if attempt is not None:
        return [call // attempt for call in range(calls)]
    return [max(sum(first <= call for first in firsts) - 1, 0) for call in range(calls)]


ADAPTER = KDiffusionAdapter()
