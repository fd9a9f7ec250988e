"""How to run DPM-Solver on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import ModuleType

import torch

from trueto.recording.harness import Run, import_file

MODEL_TYPES = {"eps": "noise", "x0": "x_start", "v": "v", "score": "score"}
OF_SOLVER = ("algorithm_type", "correcting_x0_fn", "thresholding_max_val", "dynamic_thresholding_ratio")


def load(source: Path) -> ModuleType:
    """The original's only module, from a checkout."""
    return import_file("dpm_solver_pytorch", source / "dpm_solver_pytorch.py")


def guidance(run: Run) -> dict:
    """Classifier-free guidance: the conditionings are the marks 0 and 1 that the network is told."""
    if run.case.guidance is None:
        return {}
    size = (run.case.shape[0], 1)
    return {
        "guidance_type": "classifier-free",
        "condition": torch.ones(size),
        "unconditional_condition": torch.zeros(size),
        "guidance_scale": run.case.guidance,
    }


def drive(original, algorithm: str, run: Run) -> None:
    """Run one method on one case; `inverse` is the method of that name, the others are named to `sample`."""
    schedule = original.NoiseScheduleVP("discrete", alphas_cumprod=run.table(run.schedule.alphas_cumprod), dtype=run.table_dtype)
    wrapped = original.model_wrapper(run.network, schedule, model_type=MODEL_TYPES[run.case.parameterization], **guidance(run))
    asked: list[torch.Tensor] = []  # the continuous time of each network call

    def noise_at(x, t):
        asked.append(t[:1])
        return wrapped(x, t)

    options = dict(run.case.options)
    solver = original.DPM_Solver(noise_at, schedule, **{name: options.pop(name) for name in OF_SOLVER if name in options})
    ends: list[torch.Tensor] = []  # where each grid ends; the first one is the whole run's
    grid_of = solver.get_time_steps

    def get_time_steps(*args, **kwargs):
        times = run.nudged(grid_of(*args, **kwargs))
        ends.append(times[-1:])
        return times

    solver.get_time_steps = get_time_steps
    if algorithm == "adaptive":  # has no grid: what is moved is each time that it chooses
        time_of = schedule.inverse_lambda
        schedule.inverse_lambda = lambda lam: run.nudged(time_of(lam))
    x = run.start_noise()
    if algorithm == "inverse":
        sample = solver.inverse(x, steps=run.case.steps, skip_type=run.case.grid, **options)
    else:
        sample = solver.sample(x, steps=run.case.steps, skip_type=run.case.grid, method=algorithm, **options)
    calls = range(len(asked))
    run.relabel([call // options["order"] for call in calls] if algorithm == "adaptive" else calls)
    end = ends[0] if ends else torch.full((1,), 1 / schedule.total_N)
    levels = torch.exp(-schedule.marginal_lambda(torch.cat([*asked, end]).to(run.table_dtype)))
    if options.get("denoise_to_zero"):
        levels[-1] = 0
    run.finish(levels=levels, level_kind="sigma", start=x, sample=sample)
