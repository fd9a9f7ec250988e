"""Calling azula's samplers on a schedule and a denoiser of one's own; imported in a worker, where alone azula is imported.

Noise levels are the user's in this library: its samplers walk through a schedule, a function from time to (alpha, sigma). So the
originals' own levels are given, and how the first latents are scaled is not judged.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates._library import Library, bare_package
from trueto.fixtures import tape
from trueto.model import Claim, Layer
from trueto.references import reference
from trueto.references.spec import SpecInputs
from trueto.references.vp import rounded_table, strided_times

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "AzulaAdapter"]

DOCS = "azula 0.11.1, azula/sample.py: "
LAYERS = {str(layer): {} for layer in (Layer.SCHEDULE, Layer.UPDATE, Layer.TRAJECTORY, Layer.NOISE)}
K_GRIDS = ("model", "karras", "exponential", "polyexponential", "vp")
LMS_ORDER = 4  # the original's default; azula's own is 2


def _claim(
    reference_name: str, sampler: str, quote: str, settings: dict[str, Any], *, cases: tuple[str, ...] = ("*",), note: str = ""
) -> Claim:
    return Claim(reference_name, reference_name, f"sample:{sampler}", DOCS + sampler, quote, cases, {"layers": LAYERS, **settings}, note)


CLAIMS: tuple[Claim, ...] = (
    _claim(
        "k_diffusion/lms",
        "zABSampler",
        "This sampler is equivalent to the ρAB sampler from Zhang et al. (2023) and the linear multi-step (LMS) sampler from Katherine "
        "Crowson's k-diffusion.",
        {
            "grids": {grid: {} for grid in K_GRIDS},
            "parameterizations": {kind: {} for kind in ("eps", "v", "x0", "edm")},
            "options": {"order": "init"},
        },
        note="with the original's order, 4, where a case names none; azula's own default is 2",
    ),
    _claim(
        "ermongroup/ddim",
        "DDIMSampler",
        "Denoising Diffusion Implicit Models (Song et al., 2021) https://arxiv.org/abs/2010.02502",
        {"grids": {"uniform": {}}, "parameterizations": {"eps": {}}, "options": {"eta": "init"}},
    ),
    _claim(
        "ermongroup/ddpm",
        "DDPMSampler",
        "Denoising Diffusion Probabilistic Models (Ho et al., 2020) https://arxiv.org/abs/2006.11239",
        {"grids": {"uniform": {}}, "parameterizations": {"eps": {}}, "options": {}},
    ),
    _claim(
        "deis/rho_ab",
        "zABSampler",
        "This sampler is equivalent to the ρAB sampler from Zhang et al. (2023) and the linear multi-step (LMS) sampler from Katherine "
        "Crowson's k-diffusion. [...] Fast Sampling of Diffusion Models with Exponential Integrator (Zhang et al., 2023)",
        {
            "grids": {grid: {} for grid in ("uniform", "quadratic", "log", "rho", "vp_t", "vp_log", "vp_rho")},
            "parameterizations": {"eps": {}},
            "options": {"solver_order": "init:order"},
        },
    ),
)


class AzulaAdapter(Library):
    """The adapter of azula (see `trueto.candidates.Adapter`)."""

    name = "azula"
    distribution = "azula"
    claims = CLAIMS
    no_claims: Mapping[str, str] = {
        "k_diffusion/heun": "HeunSampler is documented as Heun's method, and divides by the last level, which is 0 there",
        "k_diffusion/euler": "EulerSampler is documented as Euler's method, and names no original",
        "dpm_solver/multistep": "zEABSampler and xEABSampler are documented as generalizations of DPM-Solver and DPM-Solver++",
        "ho/ddpm": "DDPMSampler is claimed as ermongroup/ddpm, which is the same on any sequence of times",
    }
    modules = ("azula",)

    def load(self) -> None:
        """Import the samplers, without the rest of the library."""
        bare_package(self.name)
        super().load()

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these samplers
        """Call the claimed sampler on the original's own levels."""
        import torch

        run_of = {"k_diffusion/lms": multistep, "deis/rho_ab": exponential}.get(claim.reference, strided)
        run_of(self.claimed(claim), run, torch)


