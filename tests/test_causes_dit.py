"""Why DiT in diffusers is not the original's: two constants, and a pipeline that guides one channel more; each proven by an experiment."""

from types import SimpleNamespace

import pytest
from driving_networks import judged

from trueto.candidates import ledger_path
from trueto.model import Verdict
from trueto.running.ledger import load_ledger

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from trueto.candidates.diffusers import ADAPTER  # noqa: E402 - after the check that its library is there


def exact_time(net):
    """The original's frequencies in every block's embedder of times."""
    for block in net.transformer_blocks:
        block.norm1.emb.time_proj.downscale_freq_shift = 0


def exact_eps(net):
    """The original's epsilon in the second LayerNorm of every block."""
    for block in net.transformer_blocks:
        block.norm3.eps = 1e-6


def both(net):
    """Both."""
    exact_time(net)
    exact_eps(net)


@pytest.mark.parametrize(
    ("change", "same", "first"),
    [(lambda _: None, False, "t_embedder"), (exact_time, False, "blocks.0"), (exact_eps, False, "t_embedder"), (both, True, "")],
    ids=["as it is", "time", "epsilon", "both"],
)
def test_two_constants_are_the_whole_difference(change, same, first):
    """With 128 in the place of 127 and 1e-6 in the place of 1e-5 the network is the original's; with one of them it is not."""
    found = judged(ADAPTER, "dit/dit", net=change)
    assert (same, True) == (found.verdict.same, same or found.reason.startswith(f"{first} is the first")), found.reason


@pytest.mark.parametrize("claim", ["dit/dit", "dit/dit@norm_eps=1e-6"])
def test_the_ledger_names_them(claim):
    """As released both constants are declared, with the original's epsilon one of them, and neither holds for anything else."""
    ledger = load_ledger(ledger_path("diffusers"), "diffusers")
    assert Verdict.DECLARED is judged(ADAPTER, claim, ledger=ledger).verdict
    assert Verdict.STALE is judged(ADAPTER, claim, ledger=ledger, net=both).verdict
    assert Verdict.STALE is judged(ADAPTER, claim, ledger=ledger, net=exact_time).verdict


def test_the_pipeline_guides_four_channels():
    """DiTPipeline guides all four channels of the noise; the original's forward_with_cfg guides three, and leaves the fourth as it is."""
    from diffusers import DiTPipeline

    answer, seen = torch.arange(16.0).reshape(2, 8, 1, 1), []

    class Transformer:
        config = SimpleNamespace(sample_size=1, in_channels=4, out_channels=8)
        dtype = torch.float32

        def __call__(self, *_, **__):
            return SimpleNamespace(sample=answer)

    def step(noise, _, latents):
        seen.append(noise)
        return SimpleNamespace(prev_sample=latents)

    nothing = {"set_timesteps": lambda _: None, "scale_model_input": lambda x, _: x}
    scheduler = SimpleNamespace(timesteps=[torch.tensor(1)], step=step, **nothing)
    vae = SimpleNamespace(config=SimpleNamespace(scaling_factor=1.0), decode=lambda z: SimpleNamespace(sample=z))
    unused = {"_execution_device": torch.device("cpu"), "progress_bar": list, "maybe_free_model_hooks": lambda: None}
    pipeline = SimpleNamespace(transformer=Transformer(), scheduler=scheduler, vae=vae, **unused)
    DiTPipeline.__call__(pipeline, [3], guidance_scale=4.0, output_type="pt")
    cond, uncond = answer[0, :4, 0, 0], answer[1, :4, 0, 0]
    guided = uncond + 4.0 * (cond - uncond)
    assert guided.tolist() == seen[0][0, :, 0, 0].tolist()
    assert guided[3] != cond[3]  # which is what the original has there
