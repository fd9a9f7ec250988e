"""How to run the CompVis samplers and networks on X: imports the original from a checkout and calls it, nothing more."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, Task, quiet_progress, stand_in

UNUSED = ("pytorch_lightning", *("taming.modules.vqvae.quantize".rsplit(".", n)[0] for n in range(3, -1, -1)))
# What the autoencoder is watched at; the original's own names of its parts.
MIDDLE = ("mid.block_1", "mid.attn_1", "mid.block_2")
HALVES = {
    "encoder": ("conv_in", "down.0.block.0", "down.0.downsample", "down.1.block.0", *MIDDLE, "conv_out"),
    "decoder": ("conv_in", *MIDDLE, "up.1.block.0", "up.1.block.1", "up.1.upsample", "up.0.block.0", "up.0.block.1"),
}
LOUD = 15.0  # of moments: so that some logarithms of variances are beyond -30 and 20, where they are clamped


def stay_where_it_is(self, name, attr) -> None:
    """In the place of `register_buffer`, which differs from this only by moving tensors to a CUDA device."""
    setattr(self, name, attr)


def load(source: Path) -> SimpleNamespace:
    """The original's two samplers and two networks, from a checkout."""
    stand_in(*UNUSED)
    sys.modules["pytorch_lightning"].LightningModule = torch.nn.Module
    quiet_progress()
    sys.path.insert(0, str(source))
    models, modules = "ldm.models", "ldm.modules"
    plms = importlib.import_module(f"{models}.diffusion.plms").PLMSSampler
    ddim = importlib.import_module(f"{models}.diffusion.ddim").DDIMSampler
    for sampler in (plms, ddim):
        sampler.register_buffer = stay_where_it_is
    return SimpleNamespace(
        plms=plms,
        ddim=ddim,
        UNetModel=importlib.import_module(f"{modules}.diffusionmodules.openaimodel").UNetModel,
        AutoencoderKL=importlib.import_module(f"{models}.autoencoder").AutoencoderKL,
        DiagonalGaussianDistribution=importlib.import_module(f"{modules}.distributions.distributions").DiagonalGaussianDistribution,
    )


def latent_diffusion(run: Run) -> SimpleNamespace:
    """What the samplers read of a LatentDiffusion object: its tables, in the dtype in which it registers them, and its network."""
    alpha_bar = run.schedule.alphas_cumprod
    return SimpleNamespace(
        num_timesteps=len(run.schedule),
        device=torch.device("cpu"),
        betas=run.table(run.schedule.betas),
        alphas_cumprod=run.table(alpha_bar),
        alphas_cumprod_prev=run.table(np.append(1.0, alpha_bar[:-1])),
        apply_model=run.network,
    )


def guidance(run: Run) -> dict:
    """Classifier-free guidance: the conditionings are the marks 0 and 1 that the network is told."""
    if run.case.guidance is None:
        return {"conditioning": None}
    size = (run.case.shape[0], 1)
    return {
        "conditioning": torch.ones(size),
        "unconditional_conditioning": torch.zeros(size),
        "unconditional_guidance_scale": run.case.guidance,
    }


def drive(original, algorithm: str, run: Run | Task) -> None:
    """Run one sampler or one network on one case."""
    if isinstance(run, Task):
        with torch.no_grad():
            {"unet": unet, "autoencoder": autoencoder}[algorithm](original, run)
    else:
        sample(original, algorithm, run)


def sample(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case. A seeded run leaves the first latents to the sampler, as scripts/txt2img.py does."""
    chosen = getattr(original, algorithm)(latent_diffusion(run))
    # One draw a network call, used or not; PLMS calls twice in its first step. A seeded run draws the start before them.
    extra = int(run.seeded) + (algorithm == "plms")
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    x = None if run.seeded else run.start_noise()
    batch, *shape = run.case.shape
    last_sample, seen = chosen.sample(run.case.steps, batch, shape, x_T=x, verbose=False, **guidance(run), **run.case.options)
    calls = len(run.probe.told)
    run.relabel([0, *range(calls - 1)] if algorithm == "plms" else range(calls))
    alpha_bar = chosen.ddim_alphas
    last = torch.as_tensor(chosen.ddim_alphas_prev[:1]).to(alpha_bar.dtype)
    run.finish(levels=torch.cat([alpha_bar.flip(0), last]), level_kind="alpha_bar", start=seen["x_inter"][0], sample=last_sample)


def unet(original, task: Task) -> None:
    """The U-Net of text to image: two latents at times of their own, each with five tokens."""
    net = task.fill(original.UNetModel(**task.toy("unet")), "unet")
    lists = ("input_blocks", "output_blocks")
    blocks = ["time_embed", "middle_block", *(f"{name}.{i}" for name in lists for i in range(len(getattr(net, name))))]
    task.tap(net, {path: path for path in blocks})
    x, context = task.given("x", (2, 4, 8, 4)), task.given("context", (2, 5, 24))
    task.give("out", net(x, timesteps=task.whole("t", (2,), 1000), context=context))


def autoencoder(original, task: Task) -> None:
    """The autoencoder: a picture to the distribution of its latents, latents to a picture; and a distribution that reaches its bounds."""
    net = task.fill(original.AutoencoderKL(task.toy("autoencoder"), {"target": "torch.nn.Identity"}, 4), "autoencoder")
    task.tap(net, {path: path for half, parts in HALVES.items() for path in (f"{half}.{part}" for part in parts)})
    posterior = net.encode(task.given("picture", (1, 3, 12, 8)))
    task.give("moments", posterior.parameters)
    task.give("image", net.decode(task.given("z", (1, 4, 6, 4))))
    task.give("std", posterior.std)
    loud = original.DiagonalGaussianDistribution(task.given("loud", (2, 8, 2, 3), LOUD))
    task.give("bounded std", loud.std)
    task.give("bounded kl", loud.kl())
    task.give("nll", posterior.nll(task.given("seen", (1, 4, 6, 4))))
