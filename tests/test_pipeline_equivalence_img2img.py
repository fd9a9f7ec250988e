"""Begun part-way or given a list, the adapter's loop makes the network calls of diffusers' own pipelines, bit for bit."""

import logging

import pytest

from trueto.fixtures import start_noise
from trueto.fixtures.lists import AYS
from trueto.fixtures.pictures import known_picture
from trueto.model import Case

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers", reason="diffusers' pipeline imports it: pip install transformers")

from test_pipeline_equivalence import SHAPE, Unet, by_adapter, claimed  # noqa: E402 - it imports torch

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NOTHING = dict.fromkeys(("vae", "text_encoder", "tokenizer", "safety_checker", "feature_extractor", "image_encoder"))
STEPS = 10


def by_pipeline(kind, claim, case, **asked):
    """Calls and final latents of a pipeline of diffusers, configured as the adapter does it."""
    from trueto.candidates.diffusers.adapter import ADAPTER

    logging.getLogger("diffusers").setLevel(logging.ERROR)
    unet = Unet(case)
    scheduler = getattr(diffusers, claim.implementation).from_config(ADAPTER.settings(claim, case))
    pipeline = kind(unet=unet, scheduler=scheduler, requires_safety_checker=False, **NOTHING)
    pipeline.set_progress_bar_config(disable=True)
    out = pipeline(
        prompt_embeds=torch.ones(SHAPE[0], 1, 1),
        negative_prompt_embeds=torch.zeros(SHAPE[0], 1, 1),
        guidance_scale=1.0 if case.guidance is None else case.guidance,
        eta=case.options.get("eta", 0.0),
        output_type="latent",
        **asked,
    )
    return unet.calls, out.images.numpy()


def image_to_image(claim, case, strength):
    """StableDiffusionImg2ImgPipeline on the latents of the known picture."""
    picture, generator = torch.from_numpy(known_picture(SHAPE)).float(), torch.Generator().manual_seed(case.seed)
    asked = {"image": picture, "strength": strength, "num_inference_steps": case.steps, "generator": generator}
    return by_pipeline(diffusers.StableDiffusionImg2ImgPipeline, claim, case, **asked)


def same(ours, theirs, least):
    """Both made the same calls, at least so many, and ended with the same latents."""
    (calls, sample), (piped, image) = ours, theirs
    assert len(piped) == len(calls) >= least
    assert [] == [i for i, (one, other) in enumerate(zip(piped, calls, strict=True)) if one != other]
    assert image.tobytes() == sample.tobytes()


@pytest.mark.parametrize("guidance", [None, 7.5])
@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
def test_ddim_begins_as_the_pipeline_does(strength, guidance):
    """Image to image with DDIM and fresh noise: the same start, times, states and latents."""
    claim = claimed("stable_diffusion/img2img")
    case = Case("x", STEPS, grid="uniform", guidance=guidance, shape=SHAPE, options={"strength": strength, "eta": 0.5})
    same(by_adapter(claim, case, seeded=True), image_to_image(claim, case, strength), int(STEPS * strength))


@pytest.mark.parametrize("strength", ["0.3", "0.5", "1"])
@pytest.mark.parametrize("name", ["euler", "heun", "dpm_2", "lms", "euler_ancestral", "dpm_2_ancestral", "dpmpp_2m", "dpmpp_2m_sde"])
def test_others_begin_as_the_pipeline_does(name, strength):
    """The same with each scheduler for which a part of the way is drawn."""
    claim = claimed(f"k_diffusion/{name}")
    case = Case("x", STEPS, grid="model", shape=SHAPE, composed={"strength": strength})
    same(by_adapter(claim, case, seeded=True), image_to_image(claim, case, float(strength)), int(STEPS * float(strength)))


@pytest.mark.parametrize("name", ["euler", "heun", "dpmpp_2m"])
def test_a_list_of_times_reaches_the_scheduler_as_in_the_pipeline(name):
    """`timesteps` of StableDiffusionPipeline, with the list that is published for ten steps."""
    claim = claimed(f"k_diffusion/{name}")
    case = Case("x", len(AYS), grid="model", shape=SHAPE, composed={"given": "ays_timesteps"})
    factor = 8  # of a pipeline without an autoencoder
    asked = {"timesteps": list(AYS), "latents": torch.from_numpy(start_noise(case.seed, case.shape)).clone()}
    sizes = {"height": SHAPE[2] * factor, "width": SHAPE[3] * factor}
    same(by_adapter(claim, case, seeded=False), by_pipeline(diffusers.StableDiffusionPipeline, claim, case, **asked, **sizes), len(AYS))


def test_equivalence_can_fail():
    """Another strength is seen: the comparison does not always say yes."""
    claim = claimed("k_diffusion/euler")
    ours, _ = by_adapter(claim, Case("x", STEPS, shape=SHAPE, composed={"strength": "0.5"}), seeded=True)
    theirs, _ = image_to_image(claim, Case("x", STEPS, shape=SHAPE), 0.6)
    assert ours[0] != theirs[0]
