"""How to run SA-Solver on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file, quiet_progress

PREDICTIONS = {"eps": "noise", "v": "v", "x0": "x_start"}


def load(source: Path) -> SimpleNamespace:
    """The original's module, from a checkout."""
    quiet_progress()
    return SimpleNamespace(module=import_file("sa_solver", source / "sa_solver.py"))


def middle(t) -> int:
    """The README's function tau for continuous time."""
    return 1 if 0.2 <= t <= 0.8 else 0


def remembered(function):
    """A function of time that looks each time up once: the original interpolates in its table some forty times a step."""
    known = {}

    def looked_up(t):
        key = (t.dtype, t.shape, t.numpy().tobytes())
        if key not in known:
            known[key] = function(t)
        return known[key]

    return looked_up


def wrapped(module, run: Run, schedule):
    """The original's own wrapper around the network, with classifier-free guidance where the case has it."""
    guided = {}
    if run.case.guidance is not None:
        size = (run.case.shape[0], 1)
        guided = {
            "guidance_type": "classifier-free",
            "condition": torch.ones(size),
            "unconditional_condition": torch.zeros(size),
            "guidance_scale": run.case.guidance,
        }
    network = lambda x, t, condition=None: run.network(x, t, condition)  # noqa: E731 - the wrapper calls it by position
    return module.model_wrapper(network, schedule, model_type=PREDICTIONS[run.case.parameterization], **guided)


def drive(original, algorithm: str, run: Run) -> None:
    """Run one mode of SASolver.sample on one case."""
    module, case = original.module, run.case
    options = dict(case.options)
    tau = options.pop("tau")
    made = {key: options.pop(key) for key in ("algorithm_type", "correcting_x0_fn") if key in options}
    schedule = module.NoiseScheduleVP("discrete", alphas_cumprod=run.table(run.schedule.alphas_cumprod))
    schedule.log_alpha_array = run.nudged(schedule.log_alpha_array.reshape(-1)).reshape(1, -1)
    schedule.marginal_log_mean_coeff = remembered(schedule.marginal_log_mean_coeff)
    solver = module.SASolver(wrapped(module, run, schedule), schedule, **made)
    # The draw before the loop is used for nothing; the next one belongs to the first step.
    run.noise.step_of = lambda draw: draw - 1 - int(run.seeded) if draw > int(run.seeded) else case.steps
    x = run.start_noise()
    tau_function = middle if tau == "middle" else lambda _: tau
    sample = solver.sample(algorithm, x, tau_function, case.steps, skip_type=case.grid, **options)
    # At the end of more_steps the denoising call repeats the one before where nothing was corrected in between, and is seen once.
    end = {"few_steps": 0, "more_steps": 2 if options.get("corrector_order", 4) else 1}[algorithm]
    run.relabel(levels_of_calls(len(run.probe.told), case.steps, end))
    times = solver.get_time_steps(case.grid, schedule.T, 1.0 / schedule.total_N, case.steps, 1, x.device)
    levels = schedule.edm_sigma(times)
    if algorithm == "more_steps":
        levels = torch.cat([levels, torch.zeros_like(levels[:1])])
    run.finish(levels=levels, level_kind="sigma", start=x, sample=sample)


def levels_of_calls(calls: int, steps: int, end: int) -> list[int]:
    """The level of each network call: one at the first level, one (PEC) or two (PECE) at each later one, `end` at the last."""
    each = (calls - 1 - end) // max(steps - 1, 1)
    return [0, *(level for level in range(1, steps) for _ in range(each)), *[steps] * end]
