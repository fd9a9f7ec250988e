"""A codebase whose toy original runs on checkpoints in the form of Stable Diffusion v1, and ports of it, as files."""

from __future__ import annotations

import json
from pathlib import Path

import toy_checkpoint
import toy_codebase
from support import trueto

from trueto.checkpoints import open_checkpoint
from trueto.settings import data_root

ORIGINAL = """
import json
import pathlib

import torch

KNOWN = json.loads((pathlib.Path(__file__).parent / "shapes.json").read_text())


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name, shape in KNOWN.items():
            at, (*path, last) = self, name.split(".")
            for part in path:
                if part not in at._modules:
                    at.add_module(part, torch.nn.Module())
                at = at._modules[part]
            at.register_parameter(last, torch.nn.Parameter(torch.zeros(shape)))
        self.register_buffer("betas", torch.linspace(0.1, 0.9, 4, dtype=torch.float32))

    def forward(self, x):
        for part in ("fc1", "fc2"):
            name = f"cond_stage_model.transformer.text_model.encoder.layers.0.mlp.{part}"
            x = torch.tanh(torch.nn.functional.linear(x, self.get_parameter(f"{name}.weight"), self.get_parameter(f"{name}.bias")))
        return x
"""
RECORD = '''
"""How to run the toy."""

from pathlib import Path

from trueto.recording.harness import import_file


def load(source: Path):
    return import_file("toy", source / "toy.py")


def drive(original, name, task):
    with task.unfilled():
        net = original.Net()
    net = task.fill(net, "model")
    task.give("latents", task.given("latents", task.case.shape))
    task.give("out", net(task.given("x", (2, 64))))
'''
NET = '''
"""A toy."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card("Toy", "a\\n\\nb", "us", 2026, "none, arXiv", "1", "toy.py: Net", Promises({"activation": "tanh"}))
CASES = (
    Case("first", 1, quick=True, shape=(1, 4, 5, 4), layers=("pipeline",)),
    Case("second", 1, seed=1, shape=(1, 4, 4, 4), layers=("pipeline",)),
)
'''
CANDIDATE = '''
"""Ports of the toy that run on checkpoints."""

import torch

from trueto.model import Claim
from trueto.torch_weights import read_weights

PLACE = "cond_stage_model.transformer.text_model.encoder.layers.0.mlp"


class Port:
    name = "port"
    no_claims = {}
    modules = ()
    claims = tuple(Claim(f"toy/net@{way}", "toy/net", way, "a", "b", settings={}) for way in ("right", "spoiled"))
    claims += (Claim("toy/plain", "toy/plain", "right", "a", "b"),)

    def version(self):
        return "1.0"

    def load(self):
        pass

    def owns(self, filename):
        return filename.endswith("port.py")

    def settings(self, claim, case):
        return {}

    def outputs(self, claim, task, flags):
        names = [f"{PLACE}.{part}.{kind}" for part in ("fc1", "fc2") for kind in ("weight", "bias")]
        held = {name: value.to(task.dtype) for name, value in read_weights(task.checkpoint.tensors, names)}
        task.give("latents", task.given("latents", task.case.shape))
        x = task.given("x", (2, 64))
        for part in ("fc1", "fc2"):
            x = torch.tanh(torch.nn.functional.linear(x, held[f"{PLACE}.{part}.weight"], held[f"{PLACE}.{part}.bias"]))
        task.give("out", x * (1.001 if claim.implementation == "spoiled" else 1))


ADAPTER = Port()
'''


def write_root(folder: Path) -> tuple[Path, Path]:
    """The original in a repository of its own, and a data root with it as the only codebase: (source, root)."""
    (source := folder / "source").mkdir(parents=True)
    (source / "toy.py").write_text(ORIGINAL)
    (source / "shapes.json").write_text(json.dumps({name: value.shape for name, value in toy_checkpoint.weights().items()}))
    for arguments in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "toy")):
        toy_codebase.git(source, *arguments)
    root = folder / "root"
    (home := root / "references/toy").mkdir(parents=True)
    for name in ("fixtures", "suites"):
        (root / name).symlink_to(data_root() / name)
    commit = toy_codebase.git(source, "rev-parse", "HEAD")
    about = f'title = "Toy"\nrepository = "https://example.com/toy"\ncommit = "{commit}"\nlicence = "MIT"\n'
    (home / "codebase.toml").write_text(f'{about}files = ["toy.py", "shapes.json"]\nhow = "as it is"\n')
    for name, text in {"record": RECORD, "net": f'{NET}CHECKPOINT = "stable_diffusion_v1"\n', "plain": NET}.items():
        (home / f"{name}.py").write_text(text)
    (folder / "port.py").write_text(CANDIDATE)
    (folder / "deviations.toml").write_text('candidate = "port"\n')
    return source, root


class Toy:
    """A recorded toy: where its files are, and how to record and gate."""

    def __init__(self, folder):
        self.folder = folder
        self.source, self.root = write_root(folder)
        self.weights = toy_checkpoint.weights()
        self.file = toy_checkpoint.write_file(folder / "one", self.weights)
        self.digest = open_checkpoint(self.file).digest()
        self.golden = folder / f"kept/{self.digest[:16]}/toy/net.safetensors"

    def typed(self, *arguments):
        """`trueto` with what was typed."""
        return trueto(*map(str, arguments), cwd=self.folder, TRUETO_ROOT=str(self.root), TRUETO_GOLDENS=str(self.folder / "kept"))

    def record(self, *more, file=None):
        """`trueto record toy --weights FILE`."""
        return self.typed("record", "toy", "--source", self.source, "--weights", file or self.file, *more)

    def gate(self, *more, file=None):
        """`trueto gate port.py --weights FILE`."""
        return self.typed("gate", self.folder / "port.py", "--weights", file or self.file, *more)
