"""Breaks one law in each of its claims, on X that no golden covers; the claim `lawful` keeps them all."""

import secrets
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import Port, claim, euler, grid, training_sigmas

SETTINGS = {
    "grids": {"model": {}, "karras": {}},
    "parameterizations": {"eps": "eps", "v": "v", "x0": "x0"},
    "options": {},
    "domain": {
        "schedules": ["sd_v1"],
        "steps": [1, 20],
        "further": [],
        "shapes": [[2, 4, 4, 3]],
        "order": {"claimed": 1, "grid": "karras", "steps": [16, 32, 64]},
        "forms": {"grid": "model", "steps": [2, 4]},
        "composed": {
            "parted": {"source": "here", "law": "split", "least": 2, "values": {"half": {"settings": {}, "knobs": {}}}},
            "clip": {"source": "here", "law": "clipping", "values": {"wide": {"settings": {}, "knobs": {}}}},
        },
    },
}


def sampled(run, *, broken=""):
    """Euler's method for any form of prediction, with one law broken."""
    table = training_sigmas(run)
    sigmas = grid(run, table)
    x = run.start_noise() * sigmas[0]
    start = x / (sigmas[0] ** 2 + 1) ** 0.5

    def clean(x, sigma):
        place = table.log()
        low = (sigma.log() - place).ge(0).sum().clamp(1, len(table) - 1) - 1
        weight = ((place[low] - sigma.log()) / (place[low] - place[low + 1])).clamp(0, 1)
        said = run.network(x / (sigma**2 + 1) ** 0.5, (low + weight).reshape(1))
        if run.case.parameterization == "v":
            sign = -1 if broken != "forms" else -1.001
            return x / (sigma**2 + 1) + sign * said * sigma / (sigma**2 + 1) ** 0.5
        found = said if run.case.parameterization == "x0" else x - sigma * said
        return found * 1.01 if broken == "order" else found

    sample = euler(x, sigmas, clean, run)
    if broken == "repeat":
        sample = sample + secrets.randbelow(1000) * 1e-3
    elif broken == "batch":
        sample[1:] -= 1e-3 * sample[:1]  # the first picture is right
    elif broken == "split" and "parted" in run.case.composed:
        sample = sample + 1e-3 * start  # the second half begins with a little of the first noise
    elif broken == "clipping" and "clip" in run.case.composed:
        sample = sample.clip(-1, 1)
    elif broken == "steps" and run.case.steps == 13:
        sample = sample / 0
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=sample)


def pair(name):
    """A claim that breaks the law of its name, if there is one."""
    return replace(claim("k_diffusion/euler", name), settings=SETTINGS), lambda run: sampled(run, broken=name)


ADAPTER = Port("lawless", [pair(name) for name in ("lawful", "repeat", "batch", "split", "clipping", "forms", "order", "steps")])
