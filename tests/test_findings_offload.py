"""docs/findings/group-offload-to-disk.md: what diffusers' group offloading to disk does to a second model."""

import json
import subprocess
import sys

import pytest

ACCELERATE = "accelerate==1.12.0"
PROGRAM = """
import json
import sys

import torch
from diffusers import AutoencoderKL


def model(seed):
    torch.manual_seed(seed)
    return AutoencoderKL(block_out_channels=(8,), norm_num_groups=2, layers_per_block=1).eval()


x, answers = torch.ones(1, 3, 8, 8), []
for seed, folder in enumerate(sys.argv[2:]):
    with torch.no_grad():
        right = model(seed).encode(x).latent_dist.mean
        offloaded = model(seed)
        more = {"num_blocks_per_group": 1} if sys.argv[1] == "block_level" else {}
        offloaded.enable_group_offload(torch.device("cpu"), offload_type=sys.argv[1], offload_to_disk_path=folder, **more)
        answers.append((right.tolist(), offloaded.encode(x).latent_dist.mean.tolist()))
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def accelerate(tmp_path_factory):
    """A folder with accelerate, which is not installed here: with it diffusers loads models in another way."""
    folder = tmp_path_factory.mktemp("accelerate")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), ACCELERATE], check=True)
    return folder


def run(accelerate, program, *said):
    """What a program prints in an environment that has accelerate."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, said)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(accelerate), "PATH": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def answers(accelerate, kind, *folders):
    """For each folder what a model with other weights gives, as (without offloading, offloaded to it)."""
    return run(accelerate, PROGRAM, kind, *folders)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["leaf_level", "block_level"])
def test_a_second_model_in_one_folder_computes_with_the_weights_of_the_first(accelerate, tmp_path, kind):
    """Its latents are those of the first, bit by bit, and not its own."""
    (first, offloaded), (own, second) = answers(accelerate, kind, tmp_path, tmp_path)
    assert first == offloaded == second
    assert own != first


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["leaf_level", "block_level"])
def test_a_folder_of_its_own_changes_nothing(accelerate, tmp_path, kind):
    """Each model gives what it gives without offloading."""
    for own, offloaded in answers(accelerate, kind, tmp_path / "one", tmp_path / "two"):
        assert own == offloaded


IN_MEMORY = """
import json
import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.hooks.group_offloading import ModuleGroup

onloaded = []
whole = ModuleGroup.onload_
ModuleGroup.onload_ = lambda self: (onloaded.append(1), whole(self))[1]
small = {"block_out_channels": (8, 8), "norm_num_groups": 2, "layers_per_block": 1}
kinds = {
    "unet": lambda: UNet2DConditionModel(
        **small,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=2,
    ),
    "autoencoder": lambda: AutoencoderKL(
        **small, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2
    ),
}
asked = {
    "unet": lambda net: net(torch.ones(1, 4, 8, 8), 7, encoder_hidden_states=torch.ones(1, 3, 8)).sample,
    "autoencoder": lambda net: net.decode(torch.ones(1, 4, 4, 4)).sample,
}
answers = {}
for name, made in kinds.items():
    torch.manual_seed(0)
    onloaded.clear()
    net = made().eval()
    with torch.no_grad():
        right, before = asked[name](net), len(onloaded)
        more = {"num_blocks_per_group": 1} if sys.argv[1] == "block_level" else {}
        net.enable_group_offload(torch.device("cpu"), offload_type=sys.argv[1], **more)
        found = asked[name](net)
    answers[name] = [right.numpy().tobytes().hex(), found.numpy().tobytes().hex(), before, len(onloaded)]
print(json.dumps(answers))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["leaf_level", "block_level"])
def test_group_offloading_in_memory_changes_no_bit(accelerate, kind):
    """U-Net and autoencoder give what they give without it, and groups of weights were brought in for that."""
    for right, offloaded, before, after in run(accelerate, IN_MEMORY, kind).values():
        assert right == offloaded
        assert 0 == before < after


PIPELINE = """
import json
import sys

import accelerate
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

brought_in = []
whole = accelerate.hooks.CpuOffload.pre_forward
accelerate.hooks.CpuOffload.pre_forward = lambda hook, net, *given, **named: (
    brought_in.append(type(net).__name__), whole(hook, net, *given, **named)
)[1]
torch.manual_seed(0)
small = {"block_out_channels": (8, 8), "norm_num_groups": 2, "layers_per_block": 1}
unet = UNet2DConditionModel(
    **small,
    sample_size=8,
    down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    cross_attention_dim=8,
    attention_head_dim=2,
)
autoencoder = AutoencoderKL(
    **small, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2
)
words = torch.randn(2, 3, 8)
pipe = StableDiffusionPipeline(
    autoencoder, None, None, unet, DDIMScheduler(clip_sample=False), None, None, requires_safety_checker=False
)


def picture():
    return pipe(
        prompt_embeds=words[:1],
        negative_prompt_embeds=words[1:],
        num_inference_steps=3,
        output_type="np",
        generator=torch.Generator().manual_seed(1),
    ).images.tobytes().hex()


right, before = picture(), len(brought_in)
getattr(pipe, f"enable_{sys.argv[1]}_cpu_offload")(device="cpu")
try:
    found = [picture(), picture()]  # the second after the pipeline has let go of its networks
except TypeError as error:
    found = [f"TypeError: {error}"]
print(json.dumps([right, found, before, brought_in]))
"""


@pytest.mark.slow
def test_model_offloading_of_a_whole_pipeline_changes_no_bit(accelerate):
    """Its own pictures, each network brought in by accelerate's hook: the U-Net at each of three steps, then the autoencoder, twice."""
    right, found, before, brought_in = run(accelerate, PIPELINE, "model")
    assert [right, right] == found
    assert 0 == before
    assert [*["UNet2DConditionModel"] * 3, "AutoencoderKL"] * 2 == brought_in


@pytest.mark.slow
def test_sequential_offloading_cannot_run_where_the_weights_lie_already(accelerate):
    """On a CPU accelerate puts a plain tensor where a parameter was, and stumbles over it: this switch needs another device."""
    _, (found,), _, _ = run(accelerate, PIPELINE, "sequential")
    assert found.startswith("TypeError: new() received an invalid combination of arguments")


@pytest.mark.slow
def test_without_accelerate_the_first_call_raises():
    """A name is used that only accelerate brings."""
    hidden = f"import sys; sys.modules['accelerate'] = None; sys.argv = ['-c', 'leaf_level', '/tmp/unused']\n{PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", hidden.replace(", offload_to_disk_path=folder", "")], capture_output=True, text=True, check=False
    )
    assert "NameError: name 'send_to_device' is not defined" in done.stderr
