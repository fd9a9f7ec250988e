"""The adapter's loops for flow matching make the network calls of diffusers' own StableDiffusion3Pipeline and FluxPipeline, bit for bit."""

import contextlib
from types import SimpleNamespace

import pytest

from trueto.fixtures import network, schedule, start_noise
from trueto.model import Case

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers", reason="diffusers' pipeline imports it: pip install transformers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (2, 4, 4, 3)
TOKENS = 12  # of the toy picture, as FluxPipeline counts them


class Transformer(torch.nn.Module):
    """The closed-form network in the place of a transformer: conditionings are the marks 0 and 1. Keeps what it is called with."""

    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(self, case):
        super().__init__()
        self.net = network(case.network, schedule(case.schedule), case.parameterization)
        self.config = SimpleNamespace(
            in_channels=SHAPE[1], sample_size=8, patch_size=1, guidance_embeds=False, joint_attention_dim=1, _diffusers_version="0.42.1"
        )
        self.guided = case.guidance is not None
        self.calls = []

    def cache_context(self, _):
        """FluxPipeline names its branches."""
        return contextlib.nullcontext()

    def forward(self, hidden_states, timestep, encoder_hidden_states=None, **_):
        """As the pipelines call it: Flux with tokens (B, N, C) in the place of a picture."""
        marks = encoder_hidden_states.reshape(-1) if self.guided else None
        return (self.answer(hidden_states.reshape(-1, *SHAPE[1:]), timestep, marks).reshape(hidden_states.shape),)

    def answer(self, x, t, marks=None):
        """The prediction for x (B, C, H, W), as `Run.network` gives it."""
        times = t.reshape(-1).double().expand(len(x))
        self.calls.append((x.numpy().tobytes(), float(times[0])))
        out = self.net(x.double().numpy(), times.numpy(), None if marks is None else marks.double().numpy())
        return torch.from_numpy(out).to(x.dtype)


def by_adapter(claim, case):
    """Calls and final latents of the adapter's loop."""
    from trueto.candidates.diffusers.adapter import ADAPTER
    from trueto.interpose import NoiseSource
    from trueto.torch_run import Run

    model = Transformer(case)
    run = Run(case, model.net, schedule(case.schedule), torch.float32, start_noise(case.seed, case.shape), NoiseSource(None))
    run.network = lambda x, t, marks=None: model.answer(x, t, None if marks is None else marks.reshape(-1))
    with torch.no_grad():
        ADAPTER.sample(claim, run, {})
    return model.calls, run.observation.sample


def by_pipeline(name, claim, case):
    """The same by diffusers' own pipeline, configured alike."""
    import inspect

    import diffusers

    from trueto.candidates.diffusers.adapter import ADAPTER

    model, kind = Transformer(case), getattr(diffusers, name)
    scheduler = getattr(diffusers, claim.implementation).from_config(ADAPTER.settings(claim, case))
    parts = {key: None for key in inspect.signature(kind.__init__).parameters if key != "self"}
    pipeline = kind(**{**parts, "transformer": model, "scheduler": scheduler})
    pipeline.set_progress_bar_config(disable=True)
    latents, size = torch.from_numpy(start_noise(case.seed, case.shape)).clone(), SHAPE[0]
    arguments = {"prompt_embeds": torch.ones(size, 1, 1), "pooled_prompt_embeds": torch.ones(size, 1)}
    if name == "FluxPipeline":
        latents = latents.reshape(size, TOKENS, -1)
    else:
        arguments |= {"negative_prompt_embeds": torch.zeros(size, 1, 1), "negative_pooled_prompt_embeds": torch.zeros(size, 1)}
        arguments["guidance_scale"] = 1.0 if case.guidance is None else case.guidance
    height, width = (side * pipeline.vae_scale_factor for side in SHAPE[2:])
    out = pipeline(**arguments, num_inference_steps=case.steps, latents=latents, height=height, width=width, output_type="latent")
    return model.calls, out.images.reshape(SHAPE).numpy()


CASES = (
    ("StableDiffusion3Pipeline", "sd3/euler", {}, None, "flow1000"),
    ("StableDiffusion3Pipeline", "sd3/euler", {}, 5.0, "flow1000"),
    ("FluxPipeline", "flux/denoise", {"image_seq_len": TOKENS}, None, "flow"),
    ("FluxPipeline", "flux/denoise@schnell", {"image_seq_len": TOKENS, "shift": False}, None, "flow"),
)


@pytest.mark.parametrize(("name", "claim_id", "options", "guidance", "levels"), CASES)
def test_loop_makes_the_pipelines_calls(name, claim_id, options, guidance, levels):
    """With the same start latents both call the network with the same bits and times, and end with the same latents."""
    from trueto.candidates.diffusers.claims import CLAIMS

    claim = next(claim for claim in CLAIMS if claim.id == claim_id)
    case = Case(
        "x", 7, grid="released", schedule=levels, parameterization="flow", options=options, guidance=guidance, network="smooth", shape=SHAPE
    )
    calls, sample = by_adapter(claim, case)
    piped, image = by_pipeline(name, claim, case)
    assert case.steps == len(piped)
    assert piped == calls
    assert image.tobytes() == sample.tobytes()
