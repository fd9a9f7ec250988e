"""How to run DEIS on X: imports the original from a checkout and calls it, nothing more. Needs jax."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file

# ts_phase and ts_order of get_sampler; vp_*: the continuous SDE, else the discrete one.
PHASES = {
    "uniform": ("t", 1.0),
    "quadratic": ("t", 2.0),
    "log": ("log", 1.0),
    "rho": ("rho", 7.0),
    "vp_t": ("t", 2.0),
    "vp_log": ("log", 1.0),
    "vp_rho": ("rho", 7.0),
}
BETAS = (0.1, 20.0)
ENDS = (1e-3, 1.0)  # sampling_eps, sampling_T


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout, and JAX, on which they rest."""
    jax = importlib.import_module("jax")
    home = importlib.import_module("jax._src.numpy.lax_numpy")
    if not hasattr(home, "_promote_dtypes_inexact"):
        vars(home)["_promote_dtypes_inexact"] = importlib.import_module("jax._src.numpy.util").promote_dtypes_inexact
    import_file("th_deis.helper", source / "th_deis" / "helper.py")
    sampler = import_file("th_deis.sampler", source / "th_deis" / "sampler.py")
    return SimpleNamespace(jax=jax, sampler=sampler, vpsde=importlib.import_module("th_deis.vpsde"), rev_ts=sampler.get_rev_ts, made={})


def differential_equation(original, run: Run):
    """The original's own SDE for the case; kept, because its functions are compiled anew for each one."""
    continuous = run.case.grid.startswith("vp_")
    key = (run.case.schedule, continuous, run.table_dtype)
    if key not in original.made:
        if continuous:
            made = original.vpsde.VPSDE(*original.vpsde.get_linear_alpha_fns(*BETAS), *ENDS)
        else:
            made = original.vpsde.DiscreteVPSDE(run.table(run.schedule.alphas_cumprod))
        original.made[key] = made
    return original.made[key]


def keep_times(original, run: Run) -> list:
    """Watch the times that the sampler walks through; in a repetition they are moved by one unit in the last place."""
    kept: list = []

    def times(*args, **settings):
        own = np.asarray(original.rev_ts(*args, **settings))
        if own.dtype.kind == "f":
            own = run.nudged(torch.from_numpy(own.copy())).numpy()
        kept.append(original.jax.numpy.asarray(own))
        return kept[-1]

    original.sampler.get_rev_ts = times
    return kept


def drive(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case."""
    original.jax.config.update("jax_enable_x64", run.table_dtype == torch.float64)
    sde = differential_equation(original, run)
    kept = keep_times(original, run)
    scale = 999 if run.case.grid.startswith("vp_") else 1  # a network that was trained at 1000 times

    def eps_fn(x, t):
        return run.network(x, t * scale)

    phase, order = PHASES[run.case.grid]
    options = {"method": algorithm, "ab_order": run.case.options["solver_order"] - 1}
    sampler = original.sampler.get_sampler(sde, eps_fn, phase, order, run.case.steps, **options)
    x = run.start_noise()
    sample = sampler(x)
    run.relabel(range(len(run.probe.told)))
    run.finish(levels=np.asarray(sde.t2rho(kept[0])), level_kind="sigma", start=x, sample=sample)
