"""The adapter's loop makes the network calls of diffusers' own StableDiffusionPipeline, bit for bit."""

import logging

import pytest

from trueto.fixtures import network, schedule, start_noise
from trueto.model import Case

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers", reason="diffusers' pipeline imports it: pip install transformers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (2, 4, 4, 3)
DETERMINISTIC = (
    "compvis/plms",
    "compvis/ddim",
    "k_diffusion/euler",
    "k_diffusion/dpmpp_2m",
    "k_diffusion/heun",
    "k_diffusion/dpm_2",
    "k_diffusion/lms",
)


class Unet(torch.nn.Module):
    """The closed-form network in the place of a U-Net: conditionings are the marks 0 and 1. Keeps what it is called with."""

    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(self, case):
        super().__init__()
        from types import SimpleNamespace

        self.net = network(case.network, schedule(case.schedule), case.parameterization)
        self.config = SimpleNamespace(in_channels=SHAPE[1], sample_size=8, time_cond_proj_dim=None, _diffusers_version="0.42.1")
        self.guided = case.guidance is not None
        self.calls = []

    def forward(self, x, t, encoder_hidden_states, **_):
        """As the pipeline calls it."""
        marks = encoder_hidden_states.reshape(-1) if self.guided else None
        return (self.answer(x, t, marks),)

    def answer(self, x, t, marks):
        """The prediction for x (B, C, H, W), as `Run.network` gives it."""
        self.calls.append((x.numpy().tobytes(), float(t), None if marks is None else tuple(marks.tolist())))
        out = self.net(
            x.double().numpy(),
            torch.full((len(x),), float(t), dtype=torch.float64).numpy(),
            None if marks is None else marks.double().numpy(),
        )
        return torch.from_numpy(out).to(x.dtype)


def claimed(claim_id):
    """A claim of the diffusers adapter."""
    from trueto.candidates.diffusers.claims import CLAIMS

    return next(claim for claim in CLAIMS if claim.id == claim_id)


def by_adapter(claim, case, *, seeded):
    """Calls and final latents of the adapter's loop."""
    from trueto.candidates.diffusers.adapter import ADAPTER
    from trueto.interpose import NoiseSource
    from trueto.torch_run import Run

    unet = Unet(case)
    run = Run(case, unet.net, schedule(case.schedule), torch.float32, start_noise(case.seed, case.shape), NoiseSource(None), seeded=seeded)
    run.network = lambda x, t, marks=None: unet.answer(x, t, None if marks is None else marks.reshape(-1))
    torch.manual_seed(case.seed)
    with torch.no_grad():
        ADAPTER.sample(claim, run, {})
    return unet.calls, run.observation.sample


def by_pipeline(claim, case, *, seeded):
    """The same by diffusers' own pipeline, configured alike."""
    import diffusers

    from trueto.candidates.diffusers.adapter import ADAPTER

    logging.getLogger("diffusers").setLevel(logging.ERROR)
    unet = Unet(case)
    scheduler = getattr(diffusers, claim.implementation).from_config(ADAPTER.settings(claim, case))
    nothing = dict.fromkeys(("vae", "text_encoder", "tokenizer", "safety_checker", "feature_extractor", "image_encoder"))
    pipeline = diffusers.StableDiffusionPipeline(unet=unet, scheduler=scheduler, requires_safety_checker=False, **nothing)
    pipeline.set_progress_bar_config(disable=True)
    batch, _, height, width = case.shape
    factor = pipeline.vae_scale_factor
    out = pipeline(
        prompt_embeds=torch.ones(batch, 1, 1),
        negative_prompt_embeds=torch.zeros(batch, 1, 1),
        num_inference_steps=case.steps,
        guidance_scale=1.0 if case.guidance is None else case.guidance,
        eta=case.options.get("eta", 0.0),
        latents=None if seeded else torch.from_numpy(start_noise(case.seed, case.shape)).clone(),
        generator=torch.Generator().manual_seed(case.seed) if seeded else None,
        height=height * factor,
        width=width * factor,
        output_type="latent",
    )
    return unet.calls, out.images.numpy()


def same(claim_id, case, *, seeded=False):
    """Both made the same calls and ended with the same latents."""
    claim = claimed(claim_id)
    calls, sample = by_adapter(claim, case, seeded=seeded)
    piped, image = by_pipeline(claim, case, seeded=seeded)
    assert len(piped) == len(calls) >= case.steps
    assert [] == [i for i, (theirs, ours) in enumerate(zip(piped, calls, strict=True)) if theirs != ours]
    assert image.tobytes() == sample.tobytes()


@pytest.mark.parametrize("guidance", [None, 7.5])
@pytest.mark.parametrize("claim_id", DETERMINISTIC)
def test_loop_makes_the_pipelines_calls(claim_id, guidance):
    """With the same start latents both call the network with the same bits and times, and end with the same latents."""
    grid = "uniform" if claim_id.startswith("compvis/") else "model"
    same(claim_id, Case("x", 7, grid=grid, guidance=guidance, shape=SHAPE))


@pytest.mark.parametrize("claim_id", ["compvis/ddim", "k_diffusion/euler_ancestral", "k_diffusion/dpmpp_2m_sde"])
def test_loop_draws_the_pipelines_noise(claim_id):
    """From the same seed both draw the same start and the same noise in each step."""
    ddim = claim_id == "compvis/ddim"
    case = Case("x", 6, grid="uniform" if ddim else "model", shape=SHAPE, options={"eta": 1.0} if ddim else {})
    same(claim_id, case, seeded=True)


def test_karras_levels_reach_the_pipeline():
    """The same on Karras levels."""
    same("k_diffusion/dpmpp_2m", Case("x", 6, grid="karras", shape=SHAPE))


def test_equivalence_can_fail():
    """Another start is seen: the comparison does not always say yes."""
    claim = claimed("k_diffusion/euler")
    calls, _ = by_adapter(claim, Case("x", 3, shape=SHAPE), seeded=False)
    piped, _ = by_pipeline(claim, Case("x", 3, shape=SHAPE, seed=1), seeded=False)
    assert calls[0] != piped[0]
