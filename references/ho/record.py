"""How to run Ho et al.'s own sampler on X: imports the original from a checkout and calls it, nothing more. Needs TensorFlow."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file, stand_in

VARIANCES = {"fixed_small": "fixedsmall", "fixed_large": "fixedlarge", "learned": "learned"}
MEANS = {"eps": "eps", "x0": "xstart"}
KINDS = {"linear": "linear", "scaled_linear": "quad"}


class Lifted:
    """TensorFlow with float64 where the original says float32, or says nothing and gets float32."""

    def __init__(self, tf) -> None:
        self._tf = tf

    def __getattr__(self, name: str):
        return getattr(self._tf, "float64" if name == "float32" else name)

    def ones(self, shape):
        """Ones in float64."""
        return self._tf.ones(shape, dtype=self._tf.float64)


def load(source: Path) -> SimpleNamespace:
    """The original's module, from a checkout, and TensorFlow."""
    import tensorflow.compat.v1 as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    stand_in("PIL")
    module = import_file("diffusion_tf.diffusion_utils_2", source / "diffusion_tf" / "diffusion_utils_2.py")
    return SimpleNamespace(module=module, tf=tf, lifted=Lifted(tf))


def moved(run: Run, betas: np.ndarray) -> np.ndarray:
    """The betas of a nudged repetition: every alpha = 1 - beta, then every beta, is moved by one unit in its last place."""
    alphas = run.nudged(torch.from_numpy(1 - betas))
    return run.nudged(1 - alphas).numpy()


def process(original, run: Run):
    """The original's diffusion process for a case, on the schedule that the original itself makes under that name."""
    options, settings = run.case.options, run.schedule.settings
    ends = {"beta_start": settings["beta_start"], "beta_end": settings["beta_end"]}
    kind = KINDS[settings["beta_schedule"]]
    own = original.module.get_beta_schedule(kind, **ends, num_diffusion_timesteps=len(run.schedule))
    if not np.abs(own / run.schedule.betas - 1).max() < 1e-9:
        raise ValueError(f"the fixture's schedule {run.case.schedule} is not the original's {kind}")
    made = original.module.GaussianDiffusion2(
        betas=run.schedule.betas if run.nudge is None else moved(run, run.schedule.betas),
        model_mean_type="xprev" if "mean" in options else MEANS[run.case.parameterization],
        model_var_type=VARIANCES[options["variance"]],
        loss_type="mse",
    )
    if not options.get("clip_denoised", True):
        made.p_sample = partial(made.p_sample, clip_denoised=False)
    return made


def drive(original, algorithm: str, run: Run) -> None:
    """Run the sampler on one case: the first draw is the start, every further one belongs to a step."""
    tf = original.lifted if run.dtype == torch.float64 else original.tf
    original.module.tf = tf
    network = run.network_with_variance if run.case.options["variance"] == "learned" else run.network
    begun = []

    def to_tf(values: torch.Tensor, dtype):
        return tf.constant(values.permute(0, 2, 3, 1).to(torch.float64).numpy(), dtype=dtype)

    def to_torch(values) -> torch.Tensor:
        return torch.from_numpy(values.numpy().copy()).permute(0, 3, 1, 2).contiguous()

    def denoise(x, t):
        return to_tf(network(to_torch(x), torch.from_numpy(t.numpy().copy())), x.dtype)

    def noise(shape, dtype):
        assert tuple(shape) == turned
        values = torch.randn(run.case.shape, dtype=run.dtype) if begun else run.start_noise()
        begun.append(True)
        return to_tf(values, dtype)

    extra = int(run.seeded)  # a seeded run draws the start before the draws of the steps
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    batch, channels, height, width = run.case.shape
    turned = (batch, height, width, channels)
    made = process(original, run)
    sample = to_torch(made.p_sample_loop(denoise, shape=turned, noise_fn=noise))
    run.relabel(range(len(run.probe.told)))
    levels = run.table(np.append(made.alphas_cumprod[::-1], 1.0))
    run.finish(levels=levels, level_kind="alpha_bar", start=torch.from_numpy(run.probe.states[0]), sample=sample)
