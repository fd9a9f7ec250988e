"""A codebase of one toy algorithm, with its original in a git repository, so that the recorder can be tested without network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from trueto.settings import data_root

# The original: casts to float32 in two places, one draw that matters, one that does not, a refusal, and a bad habit on request.
ORIGINAL = """
import random

import numpy as np
import torch


def levels(table, n):
    picked = torch.linspace(len(table) - 1, 1, n).round().long()
    return torch.cat([table.to(torch.float32)[picked], torch.zeros(1, dtype=torch.float32)])


def sample_step(model, x, sigmas, habit="none"):
    if habit == "print":
        print("progress " * 1000)
    if habit == "reseed":
        torch.manual_seed(1234)
        np.random.seed(1234)
        random.seed(1234)
    if habit == "default_dtype":
        torch.set_default_dtype(torch.bfloat16)
    for i in range(len(sigmas) - 1):
        if len(sigmas) == 4:
            raise ValueError("three steps | are not for me")
        eps = model(x / (sigmas[i] ** 2 + 1) ** 0.5, sigmas[i].float() * 60).to(x.dtype)
        x = x + eps * (sigmas[i + 1] - sigmas[i])
        noise = torch.randn_like(x)
        if i == 0:
            x = x + 0.1 * noise
        if habit == "chaos":
            x = torch.sin(1e6 * x)
    return x
"""
RECORD = '''
"""How to run the toy."""

from pathlib import Path

from trueto.recording.harness import import_file


def load(source: Path):
    return import_file("toy", source / "toy.py")


def drive(original, algorithm, run):
    alpha_bar = run.table(run.schedule.alphas_cumprod)
    sigmas = run.nudged(original.levels(((1 - alpha_bar) / alpha_bar) ** 0.5, run.case.steps))
    x = run.start_noise() * sigmas[0]
    calls = []

    def model(x, t):
        run.step = run.noise.step = len(calls)
        calls.append(t)
        return run.network(x, t.reshape(1))

    start = x / (sigmas[0] ** 2 + 1) ** 0.5
    sample = original.sample_step(model, x, sigmas, **run.case.options)
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=sample)
'''
SPEC = '''
"""Toy."""

from trueto.model import Case
from trueto.references.card import Card, Promise

CARD = Card("Toy", "a\\n\\nb", "us", 2026, "none, arXiv", "1", "toy.py: sample_step", Promise("a", "b", "c", "d"))
SHAPE = (1, 2, 2, 2)
CASES = (
    Case("two", 2, quick=True, shape=SHAPE),
    Case("three", 3, layers=("trajectory",), shape=SHAPE),
    Case("loud", 2, options={"habit": "print"}, shape=SHAPE),
)


def sample(*_):
    raise NotImplementedError
'''
FRAME = """
KNOBS = {"start": ("own", "other")}
PRECISION_KNOBS = ()
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    identity = ("-c", "user.name=toy", "-c", "user.email=toy@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def write_original(folder: Path) -> str:
    """The original in a repository of its own; returns its commit."""
    folder.mkdir(parents=True)
    (folder / "toy.py").write_text(ORIGINAL)
    git(folder, "init", "--quiet")
    git(folder, "add", "toy.py")
    git(folder, "commit", "--quiet", "-m", "the toy")
    return git(folder, "rev-parse", "HEAD")


def write_root(root: Path, commit: str, pypi: str = "") -> Path:
    """A data root with the real fixtures and the toy as its only codebase."""
    shutil.copytree(data_root() / "fixtures", root / "fixtures")
    folder = root / "references" / "toy"
    folder.mkdir(parents=True)
    (folder / "codebase.toml").write_text(
        f'title = "Toy"\nrepository = "https://example.com/toy"\ncommit = "{commit}"\nlicence = "MIT"\n'
        f'files = ["toy.py"]\nlevel_kind = "sigma"\nhow = "as it is"\n{pypi}'
    )
    for name, text in {"record": RECORD, "step": SPEC, "frame": FRAME}.items():
        (folder / f"{name}.py").write_text(text)
    return root
