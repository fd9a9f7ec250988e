"""The example that a library publishes is run out of a clone: unchanged, on the recorded cases, with every difference seen."""

import json

import pytest
from support import lines, trueto

from trueto.errors import NothingSelected, UsageError
from trueto.model import Claim
from trueto.running.plan import Selection
from trueto.running.published import planned_of_examples

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

PLACE = "examples/dreambooth/train_dreambooth.py"
# What the published script is to the harness, in a script of our own: the same names, the same training step.
SCRIPT = """
import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import ProjectConfiguration, set_seed
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torchvision import transforms
from transformers import AutoTokenizer

log = get_logger(__name__)


def import_model_class_from_model_name_or_path(path):
    raise RuntimeError("a text encoder would be fetched")


class DreamBoothDataset:
    def __init__(self, **_):
        raise RuntimeError("pictures would be read")


def collate(examples):
    sides = ("instance", "class")
    pictures = torch.stack([example[f"{side}_images"] for side in sides for example in examples]).float()
    return pictures, torch.cat([example[f"{side}_prompt_ids"] for side in sides for example in examples])


def parse_args(words):
    parser = argparse.ArgumentParser()
    for name in ("pretrained_model_name_or_path", "instance_data_dir", "class_data_dir", "output_dir", "instance_prompt", "class_prompt"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--with_prior_preservation", action="store_true")
    for name in ("num_class_images", "train_batch_size", "max_train_steps"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("learning_rate", "prior_loss_weight"):
        parser.add_argument(f"--{name}", type=float)
    return parser.parse_args(words)


def main(args):
    accelerator = Accelerator(project_config=ProjectConfiguration(project_dir=args.output_dir))
    log.info(accelerator.state, main_process_only=False)
    accelerator.register_save_state_pre_hook(None)
    AutoTokenizer.from_pretrained(args.pretrained_model_name_or_path)
    assert (Path(args.pretrained_model_name_or_path) / "vae" / AutoencoderKL.config_name).is_file()
    scheduler = DDPMScheduler.from_pretrained(args.pretrained_model_name_or_path, subfolder="scheduler")
    text, vae = import_model_class_from_model_name_or_path("").from_pretrained(""), AutoencoderKL.from_pretrained("")
    unet = UNet2DConditionModel.from_pretrained("")
    if unet.dtype != torch.float32:
        raise ValueError("not in full precision")
    optimizer = torch.optim.AdamW(unet.parameters(), lr=args.learning_rate, weight_decay=1e-2)
    loader = torch.utils.data.DataLoader(DreamBoothDataset(), batch_size=args.train_batch_size, shuffle=True, collate_fn=collate)
    unet, optimizer, loader = accelerator.prepare(unet, optimizer, loader)
    unet.train()
    for pictures, words in loader:
        with accelerator.accumulate(unet):
            latents = vae.encode(pictures).latent_dist.sample() * vae.config.scaling_factor
            noise = torch.randn_like(latents)
            times = torch.randint(0, 1000, (len(latents),)).long()
            answer = unet(scheduler.add_noise(latents, noise, times), times, text(words)[0], return_dict=False)[0]
            own, prior = (F.mse_loss(*pair) for pair in zip(answer.chunk(2), noise.chunk(2), strict=True))
            accelerator.backward(own + WEIGHT * prior)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(unet.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    accelerator.end_training()
"""


@pytest.fixture
def clone(tmp_path):
    """A folder with a script where a clone of diffusers has its own; returns a function that writes it."""

    def write(weight):
        (tmp_path / "clone" / PLACE).parent.mkdir(parents=True)
        (tmp_path / "clone" / PLACE).write_text(SCRIPT.replace("WEIGHT", weight))
        return tmp_path / "clone"

    return write


@pytest.mark.parametrize(("weight", "ends", "verdicts"), [("args.prior_loss_weight", 0, {"declared"}), ("2", 1, {"stale"})])
def test_an_example_is_run_out_of_a_clone(clone, tmp_path, weight, ends, verdicts):
    """Its step is the declared one, also in float64; another weight of the second error is seen in the first loss."""
    done = trueto("gate", "diffusers", "--source", str(clone(weight)), "--jobs", "1", "--record", "r.jsonl", cwd=tmp_path)
    assert ends == done.returncode, done.stdout + done.stderr
    header, *events = lines(tmp_path / "r.jsonl")
    cells = [event for event in events if event["event"] == "cell"]
    assert {"toy", "prior-half"} == {cell["case"] for cell in cells}
    assert verdicts == {cell["verdict"] for cell in cells}
    assert all(cell["evidence"]["twin"]["valid"] for cell in cells)
    assert all(f"--source {tmp_path / 'clone'}" in cell["evidence"]["command"] for cell in cells)
    assert {f"{PLACE} itself"} == {cell["evidence"]["settings"]["step"] for cell in cells}
    assert [PLACE] == list(header["examples"])
    assert str(tmp_path) not in json.dumps(header)
    if ends:
        assert all("loss 0 is the first that differs" in cell["reason"] for cell in cells)


def test_a_clone_without_the_example_is_refused(tmp_path):
    """Before anything runs, with what to give instead; and whoever claims no example is told so."""
    claim = Claim("dreambooth/training_step", "dreambooth/training_step", "i", "s", "q", settings={"network": {"example": PLACE}})
    with pytest.raises(UsageError, match="expected a clone of the repository of mine"):
        planned_of_examples("mine", [claim], Selection(source=str(tmp_path)))
    with pytest.raises(NothingSelected, match="no claim of mine names an example"):
        planned_of_examples("mine", [], Selection(source=str(tmp_path)))
    with pytest.raises(NothingSelected, match="with --source only dreambooth/training_step can be run"):
        planned_of_examples("mine", [claim], Selection(source=str(tmp_path), layers=("module",)))
