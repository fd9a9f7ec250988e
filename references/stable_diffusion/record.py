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
from PIL import Image, ImageOps

from trueto.recording.harness import Run, Task, import_file, picture_file, quiet_progress, stand_in, vocabulary

ARGUMENTS = ("--n_iter", "1", "--skip_grid", "--precision", "full")
UNUSED = ("diffusers", "pytorch_lightning", "torchvision", "taming", "kornia", "clip", "cv2", "imwatermark")
NAMES = (
    *("diffusers.pipelines", "diffusers.pipelines.stable_diffusion", "diffusers.pipelines.stable_diffusion.safety_checker"),
    *("pytorch_lightning.utilities", "pytorch_lightning.utilities.distributed", "torchvision.utils", "taming.modules.vqvae.quantize"),
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
    for needed in ("CLIPTextModel", "CLIPTokenizer", "CLIPTextConfig", "AutoFeatureExtractor"):
        getattr(transformers, needed)  # before anything that it looks for stands in for itself
    stand_in(*UNUSED, *NAMES)
    transformers.AutoFeatureExtractor.from_pretrained = lambda name: None  # of the check that lets everything pass
    lightning()
    quiet_progress()
    shell = ModuleType("ldm")
    shell.__path__ = [str(source / "ldm")]
    sys.modules["ldm"] = shell
    from ldm.models.diffusion import ddim, plms

    samplers = {"ddim": (ddim.DDIMSampler, "p_sample_ddim"), "plms": (plms.PLMSSampler, "p_sample_plms")}  # with the name of a step
    for sampler, _ in samplers.values():
        sampler.register_buffer = stay_where_it_is
    return SimpleNamespace(img2img=ddim.DDIMSampler, samplers=samplers, source=source)


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
    """The original's LatentDiffusion at toy size with every parameter seeded, or in the sizes of a checkpoint and with its weights."""
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from ldm.modules.encoders import modules as encoders

    words = {"vocab_size": len(vocabulary()), "eos_token_id": len(vocabulary()) - 1}  # of the toy; a checkpoint has its own
    text = transformers.CLIPTextConfig(**{**words, **task.toy("text")})
    clip = {"version": str(task.tokenizer(folder / "tokenizer")), "device": "cpu"}
    encoders.CLIPTextModel = SimpleNamespace(from_pretrained=lambda version: transformers.CLIPTextModel(text))
    with task.unfilled():
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
            cond_stage_config={"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder", "params": clip},
        )
    return task.fill(model, "model")


def given_latents(task: Task, step):
    """A sampler's step that gives the latents after it."""

    def stepped(*args, **named):
        result = step(*args, **named)
        task.give("latents", result[0])
        return result

    return stepped


def no_more_than_asked(task: Task, replaced: ExitStack, *modules) -> None:
    """For a variant: of the training times those of the steps asked for, where the original takes one more when 1000 leaves a rest."""
    for module in modules if task.knobs.get("steps") == "asked" else ():
        times = module.make_ddim_timesteps
        fewer = lambda times=times, **named: times(**named)[: named["num_ddim_timesteps"]]  # noqa: E731
        replaced.enter_context(patch.object(module, "make_ddim_timesteps", fewer))


def watched_text(task: Task, text) -> None:
    """Give tokens and embeddings whenever the text encoder is asked."""
    text.register_forward_pre_hook(lambda _, __, named: task.give("tokens", named["input_ids"]), with_kwargs=True)
    text.register_forward_hook(lambda _, __, result: task.give("embeddings", result.last_hidden_state))


def run_main(script, model, folder: str, typed: list[str]) -> list[np.ndarray]:
    """Run a script's `main()` as the command line would, on the toy model; the files that it wrote, read again: (C, H, W)."""
    script.load_model_from_config = lambda *_, **__: model
    script.OmegaConf = SimpleNamespace(load=lambda _: SimpleNamespace(model=None))
    with patch.object(sys, "argv", ["script", *ARGUMENTS, *typed, "--outdir", folder]):
        script.main()
    return [np.moveaxis(np.asarray(Image.open(file)), 2, 0) for file in sorted(Path(folder, "samples").glob("*.png"))]


