"""Networks of diffusers with the originals' weights: small faults are seen in their block, and bad weights are not taken for good ones."""

from dataclasses import replace

import pytest
from driving_networks import judged, with_other, without

from trueto.fixtures.toys import toy
from trueto.model import Verdict
from trueto.workers.python import _unprepared

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers.loaders import single_file_utils  # noqa: E402 - after the check that it is there

from trueto.candidates.diffusers import ADAPTER  # noqa: E402
from trueto.candidates.diffusers.networks import flux, guided_diffusion  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def eps(path, value):
    """Another epsilon in one normalisation."""

    def change(net):
        net.get_submodule(path).eps = value

    return change


def scaled(path):
    """The weights of one linear layer a thousandth larger."""

    def change(net):
        net.get_submodule(path).weight.data.mul_(1.001)

    return change


@pytest.mark.parametrize(
    ("claim", "change", "first"),
    [
        ("compvis/unet", eps("down_blocks.1.attentions.0.norm", 1e-5), "input_blocks.3"),
        ("compvis/unet", eps("mid_block.resnets.0.norm1", 1e-6), "middle_block"),
        ("compvis/unet", scaled("up_blocks.1.attentions.1.transformer_blocks.0.attn2.to_q"), "output_blocks.3"),
        ("compvis/autoencoder", eps("encoder.mid_block.attentions.0.group_norm", 1e-5), "encoder.mid.attn_1"),
        ("compvis/autoencoder", eps("decoder.up_blocks.1.resnets.0.norm2", 1e-5), "decoder.up.0.block.0"),
        ("generative_models/unet", scaled("add_embedding.linear_2"), "label_emb"),
        ("generative_models/unet", eps("down_blocks.2.attentions.0.transformer_blocks.1.norm3", 1e-6), "input_blocks.5"),
        ("controlnet/controlnet", scaled("controlnet_cond_embedding.conv_out"), "input_hint_block"),
        ("controlnet/controlnet", scaled("controlnet_down_blocks.3"), "added.3"),
        ("sd3/mmdit", eps("transformer_blocks.1.norm2", 1e-5), "joint_blocks.1"),
        ("sd3/mmdit", scaled("transformer_blocks.0.ff_context.net.2"), "joint_blocks.0 context"),
        ("flux/transformer", eps("transformer_blocks.1.attn.norm_added_k", 1e-5), "double_blocks.1"),
        ("flux/transformer", scaled("time_text_embed.guidance_embedder.linear_1"), "guidance_in"),
        ("guided_diffusion/unet", eps("down_blocks.0.downsamplers.0.norm2", 1e-6), "input_blocks.2"),
        ("guided_diffusion/unet", scaled("up_blocks.0.attentions.0.to_k"), "output_blocks.0"),
        ("consistency_models/unet", eps("down_blocks.0.resnets.0.norm1", 1e-6), "input_blocks.1"),
        ("consistency_models/unet", scaled("mid_block.attentions.0.to_v"), "middle_block"),
    ],
)
def test_a_small_fault_is_seen_in_its_block(claim, change, first):
    """An epsilon or a factor that is a little off is a drift, and the verdict names the block that it is in."""
    found = judged(ADAPTER, claim, "imagenet" if claim.startswith("consistency") else "toy", net=change)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith(f"{first} is the first")), found.reason


