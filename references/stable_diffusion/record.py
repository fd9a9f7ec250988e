"""How to run CompVis' Stable Diffusion on X: imports the original from a checkout and calls it, nothing more."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
import transformers
from PIL import Image

from trueto.recording.harness import Run, Task, import_file, quiet_progress, stand_in, vocabulary, write_tokenizer

ARGUMENTS = ("--n_iter", "1", "--skip_grid", "--precision", "full")
UNUSED = ("diffusers", "pytorch_lightning", "torchvision", "taming", "kornia", "clip", "cv2", "imwatermark")
NAMES = (
    "diffusers.pipelines",
    "diffusers.pipelines.stable_diffusion",
    "diffusers.pipelines.stable_diffusion.safety_checker",
    "pytorch_lightning.utilities",
    "pytorch_lightning.utilities.distributed",
    "torchvision.utils",
    "taming.modules.vqvae.quantize",
)


def stay_where_it_is(self, name, attr) -> None:
    """In the place of `register_buffer`, which differs from this only by moving tensors to a CUDA device."""
    setattr(self, name, attr)


def lightning() -> None:
    """In the place of pytorch_lightning's module, of which nothing but torch's is used when a picture is made."""

    class LightningModule(torch.nn.Module):
        device = torch.device("cpu")

    sys.modules["pytorch_lightning"].LightningModule = LightningModule
    sys.modules["pytorch_lightning"].seed_everything = torch.manual_seed
    sys.modules["pytorch_lightning.utilities.distributed"].rank_zero_only = lambda function: function


def load(source: Path) -> SimpleNamespace:
    """The original's package and scripts, from a checkout."""
    for needed in (
        "CLIPTextModel",
        "CLIPTokenizer",
        "CLIPTextConfig",
        "AutoFeatureExtractor",
    ):  # before anything that it looks for stands in for itself
        getattr(transformers, needed)
    stand_in(*UNUSED, *NAMES)
    transformers.AutoFeatureExtractor.from_pretrained = lambda name: None  # of the check that lets everything pass
    lightning()
    quiet_progress()
    shell = ModuleType("ldm")
    shell.__path__ = [str(source / "ldm")]
    sys.modules["ldm"] = shell
    from ldm.models.diffusion import ddim, plms

    for sampler in (ddim.DDIMSampler, plms.PLMSSampler):
        sampler.register_buffer = stay_where_it_is
    return SimpleNamespace(img2img=ddim.DDIMSampler, source=source)


def latent_diffusion(run: Run) -> SimpleNamespace:
    """What the sampler reads of a LatentDiffusion object: its tables, in the dtype in which it registers them, and its network."""
    alpha_bar = run.schedule.alphas_cumprod
    return SimpleNamespace(
        num_timesteps=len(run.schedule),
        device=torch.device("cpu"),
        betas=run.table(run.schedule.betas),
        alphas_cumprod=run.table(alpha_bar),
        alphas_cumprod_prev=run.table(np.append(1.0, alpha_bar[:-1])),
        apply_model=run.network,
    )


def drive_sampler(sampler_class, run: Run) -> None:
    """As scripts/img2img.py does from the latents of the first picture on. A seeded run leaves the noise to the sampler."""
    case, options = run.case, run.case.options
    sampler = sampler_class(latent_diffusion(run))
    sampler.make_schedule(ddim_num_steps=case.steps, ddim_eta=options.get("eta", 0.0), verbose=False)
    batch, extra = case.shape[0], int(run.seeded)  # a seeded run draws the first noise before that of the steps
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    t_enc = int(options["strength"] * case.steps)
    noise = None if run.seeded else run.start_noise()
    z_enc = sampler.stochastic_encode(run.picture(), torch.tensor([t_enc] * batch), noise=noise)
    guidance = {}
    if case.guidance is not None:
        guidance = {"unconditional_guidance_scale": case.guidance, "unconditional_conditioning": torch.zeros(batch, 1)}
    condition = None if case.guidance is None else torch.ones(batch, 1)
    sample = sampler.decode(z_enc, condition, t_enc, **guidance)
    run.relabel(range(len(run.probe.told)))
    alpha_bar = sampler.ddim_alphas[:t_enc].flip(0)
    last = torch.as_tensor(sampler.ddim_alphas_prev[:1]).to(alpha_bar.dtype)
    run.finish(levels=torch.cat([alpha_bar, last]), level_kind="alpha_bar", start=z_enc, sample=sample)


