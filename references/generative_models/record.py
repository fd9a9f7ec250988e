"""How to run the samplers and the U-Net of generative-models on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, Task, import_file, quiet_progress, stand_in

UNUSED = ("omegaconf", "fsspec", "PIL", "PIL.Image", "safetensors", "safetensors.torch")
PARTS = ("util", "sampling_utils", "discretizer", "denoiser_scaling", "denoiser", "guiders", "sampling")
HERE = "sgm.modules.diffusionmodules"
CLASSES = {
    "euler_edm": "EulerEDMSampler",
    "heun_edm": "HeunEDMSampler",
    "euler_ancestral": "EulerAncestralSampler",
    "dpmpp_2s_ancestral": "DPMPP2SAncestralSampler",
    "dpmpp_2m": "DPMPP2MSampler",
    "linear_multistep": "LinearMultistepSampler",
}
TWICE = ("heun_edm", "dpmpp_2s_ancestral")  # two network calls a step, but one in the last
SCALINGS = {"eps": "EpsScaling", "v": "VScaling", "edm": "EDMScaling"}


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout."""
    stand_in(*UNUSED)
    quiet_progress()
    import_file("sgm.util", source / "sgm" / "util.py")
    folder = source / "sgm" / "modules" / "diffusionmodules"
    import_file("sgm.modules.attention", folder.parent / "attention.py")
    return SimpleNamespace(**{part: import_file(f"{HERE}.{part}", folder / f"{part}.py") for part in (*PARTS, "openaimodel")})


def discretization(run: Run) -> dict:
    """The configuration of the noise levels: the discrete ones, or Karras levels up to 80, or up to 700 for Stable Video Diffusion."""
    if run.case.grid == "legacy":
        return {"target": f"{HERE}.discretizer.LegacyDDPMDiscretization"}
    ends = {"sigma_max": 700.0} if run.case.schedule == "svd" else {}
    return {"target": f"{HERE}.discretizer.EDMDiscretization", "params": ends}


def denoiser(original, run: Run):
    """The original's wrapper around a network, as the configurations of its released models choose it."""
    kind = "VScalingWithEDMcNoise" if run.case.schedule == "svd" else SCALINGS[run.case.parameterization]
    scaling = {"target": f"{HERE}.denoiser_scaling.{kind}"}
    if run.case.grid == "legacy":
        made = original.denoiser.DiscreteDenoiser(scaling, 1000, discretization(run))
    else:
        made = original.denoiser.Denoiser(scaling)

    def network(x, t, cond):
        return run.network(x, t, cond["vector"] if run.case.guidance is not None else None)

    return lambda x, sigma, cond, **more: made(network, x, sigma, cond, **more)


def sampler(original, algorithm: str, run: Run, seen: list):
    """One of the original's samplers, whose levels are nudged where the run says so; `seen` receives them."""
    guider = None
    if run.case.guidance is not None:
        guider = {"target": f"{HERE}.guiders.VanillaCFG", "params": {"scale": run.case.guidance}}
    kind = getattr(original.sampling, CLASSES[algorithm])
    made = kind(discretization_config=discretization(run), num_steps=run.case.steps, guider_config=guider, device="cpu", **run.case.options)
    levels = made.discretization

    def nudged(*arguments, **more):
        seen.append(run.nudged(levels(*arguments, **more)))
        return seen[-1]

    made.discretization = nudged
    return made


def drawing_steps(algorithm: str, options: dict, sigmas: torch.Tensor) -> list[int]:
    """The steps in which noise is drawn: every one of an ancestral sampler, those within the range of one that churns."""
    if not algorithm.endswith("edm"):
        return list(range(len(sigmas) - 1))
    low, high = options.get("s_tmin", 0.0), options.get("s_tmax", float("inf"))
    return [i for i, sigma in enumerate(sigmas[:-1].tolist()) if low <= sigma <= high]


def drive(original, algorithm: str, run: Run | Task) -> None:
    """Run one sampler, or the U-Net, on one case."""
    if isinstance(run, Task):
        with torch.no_grad():
            unet(original.openaimodel, run)
    else:
        sample(original, algorithm, run)


def unet(original, task: Task) -> None:
    """The U-Net of Stable Diffusion XL: two latents, each with five tokens, a sentence's row and six sizes."""
    net = task.fill(original.UNetModel(**task.toy("unet")), "unet")
    lists = ("input_blocks", "output_blocks")
    blocks = ["time_embed", "label_emb", "middle_block", *(f"{name}.{i}" for name in lists for i in range(len(getattr(net, name))))]
    task.tap(net, {path: path for path in blocks})
    sizes = original.Timestep(256)(task.whole("sizes", (2, 6), 1024).flatten()).reshape(2, -1)
    vector = torch.cat([task.given("sentence", (2, 8)), sizes], dim=1)
    x, context = task.given("x", (2, 4, 8, 4)), task.given("context", (2, 5, 2048))
    task.give("out", net(x, timesteps=task.whole("t", (2,), 1000), context=context, y=vector))


def sample(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case."""
    case, seen = run.case, []
    made = sampler(original, algorithm, run, seen)
    where = drawing_steps(algorithm, dict(case.options), made.discretization(case.steps, device="cpu"))
    before = 1 if run.seeded else 0
    run.noise.step_of = lambda draw: where[draw - before] if draw >= before else 0
    x = run.start_noise().clone()  # the original scales it in place
    start = x.clone()
    size = (case.shape[0], 1)
    cond, uncond = {"vector": torch.ones(size)}, {"vector": torch.zeros(size)}
    last = made(denoiser(original, run), x, cond, uncond)
    sigmas = seen[-1]
    calls = len(run.probe.told)
    run.relabel([call // 2 if algorithm in TWICE else call for call in range(calls)])
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=last / (sigmas[-1] ** 2 + 1) ** 0.5)