@pytest.mark.parametrize(
    ("weights", "verdict", "words"),
    [
        (without("middle_block.0.in_layers.2.bias"), Verdict.BROKEN, "without the original's weights: mid_block.resnets.0.conv1.bias"),
        (without("time_embed.0.weight"), Verdict.BROKEN, "without the original's weights: time_embedding.linear_1.weight"),
        (lambda weights: {**weights, "input_blocks.99.weight": torch.ones(3)}, Verdict.FAITHFUL, ""),
        (with_other("out.2.bias", lambda value: value[:3]), Verdict.BROKEN, "conv_out.bias"),
        (with_other("out.2.bias", lambda value: value.double()), Verdict.FAITHFUL, ""),
        (with_other("input_blocks.5.0.in_layers.2.weight", lambda value: value.half()), Verdict.DRIFTED, "input_blocks.5 is the first"),
    ],
    ids=["missing", "missing first", "extra", "shape", "wider", "narrower"],
)
def test_bad_weights(weights, verdict, words):
    """Weights that are missing or have another shape break the cell by name, extra ones change nothing, rounded ones are a drift."""
    found = judged(ADAPTER, "compvis/unet", weights=weights)
    same = Verdict.FAITHFUL if found.verdict.same else found.verdict  # every bit or not: that hangs on the CPU
    assert (verdict, True) == (same, words in found.reason), found.reason


def test_a_version_without_the_network():
    """Where the installed diffusers lacks a network, the worker says so before it runs anything of it."""
    claim = next(claim for claim in ADAPTER.claims if claim.id == "compvis/unet")
    reply = _unprepared(ADAPTER, replace(claim, implementation="UNet9DConditionModel"), set())
    assert (True, True) == (reply["import"], "has no such class: UNet9DConditionModel" in reply["failed"]), reply
    assert {} == _unprepared(ADAPTER, claim, set())


def test_sixteen_bits_of_the_original_hide_no_fault():
    """Consistency models compute attention in 16 bits, which covers a fault of a thousandth in float32; the float64 twin sees it."""
    found = judged(ADAPTER, "consistency_models/unet", "lsun", net=scaled("mid_block.attentions.0.to_v"))
    assert (Verdict.DRIFTED, "algorithm (hidden by float32 rounding)") == (found.verdict, found.cause), found.reason
    assert found.reason.startswith("middle_block is the first that differs from the original in float64 only")


@pytest.mark.parametrize(("case", "same"), [("toy", False), ("new-order", True)])
def test_rows_of_the_legacy_order_are_put_in_order(case, same, monkeypatch):
    """Left as they are the rows of guided-diffusion's usual attention are another network's from the first attention on."""
    whole = guided_diffusion.attention
    monkeypatch.setattr(guided_diffusion, "attention", lambda *said, **_: whole(*said, by_head=False))
    found = judged(ADAPTER, "guided_diffusion/unet", case)
    assert (same, True) == (found.verdict.same, same or found.reason.startswith("input_blocks.3 is the first")), found.reason


def test_controlnet_cannot_read_an_original_configuration(monkeypatch):
    """ControlNetModel.from_single_file raises with an original configuration because the checkpoint is not passed on."""
    from diffusers import ControlNetModel

    stages = {"control_stage_config": toy("controlnet/control"), "unet_config": toy("controlnet/unet")}
    first = {"ddconfig": toy("compvis/autoencoder")}
    config = {"model": {"params": {name: {"params": params} for name, params in {**stages, "first_stage_config": first}.items()}}}
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'checkpoint'"):
        ControlNetModel.from_single_file({}, original_config=config)
    read = single_file_utils.create_unet_diffusers_config_from_ldm
    monkeypatch.setattr(single_file_utils, "create_unet_diffusers_config_from_ldm", lambda original, **rest: read(original, {}, **rest))
    found = single_file_utils.create_controlnet_diffusers_config_from_ldm(config, {})
    assert ([32, 64, 64], 3) == (found["block_out_channels"], found["conditioning_channels"])


def test_flux_is_converted_at_one_width_only(monkeypatch):
    """FLUX.1's weights are split at 3072 whatever their width: of another width none can be loaded until that number is another."""
    assert judged(ADAPTER, "flux/transformer").verdict.same
    monkeypatch.setattr(flux, "conversion", lambda _: getattr(single_file_utils, flux.NAME))
    found = judged(ADAPTER, "flux/transformer")
    assert (Verdict.BROKEN, True) == (found.verdict, "3072, 3072, 3072, 12288" in found.reason), found.reason
