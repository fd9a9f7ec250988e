"""Folders of diffusers that say something else than what they are taken for: refused with file, key and what is expected."""

import importlib
import json
import shutil
from pathlib import Path

import pytest
import toy_checkpoint
from support import trueto

from trueto.checkpoints import open_checkpoint
from trueto.errors import DataError
from trueto.model import Case
from trueto.settings import data_root

pytest.importorskip("diffusers")
SCHEDULER, TEXT, UNET, VAE = "scheduler/scheduler_config.json", "text_encoder/config.json", "unet/config.json", "vae/config.json"
INDEX = "model_index.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The toy checkpoint as diffusers writes it."""
    folder = tmp_path_factory.mktemp("folders")
    return toy_checkpoint.write_folder(folder / "two/folder", toy_checkpoint.write_file(folder / "one"))


@pytest.fixture
def held(whole, tmp_path):
    """A copy of it, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "held"))


def say(file, **said):
    """Put something else into a file; None takes a key away."""
    changed = {**json.loads(file.read_text()), **said}
    file.write_text(json.dumps({key: value for key, value in changed.items() if value != "gone"}))


OTHERWISE = [
    (TEXT, "num_attention_heads", 2, "2", "1"),
    (TEXT, "num_attention_heads", "gone", None, "1"),
    (TEXT, "hidden_act", "gelu", '"gelu"', '"quick_gelu"'),
    (TEXT, "num_hidden_layers", 1, "1", "2"),
    (VAE, "scaling_factor", 0.5, "0.5", "0.18215"),
    (VAE, "layers_per_block", 2, "2", "1"),
    (UNET, "attention_head_dim", [8, 4], "[8, 4]", "8"),
    (UNET, "down_block_types", ["DownBlock2D"] * 2, '["DownBlock2D", "DownBlock2D"]', '["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]'),
    (SCHEDULER, "prediction_type", "v_prediction", '"v_prediction"', '"epsilon"'),
    (SCHEDULER, "beta_start", 0.0001, "0.0001", "0.00085"),
    (SCHEDULER, "beta_start", "gone", None, "0.00085"),
    (SCHEDULER, "beta_end", 0.02, "0.02", "0.012"),
    (SCHEDULER, "beta_schedule", "linear", '"linear"', '"scaled_linear"'),
    (SCHEDULER, "num_train_timesteps", 100, "100", "1000"),
    (SCHEDULER, "timestep_spacing", "trailing", '"trailing"', '"leading"'),
    (INDEX, "scheduler", [None, None], "[null, null]", '["diffusers", "one of its classes"]'),
    (INDEX, "unet", "gone", None, '["diffusers", "UNet2DConditionModel"]'),
    (INDEX, "vae", ["diffusers", "AutoencoderTiny"], '["diffusers", "AutoencoderTiny"]', '["diffusers", "AutoencoderKL"]'),
]


@pytest.mark.parametrize(("file", "key", "value", "seen", "wanted"), OTHERWISE)
def test_a_folder_that_says_otherwise_is_refused(held, file, key, value, seen, wanted):
    """File, key, what it says and what is expected; a key that is not there counts where the libraries then take something else."""
    say(held / file, **{key: value})
    with pytest.raises(DataError) as refused:
        open_checkpoint(held)
    said = (
        f"{held / file}: {key} {'is not there' if seen is None else f'is {seen}'}, and this reference is of Stable Diffusion v1, which has"
    )
    assert f"{said} {wanted} on these weights" == refused.value.message
    assert refused.value.hint.startswith("trueto gate --weights PATH")
    assert 2 == refused.value.exit_code


def test_what_diffusers_leaves_out_or_writes_for_each_level_is_no_other(held):
    """Old folders lack keys whose meaning did not change, and a list of one number for each level says the number."""
    for file, key in ((UNET, "use_linear_projection"), (VAE, "scaling_factor"), (SCHEDULER, "prediction_type"), (TEXT, "hidden_act")):
        say(held / file, **{key: "gone"})
    say(held / UNET, attention_head_dim=[8, 8])
    assert "folder" == open_checkpoint(held).form


def test_parts_that_are_listed_must_be_there(held):
    """A part that the list has and the folder has not; the check of pictures is left out when the folder is loaded, and may be missing."""
    say(held / INDEX, safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"])
    assert "folder" == open_checkpoint(held).form
    shutil.rmtree(held / "scheduler")
    with pytest.raises(DataError, match=r"model_index\.json lists scheduler \(PNDMScheduler\), and there is no .*/scheduler"):
        open_checkpoint(held)


@pytest.mark.parametrize(("file", "text"), [(INDEX, "{\n never"), (INDEX, "[]"), (SCHEDULER, "null"), (UNET, "{")])
def test_files_that_are_no_json_are_named(held, file, text):
    """Each is said by its path, at the gate too, before anything is asked to be recorded."""
    (held / file).write_text(text)
    with pytest.raises(DataError, match=rf"{file.replace('.', '[.]')} cannot be read: .*") as refused:
        open_checkpoint(held)
    assert "--weights PATH of a whole folder of diffusers" == refused.value.hint


def test_the_gate_could_not_judge(held):
    """Exit code 2, as for weights that are damaged, and no verdict on the library."""
    say(held / SCHEDULER, prediction_type="v_prediction")
    done = trueto("gate", "diffusers", "--weights", str(held), cwd=held.parent)
    assert (2, "") == (done.returncode, done.stdout)
    assert "prediction_type is" in done.stderr


def test_in_the_place_of_another_scheduler_stands_the_released_one(held, tmp_path):
    """A folder with Euler's: what it says of training must be right, and how that spaces its steps is nothing that PNDM inherits."""
    torch = pytest.importorskip("torch")
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    from trueto.torch_task import Task

    told = json.loads((held / SCHEDULER).read_text())
    training = {key: told[key] for key in ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps")}
    EulerDiscreteScheduler(**training, timestep_spacing="linspace").save_pretrained(held / "scheduler")
    say(held / INDEX, scheduler=["diffusers", "EulerDiscreteScheduler"])
    case = Case("toy", 1, shape=(1, 4, 8, 8), layers=("pipeline",), weights=str(held))
    task = Task(case, torch.float32, data_root() / "references/stable_diffusion")
    assert task.checkpoint is not None
    module = importlib.import_module("trueto.candidates.diffusers.networks.stable_diffusion")
    scheduler = module._pipeline_of(StableDiffusionPipeline, task, task.checkpoint, tmp_path).scheduler
    assert ("PNDMScheduler", "leading", 1) == (type(scheduler).__name__, scheduler.config.timestep_spacing, scheduler.config.steps_offset)
    say(held / SCHEDULER, prediction_type="v_prediction")
    with pytest.raises(DataError, match="prediction_type"):
        open_checkpoint(held)
