"""Toy checkpoints in the form of Stable Diffusion v1, other in size than the toy of references/, as one file and as diffusers' folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from trueto.fixtures.numbers import parameter
from trueto.fixtures.words import write_tokenizer
from trueto.settings import data_root
from trueto.store import write_tensors

# A head of the text encoder is 64 wide there, and so is what the U-Net reads: the toy's is narrower.
OTHER = {24: 64, 48: 128}
TEXT = "cond_stage_model.transformer."


def weights() -> dict[str, np.ndarray[Any, Any]]:
    """Every weight under its released name, seeded."""
    shapes = json.loads((data_root() / "references/stable_diffusion/parameters.json").read_text())["model"]
    found = {}
    for name, shape in shapes.items():
        released = name.replace(TEXT, f"{TEXT}text_model.")
        found[released] = parameter("tests/checkpoint", released, tuple(OTHER.get(length, length) for length in shape))
    return found


def write_file(folder: Path, tensors: dict[str, np.ndarray[Any, Any]] | None = None, name: str = "model.safetensors") -> Path:
    """The checkpoint as one file with its tokenizer beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tokenizer").is_dir():
        write_tokenizer(folder / "tokenizer")
    write_tensors(folder / name, weights() if tensors is None else tensors, {})
    return folder / name


def write_folder(folder: Path, file: Path) -> Path:
    """The same checkpoint as diffusers makes a folder of it, by its own conversion."""
    import torch
    from diffusers import StableDiffusionPipeline

    from trueto.candidates.diffusers.networks.stable_diffusion import _from_file
    from trueto.model import Case
    from trueto.torch_task import Task

    case = Case("toy", 1, shape=(1, 4, 8, 8), layers=("pipeline",), weights=str(file))
    folder.mkdir(parents=True)
    (work := folder.parent / "work").mkdir()
    task = Task(case, torch.float32, data_root() / "references/stable_diffusion")
    pipe = _from_file(StableDiffusionPipeline, task, file, work)
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder
