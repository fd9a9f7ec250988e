"""Calling flaxdiff's samplers on JAX arrays, around a network that is called back; imported in a worker, where alone it is imported.

Its states are (B, H, W, C). Its draws are JAX's, which no generator of torch makes: they are served, and layer `noise` is left out.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Generator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates._library import Library, bare_package, one_arena
from trueto.candidates.flaxdiff.claims import CLAIMS, NO_CLAIMS
from trueto.fixtures import tape
from trueto.model import Case, Claim
from trueto.references import edm
from trueto.references.spec import SpecInputs
from trueto.references.vp import rounded_table, strided_times

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "FlaxdiffAdapter"]

COUNTED = 1000  # steps are counted so, from noise to picture, whatever a schedule counts


class FlaxdiffAdapter(Library):
    """The adapter of flaxdiff (see `trueto.candidates.Adapter`)."""

    name = "flaxdiff"
    distribution = "flaxdiff"
    claims = CLAIMS
    no_claims = NO_CLAIMS
    modules = ("flaxdiff",)

    def load(self) -> None:
        """Import samplers, schedules and predictions, without models, encoders and data. No array is made: JAX has no fork after that."""
        one_arena()
        bare_package("flax")
        bare_package("flax.linen", Module=object, compact=_as_it_is)
        for package in ("flaxdiff", "flaxdiff.models"):
            bare_package(package)
        bare_package("flaxdiff.models.autoencoder", AutoEncoder=None)
        bare_package("flaxdiff.inputs", TextEncoder=None, CLIPTextEncoder=None, DiffusionInputConfig=None)
        super().load()

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:
        """What a user would write down."""
        walk = claim.settings["walk"]
        how = {"diffusion_steps": case.steps} if walk["shipped"] else {"steps_override": f"the original's {case.steps}"}
        return {"noise_schedule": walk["schedule"], "model_output_transform": walk["prediction"], **how}

    def source(self, claim: Claim) -> str:
        """File and line of the claimed sampler's step."""
        code = vars(self.claimed(claim))["take_next_step"].__code__
        return f"{self.name}/{code.co_filename.rpartition(f'/{self.name}/')[2]}:{code.co_firstlineno}"

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these samplers
        """Make the sampler and let it generate, in the precision of the run."""
        import torch

        with _precision(double=run.dtype == torch.float64), _served(run), contextlib.redirect_stdout(io.StringIO()):
            sampler = self._sampler(claim, run)
            steps, levels, kind = _walk(claim, run, sampler)
            noise = _to_jax(run.start_noise())
            sampler.model.levels = levels
            scale = _own_scale(sampler) if claim.settings["walk"]["shipped"] else levels[0] if kind == "sigma" else 1
            x = noise * scale
            found = sampler.generate_samples(None, len(x), 0, priors=x, steps_override=steps)
        calls = claim.settings["walk"]["calls"]
        run.relabel(call // calls for call in range(len(run.probe.told)))
        ends = [_to_torch(run, end) / _size(level, kind) for end, level in ((x, levels[0]), (found, levels[-1]))]
        run.finish(levels=levels, level_kind=kind, start=ends[0], sample=ends[1])

    def _sampler(self, claim: Claim, run: Run) -> Any:
        walk = claim.settings["walk"]
        made = getattr(importlib.import_module("flaxdiff.schedulers"), walk["schedule"])
        predicted = getattr(importlib.import_module("flaxdiff.predictors"), walk["prediction"])
        preserving = walk["schedule"] == "LinearNoiseSchedule"
        betas = {name: run.schedule.settings[name] for name in ("beta_start", "beta_end")} if preserving else {}
        noise_schedule = made(COUNTED, **betas) if preserving else made(1)
        network, config = _Model(run), SimpleNamespace(get_unconditionals=list)
        sampler = self.claimed(claim)(network, noise_schedule, predicted(), config)
        sampler.post_process = _as_it_is  # in the place of the clip to the range of pictures
        return sampler


def _own_scale(sampler: Any) -> Any:
    """What the library multiplies noise by where it is given no latents."""
    return sampler._get_noise_parameters(1, COUNTED)[0]  # noqa: SLF001 - the only place that says so


def _as_it_is(x: Any) -> Any:
    return x


class _Model:
    """A network as flaxdiff calls one: `apply` is compiled, and calls back.

    One in EDM form is wrapped here, and told ln(sigma) / 4 of the level that it is asked at: the library's own wrapper adds 1e-8 to its
    divisors, and its own logarithm 1e-12 to the level.
    """

    levels: Any  # (n + 1,) of the walk

    def __init__(self, run: Run) -> None:
        self.run = run

    def apply(self, params: Any, x: Any, t: Any) -> Any:  # noqa: ARG002 - there are no parameters
        """The answer for x (B, H, W, C) at times t (B,)."""
        jax = importlib.import_module("jax")
        return jax.pure_callback(self._answer, jax.ShapeDtypeStruct(x.shape, x.dtype), x, t)

    def _answer(self, x: Any, t: Any) -> Any:
        x, told = np.array(x), np.array(t, np.float64).reshape(-1)[:1]
        if self.run.case.parameterization != "edm":
            return self._network(x, told)
        sigma = self.levels[np.abs(np.log(self.levels[:-1]) / 4 - told).argmin()].astype(x.dtype)
        return edm.wrapped(x, self._network(edm.scalings(sigma)[2] * x, np.log(sigma)[None] / 4), sigma).astype(x.dtype)

    def _network(self, x: Any, told: Any) -> Any:
        from trueto.interpose import tensor_of, to_numpy

        answer = self.run.network(_to_torch(self.run, x), tensor_of(told, self.run.table_dtype))
        return np.ascontiguousarray(to_numpy(answer).transpose(0, 2, 3, 1))


def _to_jax(tensor: Any) -> Any:
    """A tensor (B, C, H, W) as an array (B, H, W, C)."""
    jnp = importlib.import_module("jax.numpy")

    from trueto.interpose import to_numpy

    return jnp.asarray(to_numpy(tensor).transpose(0, 2, 3, 1))


def _to_torch(run: Run, array: Any) -> Any:
    """An array (B, H, W, C) as a tensor (B, C, H, W), of its own precision."""
    from trueto.interpose import TORCH_OF, tensor_of

    found = np.array(array)
    return tensor_of(np.ascontiguousarray(found.transpose(0, 3, 1, 2)), TORCH_OF[str(found.dtype)], run.device)


def _size(level: Any, kind: str) -> Any:
    """Deviation of the noise in a state of this library at a level, for pictures of no size: sqrt(alpha^2 + sigma^2)."""
    return (1 + float(level) ** 2) ** 0.5 if kind == "sigma" else 1.0


def _walk(claim: Claim, run: Run, sampler: Any) -> tuple[Any, Any, str]:
    """The steps, or None for as many of the library's own, and the levels (n + 1,) that they lie at, of that kind."""
    jnp = importlib.import_module("jax.numpy")

    n, walk = run.case.steps, claim.settings["walk"]
    preserving = walk["schedule"] == "LinearNoiseSchedule"
    if walk["shipped"]:
        steps = sampler.get_steps(COUNTED, 0, n)
    elif preserving:
        inputs = SpecInputs(run.case, np.dtype(np.float64), run.schedule, run.probe, np.zeros(0), tape(run.case.seed, run.case.shape))
        steps = jnp.asarray(strided_times(n, len(rounded_table(inputs))))
    else:
        steps = COUNTED * (1 - jnp.linspace(0, 1, n))
    alphas, sigmas = (np.array(rate).reshape(-1) for rate in sampler.noise_schedule.get_rates(sampler.scale_steps(steps)))
    return steps, np.append(alphas**2, 1) if preserving else np.append(sigmas, 0), "alpha_bar" if preserving else "sigma"


@contextlib.contextmanager
def _precision(*, double: bool) -> Generator[None]:
    """In the twin JAX computes in float64, and float32 means float64 in the library's modules."""
    jax = importlib.import_module("jax")

    from trueto.interpose import Promoted, put

    jax.config.update("jax_platforms", "cpu")
    homes = [module for name, module in list(sys.modules.items()) if name.startswith("flaxdiff") and vars(module).get("jnp") is jax.numpy]
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", double)
    for home in homes if double else []:
        put(home, "jnp", Promoted(jax.numpy))
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)
        for home in homes:
            put(home, "jnp", jax.numpy)


@contextlib.contextmanager
def _served(run: Run) -> Generator[None]:
    """Where the library draws, it is served; each draw belongs to the step whose network call was the last."""
    jax = importlib.import_module("jax")

    from trueto.interpose import put

    own = jax.random.normal

    def normal(*args: Any, **kwargs: Any) -> Any:
        natural = _to_torch(run, own(*args, **kwargs))
        run.noise.step = len(run.probe.told) - 1
        return _to_jax(run.noise.serve(lambda: natural, natural.shape))

    put(jax.random, "normal", normal)
    try:
        yield
    finally:
        put(jax.random, "normal", own)


ADAPTER = FlaxdiffAdapter()