class Denoiser:
    """A denoiser as azula's samplers call one, on a schedule through levels (n + 1,): time 1 is the first of them and time 0 the last.

    Its calls are the steps. What the network is told follows from the time that the library asks for, and not from the step.
    """

    def __init__(self, run: Run, alphas: Any, sigmas: Any, mean: Callable[[Any, int], Any]) -> None:
        self.run, self.alphas, self.sigmas, self.mean, self.calls = run, alphas, sigmas, mean, 0

    def _place(self, t: Any) -> Any:
        return ((1 - t) * (len(self.sigmas) - 1)).round().long()

    def schedule(self, t: Any) -> tuple[Any, Any]:
        """Alpha and sigma at a time."""
        place = self._place(t)
        return self.alphas[place], self.sigmas[place]

    def __call__(self, x: Any, t: Any, **_: Any) -> Any:
        """The estimate of the clean picture."""
        self.run.step = self.run.noise.step = self.calls
        self.calls += 1
        return SimpleNamespace(mean=self.mean(x, int(self._place(t))))


def _inputs(run: Run) -> SpecInputs:
    """The case in the precision of the run, for what makes the original's own levels."""
    from trueto.interpose import NUMPY_OF

    return SpecInputs(run.case, np.dtype(NUMPY_OF[run.dtype]), run.schedule, run.probe, np.zeros(0), tape(run.case.seed, run.case.shape))


def _quiet(sampler: Any) -> dict[str, bool]:
    """No bar that counts steps, where a release draws one."""
    return {"silent": True} if any("silent" in inspect.signature(made.__init__).parameters for made in sampler.__mro__) else {}


def multistep(sampler: Any, run: Run, torch: Any) -> None:
    """Adams-Bashforth on k-diffusion's levels, where alpha is 1."""
    from trueto.interpose import to_numpy, to_torch

    inputs, frame = _inputs(run), reference("k_diffusion/lms").frame
    table = frame.training_sigmas(inputs)
    levels, times = frame.grid(inputs, table)
    denoise = frame.Denoiser(inputs, table, levels, times, table[:0])

    def mean(x: Any, place: int) -> Any:
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - what the harness does is not the candidate's
            return to_torch(denoise(to_numpy(x), levels[place], place), x)

    sigmas = run.table(levels)
    model = Denoiser(run, torch.ones_like(sigmas), sigmas, mean)
    order = run.case.options.get("order", LMS_ORDER)
    x = run.start_noise() * sigmas[0]
    sample = sampler(model, order=order, steps=len(levels) - 1, **_quiet(sampler))(x)
    ends = [(sigmas[place] ** 2 + 1) ** 0.5 for place in (0, -1)]
    run.finish(levels=sigmas, level_kind="sigma", start=x / ends[0], sample=sample / ends[1])


def strided(sampler: Any, run: Run, torch: Any) -> None:
    """DDIM or DDPM on every (T // n)-th training time, which ends at the clean picture."""
    table = rounded_table(_inputs(run))
    times = strided_times(run.case.steps, len(table))
    levels = run.table(np.append(table[times], 1))
    start, sample = preserving(sampler, run, torch, levels, times, run.case.options)
    run.finish(levels=levels, level_kind="alpha_bar", start=start, sample=sample)


def exponential(sampler: Any, run: Run, torch: Any) -> None:
    """Adams-Bashforth on DEIS' levels; a time is told as the original finds it back from the level."""
    inputs, frame = _inputs(run), reference("deis/rho_ab").frame
    levels = frame.levels_of(inputs)
    times = frame.own_times(inputs, levels)
    told = frame.time_of_rho(levels, frame.rho_of(levels, times)) * (999 if isinstance(levels, frame.Formula) else 1)
    table = run.table(levels.alpha_of(times))
    start, sample = preserving(sampler, run, torch, table, told, {"order": run.case.options["solver_order"]})
    run.finish(levels=(1 - table).sqrt() / table.sqrt(), level_kind="sigma", start=start, sample=sample)


def preserving(sampler: Any, run: Run, torch: Any, levels: Any, told: Any, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """Start and sample of a sampler through levels alpha_bar (n + 1,), around a network that predicts noise and is told `told` (n,)."""
    alphas, sigmas = levels.sqrt(), (1 - levels).sqrt()

    def mean(x: Any, place: int) -> Any:
        return (x - sigmas[place] * run.network(x, torch.tensor(float(told[place])))) / alphas[place]

    model = Denoiser(run, alphas, sigmas, mean)
    start = run.start_noise()
    return start, sampler(model, **options, steps=len(levels) - 1, **_quiet(sampler))(start)


ADAPTER = AzulaAdapter()
