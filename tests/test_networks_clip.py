"""CLIP in transformers with the original's weights: what goes wrong with it in practice is seen, and where."""

import pytest
from driving_networks import judged, with_other, without

from trueto.model import Verdict

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import activations  # noqa: E402 - after the check that it is there

from trueto.candidates.transformers import ADAPTER  # noqa: E402


def usual_gelu(net):
    """GELU where CLIP has its own approximation: a configuration without `hidden_act` that was written for another CLIP."""
    for part in (net.text_model, net.vision_model):
        for layer in part.encoder.layers:
            layer.mlp.activation_fn = torch.nn.GELU()


def quick_gelu(net):
    """CLIP's own approximation where open_clip has GELU: the default of CLIPConfig."""
    for part in (net.text_model, net.vision_model):
        for layer in part.encoder.layers:
            layer.mlp.activation_fn = activations.ACT2FN["quick_gelu"]


def end_mark_of_old(net):
    """An end mark of another vocabulary, as checkpoints from before 2023 have it: then the first row stands for the sentence."""
    net.text_model.eos_token_id = 5000


def without_norm(net):
    """The pictures' rows as they come, without the normalisation before the first block."""
    net.vision_model.pre_layrnorm.weight.data.fill_(1.0)


@pytest.mark.parametrize(
    ("claim", "case", "change", "first"),
    [
        ("openai_clip/text", "ends-after", usual_gelu, "transformer.resblocks.0"),
        ("openai_clip/text", "zeros-after", end_mark_of_old, "features"),
        ("openai_clip/image@eager", "toy", usual_gelu, "visual.transformer.resblocks.0"),
        ("openai_clip/image", "toy", without_norm, "visual.ln_pre"),
        ("open_clip/text", "zeros-after", quick_gelu, "transformer.resblocks.0"),
        ("open_clip/image", "toy", quick_gelu, "visual.transformer.resblocks.0"),
    ],
)
def test_a_fault_is_seen_in_its_part(claim, case, change, first):
    """Another activation, end mark or normalisation is a drift from the part on that it is in."""
    found = judged(ADAPTER, claim, case, net=change)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith(f"{first} is the first")), found.reason


@pytest.mark.parametrize(
    ("weights", "verdict", "words"),
    [
        (lambda weights: weights, True, ""),
        (without("visual.ln_post.bias"), Verdict.BROKEN, "without the original's weights: vision_model.post_layernorm.bias"),
        (lambda weights: {**weights, "visual.head.weight": torch.ones(3)}, True, ""),
        (with_other("ln_final.weight", lambda value: value[:-1]), Verdict.BROKEN, "final_layer_norm.weight"),
        (with_other("text_projection", lambda value: value.half()), Verdict.DRIFTED, "features is the first"),
    ],
    ids=["whole", "missing", "extra", "shape", "narrower"],
)
def test_bad_weights(weights, verdict, words):
    """Weights that are missing or have another shape break the cell by name, extra ones change nothing, rounded ones are a drift."""
    found = judged(ADAPTER, "openai_clip/text", "zeros-after", weights=weights)
    assert (verdict, True) == (found.verdict.same or found.verdict, words in found.reason), found.reason
