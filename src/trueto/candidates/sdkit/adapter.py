"""Calling sdkit's samplers as its `make_samples` does, around a latent-diffusion object; imported in a worker, where alone it is imported.

`make_samples` draws the first latents by a seed for each picture and hands them to one of three functions: they are called with latents.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Generator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates._library import Library, bare_package, stand_in
from trueto.candidates.k_diffusion.adapter import BROWNIAN, BY_RANGE, DRAWS_FIRST, noise_sampler, steps_of_calls
from trueto.candidates.sdkit.claims import CLAIMS, NO_CLAIMS
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "SdkitAdapter"]

PLACE = "sdkit.generate.sampler"
SKIP_TYPES = {"uniform": "time_uniform", "quadratic": "time_quadratic", "logsnr": "logSNR"}
PARAMETERS = {"solver_order": "order"}  # the library's names of the original's options, where they differ


class SdkitAdapter(Library):
    """The adapter of sdkit (see `trueto.candidates.Adapter`)."""

    name = "sdkit"
    distribution = "sdkit"
    claims = CLAIMS
    no_claims = NO_CLAIMS
    modules = ("sdkit", "k_diffusion", "ldm")

    def load(self) -> None:
        """Import the samplers and what they call, without models, filters and training."""
        stand_in("torchvision", "torchvision.transforms")
        for package in ("k_diffusion", "sdkit.generate"):
            bare_package(package)
        importlib.import_module(PLACE)

    def claimed(self, claim: Claim) -> Callable[..., Any]:
        """The function that `make_samples` calls for the claim's sampler."""
        return importlib.import_module(f"{PLACE}.{claim.settings['make']['module']}").sample

    def owns(self, filename: str) -> bool:
        """Whether a source file is the library's, or one of the two packages that it hands its samplers over to."""
        return any(f"/{module}/" in filename for module in self.modules)

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:
        """What a user would type beside the prompt."""
        said = {"sampler_name": claim.settings["make"]["sampler"], "steps": case.steps + claim.settings["make"]["asked"]}
        if case.guidance is not None:
            said["guidance_scale"] = case.guidance
        if claim.settings["make"]["module"] != "unipc_samplers":
            return said
        options = {"solver_order": 2, "lower_order_final": True, "thresholding": False, **case.options}
        variant = {"variant": claim.reference.partition("/")[2], "time_skip": SKIP_TYPES[case.grid]}
        return {**said, "sampler_params": {**variant, **{PARAMETERS.get(name, name): value for name, value in options.items()}}}

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these samplers
        """Call the sampler as `make_samples` does."""
        model = latent_diffusion(run)
        context = SimpleNamespace(models={"stable-diffusion": model}, torch_device=model.device)
        walk = {"k_samplers": by_levels, "default_samplers": by_times, "unipc_samplers": by_logarithms}[claim.settings["make"]["module"]]
        with contextlib.redirect_stdout(io.StringIO()):
            walk(claim, run, model, partial(self._called, claim, run, context))

    def _called(self, claim: Claim, run: Run, context: Any, noise: Any, **more: Any) -> Any:
        import torch

        size = (run.case.shape[0], 1)
        given = {"guidance_scale": 1.0, **self.settings(claim, run.case), **more}
        batch, *shape = run.case.shape
        marks = {"cond": torch.ones(size), "uncond": torch.zeros(size)}
        return self.claimed(claim)(context, noise=noise, batch_size=batch, shape=tuple(shape), **marks, **given)


