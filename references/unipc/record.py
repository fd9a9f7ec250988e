"""How to run UniPC on X: imports the original from a checkout and calls it, nothing more."""

import contextlib
import io
from pathlib import Path
from types import ModuleType

import torch

from trueto.recording.harness import Run, import_file

SKIP_TYPE = {"uniform": "time_uniform", "quadratic": "time_quadratic", "logsnr": "logSNR"}
MODEL_TYPE = {"eps": "noise", "v": "v", "x0": "x_start"}


def load(source: Path) -> ModuleType:
    """The original's one module, from a checkout."""
    return import_file("uni_pc", source / "uni_pc.py")


def prediction(original, run: Run, schedule):
    """The original's own wrapper around the network; the conditionings are the marks 0 and 1 that the network is told."""
    guidance = {}
    if run.case.guidance is not None:
        size = (run.case.shape[0], 1)
        guidance = {
            "guidance_type": "classifier-free",
            "condition": torch.ones(size),
            "unconditional_condition": torch.zeros(size),
            "guidance_scale": run.case.guidance,
        }
    return original.model_wrapper(run.network, schedule, model_type=MODEL_TYPE[run.case.parameterization], **guidance)


def keep_times(solver, run: Run) -> list[torch.Tensor]:
    """Watch the times that the solver walks through; in a repetition they are moved by one unit in the last place."""
    kept: list[torch.Tensor] = []
    own = solver.get_time_steps

    def times(**settings):
        kept.append(run.nudged(own(**settings)))
        return kept[-1]

    solver.get_time_steps = times
    return kept


def drive(original, algorithm: str, run: Run) -> None:
    """Run one variant of UniPC on one case."""
    options = {"solver_order": 2, "predict_x0": True, "lower_order_final": True, "thresholding": False, "denoise": False}
    options.update(run.case.options)
    schedule = original.NoiseScheduleVP("discrete", alphas_cumprod=run.table(run.schedule.alphas_cumprod))
    solver = original.UniPC(
        prediction(original, run, schedule),
        schedule,
        algorithm_type="data_prediction" if options["predict_x0"] else "noise_prediction",
        correcting_x0_fn="dynamic_thresholding" if options["thresholding"] else None,
        variant=algorithm,
    )
    kept = keep_times(solver, run)
    x = run.start_noise()
    with contextlib.redirect_stdout(io.StringIO()):
        sample = solver.sample(
            x,
            steps=run.case.steps,
            order=options["solver_order"],
            skip_type=SKIP_TYPE[run.case.grid],
            lower_order_final=options["lower_order_final"],
            denoise_to_zero=options["denoise"],
        )
    run.relabel(range(len(run.probe.told)))
    levels = schedule.marginal_std(kept[0]) / schedule.marginal_alpha(kept[0])
    if options["denoise"]:
        levels = torch.cat([levels, torch.zeros_like(levels[:1])])
    run.finish(levels=levels, level_kind="sigma", start=x, sample=sample)
