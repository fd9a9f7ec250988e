"""How to run guided-diffusion's samplers and network on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, Task, import_file

OWN_SCHEDULES = {"linear": "linear", "linear4000": "linear", "cosine": "cosine", "cosine4000": "cosine"}
MEANS = {"eps": "EPSILON", "x0": "START_X"}
LOOPS = {"ddpm": "p_sample_loop", "ddim": "ddim_sample_loop"}


def load(source: Path) -> SimpleNamespace:
    """The original's three modules, from a checkout."""
    folder = source / "guided_diffusion"
    diffusion = import_file("guided_diffusion.gaussian_diffusion", folder / "gaussian_diffusion.py")
    respace = import_file("guided_diffusion.respace", folder / "respace.py")
    unet = import_file("guided_diffusion.unet", folder / "unet.py")
    return SimpleNamespace(diffusion=diffusion, respace=respace, unet=unet)


def respacing(run: Run) -> str:
    """What the original's scripts call timestep_respacing."""
    n, options = run.case.steps, run.case.options
    return {"spaced": str(n), "ddim": f"ddim{n}"}.get(run.case.grid) or options["sections"]


def check_schedule(original, run: Run) -> None:
    """X must be the schedule that the original makes under that name, where it has one."""
    name = OWN_SCHEDULES.get(run.case.schedule.removesuffix("_rescaled"))
    if name is None:
        return
    own = original.diffusion.get_named_beta_schedule(name, len(run.schedule))
    if not np.abs(own / run.schedule.betas - 1).max() < 1e-9:
        raise ValueError(f"the fixture's schedule {run.case.schedule} is not the original's {name}")


def moved(run: Run, betas: np.ndarray) -> np.ndarray:
    """The betas of a nudged repetition: every alpha = 1 - beta, then every beta, is moved by one unit in its last place."""
    alphas = run.nudged(torch.from_numpy(1 - betas))
    return run.nudged(1 - alphas).numpy()


def process(original, run: Run):
    """The original's diffusion process for a case."""
    check_schedule(original, run)
    kinds, options = original.diffusion, run.case.options
    mean = "PREVIOUS_X" if options.get("mean") == "previous_x" else MEANS[run.case.parameterization]
    settings = {
        "model_mean_type": kinds.ModelMeanType[mean],
        "model_var_type": kinds.ModelVarType[options.get("variance", "fixed_large").upper()],
        "loss_type": kinds.LossType.MSE,
        "rescale_timesteps": options.get("rescale_timesteps", False),
    }
    times = original.respace.space_timesteps(len(run.schedule), respacing(run))
    made = original.respace.SpacedDiffusion(use_timesteps=times, betas=run.schedule.betas, **settings)
    if run.nudge is not None:
        kinds.GaussianDiffusion.__init__(made, betas=moved(run, made.betas), **settings)
    return made


def classifier(run: Run) -> dict:
    """Classifier guidance: the gradient of the logarithm of a normal density around 0.5, in the place of a classifier's."""
    scale = run.case.options.get("classifier_scale")
    if scale is None:
        return {}
    return {"cond_fn": lambda x, t: scale * (0.5 - x), "model_kwargs": {}}


def forward(original, run: Run) -> None:
    """Add noise at each time that the case asks for, then at one of its own for each picture; velocity mixes noise and -picture."""
    kinds, options = original.diffusion, run.case.options
    betas = run.schedule.betas if run.nudge is None else moved(run, run.schedule.betas)
    made = kinds.GaussianDiffusion(
        betas=betas,
        model_mean_type=kinds.ModelMeanType.EPSILON,
        model_var_type=kinds.ModelVarType.FIXED_LARGE,
        loss_type=kinds.LossType.MSE,
    )
    picture, noise = run.picture(), run.start_noise()
    pair = (noise, -picture) if options.get("target") == "velocity" else (picture, noise)
    times, batch = options["times"], run.case.shape[0]
    for step, time in enumerate(times):
        mixed = made.q_sample(pair[0], torch.full((batch,), time), noise=pair[1])
        run.see(mixed, time, step)
    last = made.q_sample(pair[0], torch.tensor([times[-1 - index % len(times)] for index in range(batch)]), noise=pair[1])
    levels = run.table(run.schedule.alphas_cumprod[[*times, times[-1]]])
    run.finish(levels=levels, level_kind="alpha_bar", start=picture, sample=last)


def network(original, task: Task) -> None:
    """The U-Net on two small pictures, at times and with classes of their own."""
    sizes = task.toy("unet")
    net = task.fill(original.UNetModel(**sizes, **task.case.options), "unet")
    lists = ("input_blocks", "output_blocks")
    blocks = ["time_embed", "label_emb", "middle_block", *(f"{name}.{i}" for name in lists for i in range(len(getattr(net, name))))]
    task.tap(net, {path: path for path in blocks})
    classes = task.whole("classes", (2,), sizes["num_classes"])
    with torch.no_grad():
        task.give("out", net(task.given("x", (2, 3, 4, 2)), task.whole("t", (2,), 1000), y=classes))


def drive(original, algorithm: str, run: Run | Task) -> None:
    """Run the network, or one sampler, on one case. A seeded run leaves the first latents to the sampler, as the original's scripts do."""
    if isinstance(run, Task):
        network(original.unet, run)
        return
    if algorithm == "q_sample":
        forward(original, run)
        return
    diffusion, options = process(original, run), run.case.options
    learned = options.get("variance", "").startswith("learned")
    extra = int(run.seeded)  # one draw a network call, used or not; a seeded run draws the start before them
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    arguments = {key: options[key] for key in ("clip_denoised", "eta") if key in options}
    sample = getattr(diffusion, LOOPS[algorithm])(
        run.network_with_variance if learned else run.network,
        tuple(run.case.shape),
        noise=None if run.seeded else run.start_noise(),
        device=torch.device("cpu"),
        **arguments,
        **classifier(run),
    )
    run.relabel(range(len(run.probe.told)))
    levels = run.table(np.append(diffusion.alphas_cumprod[::-1], 1.0))
    run.finish(levels=levels, level_kind="alpha_bar", start=torch.from_numpy(run.probe.states[0]), sample=sample)
