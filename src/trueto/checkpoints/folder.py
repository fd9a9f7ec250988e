"""A folder as diffusers writes it: the weights of its networks, and what its configurations say, which must be what they are taken for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueto.checkpoints import stable_diffusion_v1 as v1
from trueto.checkpoints.files import INDEX, Stored, refuse_pickle, stored_tensors
from trueto.errors import DataError, UsageError

__all__ = ["expect_said", "read_index", "read_weights"]

WHOLE = "--weights PATH of a whole folder of diffusers"
CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}
NEEDED = ("scheduler", "tokenizer", *CLASSES)
UNASKED = ("safety_checker", "tokenizer")  # the one is left out when the folder is loaded, of the other is said how to write it
PNDM = "PNDMScheduler"  # is used as the folder has it; in the place of another stands the released one

# What no shape tells. Where a file says nothing of one of the first, the libraries take something else; of the others, just this.
SAID: dict[str, dict[str, Any]] = {
    "scheduler": {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"},
    PNDM: {"skip_prk_steps": True},
}
UNLESS_SAID: dict[str, dict[str, Any]] = {
    "scheduler": {"num_train_timesteps": 1000, "prediction_type": "epsilon", "trained_betas": None, "rescale_betas_zero_snr": False},
    PNDM: {"set_alpha_to_one": False, "timestep_spacing": "leading"},
    "text_encoder": {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5},
    "unet": {
        "attention_head_dim": v1.HEADS,  # their number, by an old mistake that diffusers keeps
        "num_attention_heads": None,
        "transformer_layers_per_block": 1,
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "act_fn": "silu",
        "norm_eps": 1e-5,
        "norm_num_groups": 32,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "center_input_sample": False,
        "downsample_padding": 1,
        "mid_block_scale_factor": 1,
        "resnet_time_scale_shift": "default",
        "use_linear_projection": False,
        "dual_cross_attention": False,
        "only_cross_attention": False,
    },
    "vae": {"scaling_factor": 0.18215, "shift_factor": None, "act_fn": "silu", "norm_num_groups": 32, "mid_block_add_attention": True},
}


def read_index(path: Path) -> dict[str, Any]:
    """The folder's list of its parts; UsageError where it is none, DataError where the list cannot be read."""
    if not (path / INDEX).is_file():
        raise UsageError(f"{path} is not a checkpoint: it has no {INDEX}, which diffusers writes", "--weights FILE.safetensors")
    return _read(path / INDEX)


def _read(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}", WHOLE) from error
    if not isinstance(said, dict):
        raise DataError(f"{file} cannot be read: an object of names and values is expected, as diffusers writes it", WHOLE)
    return said


def read_weights(path: Path) -> tuple[dict[str, Stored], str]:
    """The tensors of the three networks under their released names, in the shapes that they have there; diffusers' word for the variant."""
    tensors: dict[str, Stored] = {}
    variants = set[str]()
    for folder, part in v1.FOLDERS.items():
        file, variant = _weights_file(path / folder)
        variants.add(variant)
        held = stored_tensors(file)
        names = v1.renamed(part, held)
        tensors |= {names[name]: stored for name, stored in held.items()}
    if len(variants) > 1:
        said = f"{path}: its networks lie there as different variants ({', '.join(sorted(v or 'plain' for v in variants))})"
        raise DataError(said, "--weights PATH of a folder in one variant")
    return tensors, variants.pop()


def _weights_file(folder: Path) -> tuple[Path, str]:
    """The weights of one network, and diffusers' word for their variant: the plain ones where there are any, else the only ones."""
    files = sorted(folder.glob("*.safetensors"))
    plain = [file for file in files if file.stem.count(".") == 0]
    chosen = plain or files
    if len(chosen) == 1:
        return chosen[0], chosen[0].stem.partition(".")[2]
    if not files:
        for file in sorted(folder.glob("*.bin")):
            refuse_pickle(file)
    seen = ", ".join(file.name for file in files) or "none"
    raise DataError(f"{folder} has not one safetensors file of weights: {seen}", "--weights PATH of a folder with one for each network")


def expect_said(path: Path, index: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]]) -> None:
    """DataError where the folder says, in its list or in a configuration, that it is something else than what it is taken for."""
    listed = {name: said for name, said in index.items() if isinstance(said, list) and any(said)}
    for name in NEEDED:
        if name not in listed:
            raise _otherwise(path / INDEX, index, name, ["diffusers", CLASSES.get(name, "one of its classes")])
    for name, said in listed.items():
        if name in CLASSES and said[-1] != CLASSES[name]:
            raise _otherwise(path / INDEX, index, name, [said[0], CLASSES[name]])
        if name not in UNASKED and not (path / name).is_dir():
            raise DataError(f"{path / INDEX} lists {name} ({said[-1]}), and there is no {path / name}", WHOLE)
    _expect(path / "scheduler/scheduler_config.json", SAID["scheduler"], UNLESS_SAID["scheduler"])
    if listed["scheduler"][-1] == PNDM:
        _expect(path / "scheduler/scheduler_config.json", SAID[PNDM], UNLESS_SAID[PNDM])
    for name, wanted in _of_sizes(sizes).items():
        _expect(path / name / "config.json", wanted, UNLESS_SAID[name])


def _of_sizes(sizes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What shapes tell, in the words of diffusers and transformers: a library that is told of fewer layers leaves weights out."""
    unet, vae, text = (sizes[part] for part in ("unet", "autoencoder", "text"))
    kinds = ["CrossAttn" if 2**level in unet["attention_resolutions"] else "" for level in range(len(unet["channel_mult"]))]
    levels = len(vae["ch_mult"])
    return {
        "unet": {
            "in_channels": unet["in_channels"],
            "out_channels": unet["out_channels"],
            "block_out_channels": [factor * unet["model_channels"] for factor in unet["channel_mult"]],
            "layers_per_block": unet["num_res_blocks"],
            "cross_attention_dim": unet["context_dim"],
            "down_block_types": [f"{kind}DownBlock2D" for kind in kinds],
            "up_block_types": [f"{kind}UpBlock2D" for kind in reversed(kinds)],
        },
        "vae": {
            "in_channels": vae["in_channels"],
            "out_channels": vae["out_ch"],
            "latent_channels": vae["z_channels"],
            "block_out_channels": [factor * vae["ch"] for factor in vae["ch_mult"]],
            "layers_per_block": vae["num_res_blocks"],
            "down_block_types": ["DownEncoderBlock2D"] * levels,
            "up_block_types": ["UpDecoderBlock2D"] * levels,
        },
        "text_encoder": {
            name: text[name] for name in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        },
    }


def _expect(file: Path, needed: Mapping[str, Any], unless_said: Mapping[str, Any]) -> None:
    said = _read(file)
    for key, wanted in {**needed, **unless_said}.items():
        seen = said.get(key) if key in needed else said.get(key, wanted)
        each = seen if isinstance(seen, list) and not isinstance(wanted, list) else [seen]  # one for each level
        if any(value != wanted for value in each):
            raise _otherwise(file, said, key, wanted)


def _otherwise(file: Path, said: Mapping[str, Any], key: str, wanted: Any) -> DataError:
    seen = f"{key} is {json.dumps(said[key])}" if key in said else f"{key} is not there"
    expected = f"this reference is of Stable Diffusion v1, which has {json.dumps(wanted)} on these weights"
    return DataError(f"{file}: {seen}, and {expected}", v1.ANOTHER)