def negated(task: Task, model) -> None:
    """Where the script asks for the empty prompt, which guidance leads away from, the text of the case that has one."""
    if (negative := task.case.options.get("negative")) is not None:
        learned = model.get_learned_conditioning
        model.get_learned_conditioning = lambda texts: learned([text or negative for text in texts])


def run_txt2img(original, task: Task, model, folder: str, replaced: ExitStack) -> None:
    """scripts/txt2img.py on a model: gives texts, the latents after each step, the picture before it is cut to 8 bits, and the PNG."""
    watched_text(task, model.cond_stage_model.transformer)
    negated(task, model)
    for sampler, step in original.samplers.values():
        replaced.enter_context(patch.object(sampler, step, given_latents(task, getattr(sampler, step))))

    def looked_at(picture):
        task.give("image", np.moveaxis(picture, 3, 1) * 2 - 1)
        return picture, [False] * len(picture)

    script = import_file("stable_diffusion_txt2img", original.source / "scripts" / "txt2img.py")
    script.check_safety = looked_at
    script.put_watermark = lambda picture, _: picture
    typed = [*arguments(task), "--H", str(8 * task.case.shape[2]), "--W", str(8 * task.case.shape[3])]
    for file in run_main(script, model, folder, [*typed, *(["--plms"] if task.case.options["sampler"] == "plms" else [])]):
        task.give("png", file)


def drive_text_to_image(original, task: Task) -> None:
    """scripts/txt2img.py, and for a variant with no more steps than asked for."""
    from ldm.models.diffusion import ddim, plms

    with tempfile.TemporaryDirectory() as folder, ExitStack() as replaced:
        no_more_than_asked(task, replaced, ddim, plms)
        run_txt2img(original, task, toy_model(task, Path(folder)), folder, replaced)


def read_mask(original, task: Task, folder: Path) -> torch.Tensor:
    """Which latents are kept, from a file that scripts/inpaint.py reads, where white is painted anew."""
    stand_in("main")
    script, (_, _, height, width) = import_file("stable_diffusion_inpaint", original.source / "scripts" / "inpaint.py"), task.case.shape
    (folder / "mask").mkdir()
    file = picture_file(folder / "mask", "grey", (8 * width, 8 * height))
    read = (script.make_batch(file, file, torch.device("cpu"))["mask"] + 1) / 2
    return 1 - torch.nn.functional.interpolate(read, size=(height, width)).to(task.dtype)