def toy_model(task: Task, folder: Path):
    """The original's LatentDiffusion in the form of configs/stable-diffusion/v1-inference.yaml at toy size, every parameter seeded."""
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from ldm.modules.encoders import modules as encoders

    text = transformers.CLIPTextConfig(vocab_size=len(vocabulary()), eos_token_id=len(vocabulary()) - 1, **task.toy("text"))
    write_tokenizer(folder / "tokenizer")
    encoders.CLIPTextModel = SimpleNamespace(from_pretrained=lambda version: transformers.CLIPTextModel(text))
    model = LatentDiffusion(
        linear_start=0.00085,
        linear_end=0.0120,
        num_timesteps_cond=1,
        timesteps=1000,
        first_stage_key="jpg",
        cond_stage_key="txt",
        image_size=8,
        channels=4,
        cond_stage_trainable=False,
        conditioning_key="crossattn",
        scale_factor=0.18215,
        use_ema=False,
        unet_config={"target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": task.toy("unet")},
        first_stage_config={
            "target": "ldm.models.autoencoder.AutoencoderKL",
            "params": {"embed_dim": 4, "ddconfig": task.toy("autoencoder"), "lossconfig": {"target": "torch.nn.Identity"}},
        },
        cond_stage_config={
            "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
            "params": {"version": str(folder / "tokenizer"), "device": "cpu"},
        },
    )
    return task.fill(model, "model")


def given_latents(task: Task, step):
    """A sampler's step that gives the latents after it."""

    def stepped(*args, **named):
        result = step(*args, **named)
        task.give("latents", result[0])
        return result

    return stepped


def no_more_than_asked(times):
    """For a variant: of the training times those of the steps asked for, where the original takes one more when 1000 leaves a rest."""
    return lambda **named: times(**named)[: named["num_ddim_timesteps"]]


def drive_script(original, name: str, task: Task) -> None:
    """Run a script's `main()` as the command line would, on the toy model, and give what passes through it.

    The tokens, the embeddings, the latents after each step, the picture before it is cut to 8 bits, and the PNG as it is read again.
    """
    from ldm.models.diffusion import ddim, plms

    with tempfile.TemporaryDirectory() as folder, ExitStack() as replaced:
        model = toy_model(task, Path(folder))
        text = model.cond_stage_model.transformer
        text.register_forward_pre_hook(lambda _, __, named: task.give("tokens", named["input_ids"]), with_kwargs=True)
        text.register_forward_hook(lambda _, __, result: task.give("embeddings", result.last_hidden_state))
        for sampler, step in ((ddim.DDIMSampler, "p_sample_ddim"), (plms.PLMSSampler, "p_sample_plms")):
            replaced.enter_context(patch.object(sampler, step, given_latents(task, getattr(sampler, step))))

        def looked_at(picture):
            task.give("image", np.moveaxis(picture, 3, 1) * 2 - 1)
            return picture, [False] * len(picture)

        if task.knobs.get("steps") == "asked":
            for module in (ddim, plms):
                replaced.enter_context(patch.object(module, "make_ddim_timesteps", no_more_than_asked(module.make_ddim_timesteps)))
        script = import_file(f"stable_diffusion_{name}", original.source / "scripts" / f"{name}.py")
        script.load_model_from_config = lambda *_, **__: model
        script.check_safety = looked_at
        script.put_watermark = lambda picture, _: picture
        script.OmegaConf = SimpleNamespace(load=lambda _: SimpleNamespace(model=None))
        replaced.enter_context(patch.object(sys, "argv", ["script", *ARGUMENTS, *arguments(task), "--outdir", folder]))
        script.main()
        for file in sorted(Path(folder, "samples").glob("*.png")):
            task.give("png", np.moveaxis(np.asarray(Image.open(file)), 2, 0))


def arguments(task: Task) -> list[str]:
    """What is typed behind the script's name for a case."""
    case, options = task.case, task.case.options
    batch, _, height, width = case.shape
    typed = ["--prompt", options["prompt"], "--scale", str(case.guidance), "--ddim_steps", str(case.steps), "--seed", str(case.seed)]
    typed += ["--n_samples", str(batch), "--H", str(8 * height), "--W", str(8 * width)]
    return [*typed, *(["--plms"] if options["sampler"] == "plms" else [])]


def drive(original, name: str, run) -> None:
    """Image to image as a sampler, or a script from prompt to picture."""
    if name == "img2img":
        drive_sampler(original.img2img, run)
    else:
        drive_script(original, name, run)
