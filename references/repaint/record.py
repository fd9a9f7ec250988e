"""How to run RePaint on X: imports the original from a checkout and calls it, nothing more."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file


class Conf(dict):
    """The original's configuration: settings by name, None where there is none."""

    def __getattr__(self, name: str):
        return self.get(name)

    def pget(self, name: str):
        """A setting by a dotted name; none of those asked for is set."""
        return self.get(name)


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout."""
    folder = source / "guided_diffusion"
    modules = {
        name: import_file(f"guided_diffusion.{name}", folder / f"{name}.py") for name in ("scheduler", "gaussian_diffusion", "respace")
    }
    return SimpleNamespace(**modules)


def betas(run: Run) -> np.ndarray:
    """The training betas; in a nudged repetition each is moved by one unit in the last place of the run's precision, and so is 1 - beta.

    The original keeps its tables in float64 whatever the precision of x, where the rounding of 1 - beta is by far the larger one.
    """
    if run.nudge is None:
        return run.schedule.betas
    moved = run.nudged(run.table(run.schedule.betas)).double()
    return (1 - run.nudged(1 - moved)).numpy()


def drive(original, algorithm: str, run: Run) -> None:
    """Run it on one case."""
    options, n = run.case.options, run.case.steps
    jumps = {"t_T": n, "n_sample": 1, "jump_length": options.get("jump_length", 10), "jump_n_sample": options.get("jump_n_sample", 1)}
    conf = Conf(inpa_inj_sched_prev=True, inpa_inj_sched_prev_cumnoise=False, schedule_jump_params=jumps)
    kinds = original.gaussian_diffusion
    diffusion = original.respace.SpacedDiffusion(
        original.respace.space_timesteps(len(run.schedule), str(n)),
        conf=conf,
        betas=betas(run),
        model_mean_type=kinds.ModelMeanType.EPSILON,
        model_var_type=kinds.ModelVarType.LEARNED_RANGE,
        loss_type=kinds.LossType.MSE,
    )
    times = original.scheduler.get_schedule_jump(**jumps)
    down = [now < last for last, now in itertools.pairwise(times)]
    steps = steps_of_draws(down)
    run.noise.step_of = lambda draw: steps[max(draw - int(run.seeded), 0)]

    def model(x, t, **_):
        answer = run.network(x, t)
        return torch.cat([answer, torch.full_like(answer, options.get("learned", -1.0))], dim=1)

    x = run.start_noise()
    known = {"gt": run.picture(), "gt_keep_mask": run.mask()}
    clip = options.get("clip_sample", True)
    loop = diffusion.p_sample_loop_progressive
    for out in loop(model, run.case.shape, noise=x, clip_denoised=clip, model_kwargs=known, device="cpu", conf=conf):
        sample = out["sample"]
    run.relabel(step for step, goes_down in enumerate(down) if goes_down)
    called = [last for last, goes_down in zip(times[:-1], down, strict=True) if goes_down]
    levels = np.append(diffusion.alphas_cumprod[called], 1.0)
    run.finish(levels=run.table(levels), level_kind="alpha_bar", start=x, sample=sample)


def steps_of_draws(down: list[bool]) -> list[int]:
    """The step of each draw: two in a step down (for the step, then for the known part, which the first has not), one in a step up."""
    return [step for step, goes_down in enumerate(down) for _ in range(2 if goes_down and step else 1)]
