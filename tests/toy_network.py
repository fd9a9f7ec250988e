"""A toy network as files: its original, how it is recorded, its card, a promise, and ports of it with what can go wrong."""

from pathlib import Path

import toy_codebase
from support import trueto

from trueto.settings import data_root

ORIGINAL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, smooth="tanh"):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.norm = nn.LayerNorm(8, eps=1e-5)
        self.last = nn.Linear(8, 3)
        self.smooth = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}[smooth]

    def forward(self, x):
        return self.last(self.smooth(self.norm(self.first(x).float()).to(x.dtype)))


def refuse(x):
    raise ValueError("not | for me")
"""
RECORD = '''
"""How to run the toy network."""

from pathlib import Path

from trueto.recording.harness import import_file


def load(source: Path):
    return import_file("toy", source / "toy.py")


def drive(original, name, task):
    x = task.given("x", (2, 6))
    if task.case.options.get("refuse"):
        original.refuse(x)
    net = task.fill(original.Net(task.knobs.get("smooth", "tanh")), "net")
    task.tap(net, {"first": "first", "norm": "norm"})
    out = net(x)
    task.give("out", out)
    task.give("picked", out.argmax(dim=1))
'''
NET = '''
"""A toy network."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card("Toy network", "a\\n\\nb", "us", 2026, "none, arXiv", "1", "toy.py: Net", Promises({"activation": "tanh"}))
KNOBS = {"smooth": ("tanh", "sigmoid")}
CASES = (Case("toy", 1, quick=True, layers=("module",)), Case("refused", 1, options={"refuse": True}, layers=("module",)))
'''
PROMISE = NET.replace('"module"', '"invariance"').replace(', Case("refused", 1, options={"refuse": True}, layers=("invariance",))', ",")
CANDIDATE = '''
"""A port of the toy network, and what can go wrong with one."""

import torch

from trueto.model import Claim


def forward(net, x, task, way):
    w = net
    give = lambda name, value: None if way == "forgets" and name == "norm" else task.give(name, value)
    eps = 1e-4 if way == "eps" else 1e-5
    smooth = torch.sigmoid if way == "sigmoid" else torch.tanh
    first = x @ w["first.weight"].T + w["first.bias"]
    give("first", first[:, :4] if way == "shape" else first)
    norm = torch.nn.functional.layer_norm(first, (8,), w["norm.weight"], w["norm.bias"], eps)
    give("norm", norm)
    out = smooth(norm) @ w["last.weight"].T + w["last.bias"]
    if way == "nan":
        out = out * float("nan")
    if way == "hidden":
        out = out + 1e-9
    give("out", {"text": "out of order", "nothing": None, "complex": out + 0j}.get(way, out))
    give("picked", out.argmin(dim=1) if way == "whole" else out.argmax(dim=1))


class Adapter:
    name = "port"
    WAYS = ("right", "eps", "sigmoid", "shape", "nan", "hidden", "whole", "forgets", "raises", "text", "nothing", "complex")
    FEATURES = ("halves", "ignored", "wrong", "always")
    claims = (
        *(Claim(f"toy/net@{way}", "toy/net", way, "port docs", "this is it") for way in WAYS),
        *(Claim(f"features/halves@{way}", "features/halves", way, "port docs", "changes nothing") for way in FEATURES),
    )
    no_claims = {}
    modules = ("port",)

    def version(self):
        return "1.0"

    def load(self):
        pass

    def settings(self, claim, case):
        return {}

    def owns(self, filename):
        return "port.py" in filename

    def sample(self, claim, run, flags):
        raise NotImplementedError

    def outputs(self, claim, task, flags):
        way = claim.implementation
        if way == "raises" or task.case.options.get("refuse"):
            raise ValueError("no")
        x = task.given("x", (2, 6))
        if claim.reference == "toy/net":
            return forward(task.weights("net"), x, task, way)
        w = task.weights("toy/net")["first.weight"]
        if task.feature and way != "ignored" or way == "always":
            task.took_effect("half multiplied")
            out = x[:, :3] @ w[:, :3].T + x[:, 3:] @ w[:, 3:].T
            if way == "wrong":
                out = x[:, :3] @ w[:, :3].T
        else:
            out = x @ w.T
        task.give("out", out)


ADAPTER = Adapter()
'''


def recorded(folder: Path) -> tuple[Path, Path]:
    """The toy network and the promise about it in a root of their own, recorded: (root, the original's repository)."""
    (source := folder / "source").mkdir()
    (source / "toy.py").write_text(ORIGINAL)
    for arguments in (("init", "--quiet"), ("add", "toy.py"), ("commit", "--quiet", "-m", "toy")):
        toy_codebase.git(source, *arguments)
    root = folder / "root"
    (root / "fixtures").parent.mkdir()
    (root / "fixtures").symlink_to(data_root() / "fixtures")
    (root / "suites").symlink_to(data_root() / "suites")
    commit = toy_codebase.git(source, "rev-parse", "HEAD")
    about = f'title = "Toy"\nrepository = "https://example.com/toy"\ncommit = "{commit}"\nlicence = "MIT"\n'
    for name, files in (("toy", '["toy.py"]'), ("features", "[]")):
        (home := root / "references" / name).mkdir(parents=True)
        (home / "codebase.toml").write_text(f'{about}files = {files}\nhow = "as it is"\n')
    (root / "references/toy/record.py").write_text(RECORD)
    (root / "references/toy/net.py").write_text(NET)
    (root / "references/features/halves.py").write_text(PROMISE)
    done = trueto("record", "toy", "--source", str(source), cwd=folder, TRUETO_ROOT=str(root))
    assert 0 == done.returncode, done.stdout + done.stderr
    return root, source
