"""From a prompt to a picture: CompVis' scripts/txt2img.py, Rombach et al. 2022 (latent diffusion, arXiv 2112.10752)."""

from trueto.model import Case
from trueto.references.card import Card, Promises

from .cases import rounded_png

CARD = Card(
    title="Stable Diffusion v1, text to image",
    plain="""
A prompt is cut into tokens, a text encoder turns them into numbers, a U-Net is asked some 50 times what of the latents is noise, once with
the prompt and once without, and a decoder makes a picture of what is left, which is saved as a PNG. That is what Stable Diffusion v1 does
when its authors' script is run; here with networks so small that the picture shows nothing, but with every part in its place.

If a library did any of it otherwise, the same prompt and seed would give another picture than the one its authors published. The first part
that differs is named: tokens, embeddings, the latents after a step, the picture, or the file.""",
    authors="Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer; CompVis, Stability AI, Runway",
    year=2022,
    paper="High-Resolution Image Synthesis with Latent Diffusion Models, arXiv 2112.10752",
    equations="section 3.3; guidance: Ho and Salimans 2022 (arXiv 2207.12598), equation 6, with scale = 1 + w",
    function="scripts/txt2img.py: main",
    line=98,
    default_of="Stable Diffusion v1-1 to v1-5",
    promise=Promises(
        {
            "tokens": "77 a prompt, first the empty or the negative one: begin, what the prompt says, end, and the end again up to 77",
            "embeddings": "the last hidden state of the text encoder after its final normalisation",
            "latents": (
                "begin as the first draw after the seed is set; guidance from the empty or the negative prompt; PLMS with --plms, "
                "else DDIM with eta 0"
            ),
            "image": "decoded from latents / 0.18215, cut to -1 to 1",
            "png": "255 times the picture from 0 to 1, its fraction cut off",
        }
    ),
    code_and_paper="the paper leaves the sampler open, and does not speak of negative prompts",
)
CHECKPOINT = "stable_diffusion_v1"
PROMPT = "a painting of a virus monster playing guitar"


def picture(name: str, steps: int, sampler: str = "plms", batch: int = 1, guidance: float = 7.5, prompt: str = PROMPT, **more) -> Case:
    """A case: pictures of 48 x 32 pixels; `negative` stands where the script has the empty prompt."""
    options = {"sampler": sampler, "prompt": prompt, **({"negative": more.pop("negative")} if "negative" in more else {})}
    return Case(name, steps, guidance=guidance, shape=(batch, 4, 6, 4), options=options, layers=("pipeline",), **more)


CASES = (
    picture("plms-50", 50, quick=True, seed=42),  # as Stable Diffusion v1-4 and v1-5 were released, on the script's own prompt and seed
    picture("ddim-50", 50, "ddim", seed=42),
    picture("ddim-7", 7, "ddim", batch=2, prompt="a photograph of an astronaut riding a horse", seed=1),
    picture("plms-8-unguided", 8, guidance=1.0, seed=2),
    picture("plms-30", 30, seed=3),
    picture("ddim-4-empty", 4, "ddim", prompt="", seed=4),
    picture("plms-4-long", 4, prompt="the red cat's guitar, " * 30, seed=5),
    picture("plms-5-negative", 5, negative="a photograph of the red horse", seed=6),
    picture("ddim-4-negative-long", 4, "ddim", negative="the astronaut's guitar, " * 30, guidance=3.0, seed=7),
    picture("ddim-2-words", 2, "ddim", prompt="the red horse paints a guitar " * 2_000, seed=8),  # of 12,000 words
    picture("plms-2-surrogate", 2, prompt="a red \udce9 horse", seed=9),  # as Python reads a byte of a command line that is no UTF-8
)
KNOBS = {
    "steps": ("as_many_as_fit", "asked"),  # 31 steps for 30 asked; asked: diffusers
    "png": ("truncated", "rounded"),  # rounded: diffusers
}
VARIED = ("png",)
vary = rounded_png