def put_in_after_steps(step, kept, begun: dict):
    """For a variant: a sampler's step, after which the kept part is put in with the noise that the run began with, at the level led to.

    The first step of PLMS asks the network twice, and at the second time at that level already.
    """
    put_in = lambda latents: begun["known"].repeat(len(latents) // len(begun["known"]), 1, 1, 1) * kept + (1 - kept) * latents  # noqa: E731

    def stepped(self, *args, index, **named):
        clean, time = begun["latents"], int(self.ddim_timesteps[max(index - 1, 0)])
        begun["known"] = self.model.q_sample(clean, torch.full((len(clean),), time), noise=begun["noise"]) if index else clean
        ask, seen = self.model.apply_model, iter((lambda latents: latents, put_in))
        with patch.object(self.model, "apply_model", lambda latents, *rest: ask(next(seen)(latents), *rest)):
            painted, *rest = step(self, *args, index=index, **named)
        return (put_in(painted), *rest)

    return stepped


def drive_masked(original, task: Task) -> None:
    """scripts/txt2img.py with a mask and the latents of a picture handed to its sampler."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as replaced:
        model, (sampler, step) = toy_model(task, Path(folder)), original.samplers[task.case.options["sampler"]]
        script, (batch, _, height, width) = import_file("sd_img2img", original.source / "scripts" / "img2img.py"), task.case.shape
        picture = script.load_img(str(picture_file(Path(folder), "rgb", (8 * width, 8 * height)))).to(task.dtype)
        kept, sample, begun = read_mask(original, task, Path(folder)), sampler.sample, {}

        def sampled(self, **named):
            task.give("picture", picture.repeat(batch, 1, 1, 1))
            seen = model.encode_first_stage(task.moved(picture.repeat(batch, 1, 1, 1).contiguous()))
            begun["latents"] = model.get_first_stage_encoding(seen)
            task.give("encoded", begun["latents"])
            task.give("mask", kept)
            if task.knobs.get("kept") != "start_after_step":
                return sample(self, **{**named, "mask": kept, "x0": begun["latents"]})
            begun["noise"] = torch.randn((batch, *named["shape"]))
            return sample(self, **{**named, "x_T": begun["noise"]})

        replaced.enter_context(patch.object(sampler, "sample", sampled))
        if task.knobs.get("kept") == "start_after_step":
            replaced.enter_context(patch.object(sampler, step, put_in_after_steps(getattr(sampler, step), kept, begun)))
        run_txt2img(original, task, model, folder, replaced)


def drive_image_to_image(original, task: Task) -> None:
    """scripts/img2img.py: the picture as it is read, its latents, texts, the noisy latents, those after each step, the picture, the PNG."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as replaced:
        model = toy_model(task, Path(folder))
        watched_text(task, model.cond_stage_model.transformer)
        read, scaled = model.encode_first_stage, model.get_first_stage_encoding

        def encoded_first(picture):
            task.give("picture", picture.to(task.dtype))
            return read(task.moved(picture.to(task.dtype).contiguous()))

        def drawn(said):
            latents = scaled(said)
            task.give("encoded", latents)
            return latents

        model.encode_first_stage, model.get_first_stage_encoding = encoded_first, drawn
        sampler, encode = original.img2img, original.img2img.stochastic_encode
        earlier = int(task.knobs.get("encoded_at") == "first_step")

        def encoded(self, latents, step, **named):
            result = encode(self, latents, step - earlier, **named)
            task.give("noised", result)
            return result

        replaced.enter_context(patch.object(sampler, "stochastic_encode", encoded))
        replaced.enter_context(patch.object(sampler, "p_sample_ddim", given_latents(task, sampler.p_sample_ddim)))
        no_more_than_asked(task, replaced, sys.modules[sampler.__module__])
        script = import_file("stable_diffusion_img2img", original.source / "scripts" / "img2img.py")
        turned = script.rearrange

        def looked_at(picture, axes):
            task.give("image", 2 * picture - 1)
            return turned(picture, axes)

        script.rearrange = looked_at
        _, _, height, width = task.case.shape
        first = picture_file(Path(folder), "rgb", (8 * width, 8 * height))
        typed = [*arguments(task), "--init-img", str(first), "--strength", str(task.case.options["strength"])]
        for file in run_main(script, model, folder, typed):
            task.give("png", file)


def drive_read(original, task: Task) -> None:
    """`load_img` of scripts/img2img.py on a file; variants keep more of its pixels, or show it as it says that it is to be shown."""
    script = import_file("stable_diffusion_img2img", original.source / "scripts" / "img2img.py")
    if task.knobs.get("multiple") == "8":
        script.map = lambda _, sizes: [size - size % 8 for size in sizes]
    options = task.case.options
    if task.knobs.get("orientation") == "upright" and options["kind"] == "turned":
        script.Image = SimpleNamespace(open=lambda file: ImageOps.exif_transpose(Image.open(file)))
    with tempfile.TemporaryDirectory() as folder:
        file = picture_file(Path(folder), options["kind"], (options["width"], options["height"]))
        task.give("picture", script.load_img(str(file)).to(task.dtype))


def arguments(task: Task) -> list[str]:
    """What is typed behind the name of either script for a case."""
    case = task.case
    typed = ["--prompt", case.options["prompt"], "--scale", str(case.guidance), "--ddim_steps", str(case.steps), "--seed", str(case.seed)]
    return [*typed, "--n_samples", str(case.shape[0])]


SCRIPTS = {"txt2img": drive_text_to_image, "image_to_image": drive_image_to_image, "masked_sampling": drive_masked, "picture": drive_read}


def drive(original, name: str, run) -> None:
    """Image to image as a sampler, or a script from prompt to picture."""
    if name == "img2img":
        drive_sampler(original.img2img, run)
    else:
        SCRIPTS[name](original, run)