def latent_diffusion(run: Run) -> SimpleNamespace:
    """What the samplers read of a Stable Diffusion model: its tables, and its network, told the marks 0 and 1 where it is guided."""
    import torch

    def network(x: Any, t: Any, cond: Any = None) -> Any:
        if run.case.guidance is not None:
            return run.network(x, t, cond)
        size = run.case.shape[0]  # without guidance the batch is doubled all the same, by k_samplers
        return torch.cat([run.network(x[-size:], t[-size:])] * (len(x) // size))

    table, alpha_bar = run.table, run.schedule.alphas_cumprod
    return SimpleNamespace(
        parameterization=run.case.parameterization,
        num_timesteps=len(alpha_bar),
        device=torch.device("cpu"),
        betas=table(run.schedule.betas),
        alphas_cumprod=table(alpha_bar),
        alphas_cumprod_prev=table(np.append(1.0, alpha_bar[:-1])),
        apply_model=network,
    )


def by_levels(claim: Claim, run: Run, model: Any, call: Callable[..., Any]) -> None:
    """One of k-diffusion's samplers, on the model's own levels."""
    external, sampling = (importlib.import_module(f"k_diffusion.{name}") for name in ("external", "sampling"))
    name = claim.reference.rpartition("/")[2]
    wrapper = external.CompVisVDenoiser if run.case.parameterization == "v" else external.CompVisDenoiser
    sigmas = wrapper(model).get_sigmas(run.case.steps + claim.settings["make"]["asked"])
    if name in BY_RANGE:
        sigmas = sigmas[[0, -2]]
    if name in DRAWS_FIRST:
        before = 1 if run.seeded else 0
        run.noise.step_of = lambda draw: max(draw - before, 0)
    noise, firsts = run.start_noise(), list[int]()

    def after_first_call(x: Any, i: int) -> None:  # noqa: ARG001 - as sdkit calls it
        firsts.append(len(run.probe.told) - 1)
        if name not in DRAWS_FIRST:
            run.noise.step = i

    with _increments(sampling, name, run, noise, sigmas):
        sample = call(noise.clone(), callback=after_first_call)
    run.relabel(steps_of_calls(len(run.probe.told), firsts, 3 if name == "dpm_adaptive" else None))
    start = noise * sigmas[0] / (sigmas[0] ** 2 + 1) ** 0.5
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=sample / (sigmas[-1] ** 2 + 1) ** 0.5)


@contextlib.contextmanager
def _increments(sampling: Any, name: str, run: Run, noise: Any, sigmas: Any) -> Generator[None]:
    """Where a sampler makes a Brownian tree, which no argument gives, it gets the recorded increments, or its own tree watched."""
    from trueto.interpose import put

    own = sampling.BrownianTreeNoiseSampler

    def tree(*args: Any, **kwargs: Any) -> Any:
        made: list[Any] = []

        def increment(sigma: Any, sigma_next: Any) -> Any:  # made at the first draw: what it draws inside itself is no draw of the sampler
            made[:] = made or [own(*args, **kwargs)]
            return made[0](sigma, sigma_next)

        return run.noise.watch(increment) if run.seeded else noise_sampler(name, run, noise, sigmas)

    put(sampling, "BrownianTreeNoiseSampler", tree if name in BROWNIAN else own)
    try:
        yield
    finally:
        put(sampling, "BrownianTreeNoiseSampler", own)


def by_times(claim: Claim, run: Run, model: Any, call: Callable[..., Any]) -> None:
    """DDIM or PLMS of Stable Diffusion's own code, on every (1000 // n)-th training time."""
    import torch

    plms = claim.settings["make"]["sampler"] == "plms"
    made = importlib.import_module(f"{PLACE}.default_samplers").samplers[claim.settings["make"]["sampler"]](model)
    made.make_schedule(run.case.steps, verbose=False)
    extra = int(run.seeded) + plms
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    noise = run.start_noise()
    sample, calls = call(noise), len(run.probe.told)
    run.relabel([0, *range(calls - 1)] if plms else range(calls))
    last = torch.as_tensor(made.ddim_alphas_prev[:1]).to(made.ddim_alphas.dtype)
    run.finish(levels=torch.cat([made.ddim_alphas.flip(0), last]), level_kind="alpha_bar", start=noise, sample=sample)


def by_logarithms(claim: Claim, run: Run, model: Any, call: Callable[..., Any]) -> None:  # noqa: ARG001 - as the others
    """UniPC, on the library's own times."""
    unipc = importlib.import_module(f"{PLACE}.unipc_samplers.unipc_sampler")
    made = unipc.NoiseScheduleVP("discrete", alphas_cumprod=model.alphas_cumprod)
    walked = unipc.UniPC(None, made).get_time_steps(SKIP_TYPES[run.case.grid], made.T, 1 / made.total_N, run.case.steps, model.device)
    noise = run.start_noise()
    sample = call(noise)
    run.relabel(range(len(run.probe.told)))
    levels = made.marginal_std(walked) / made.marginal_alpha(walked)
    run.finish(levels=levels, level_kind="sigma", start=noise, sample=sample)


ADAPTER = SdkitAdapter()
