"""Draws the first noise of every picture from the first of a list of generators: right on every recorded case."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import Port, claim, faithful

VALUES = {name: {"settings": {}, "knobs": {}} for name in ("one", "list")}
DOMAIN = {
    "schedules": ["sd_v1"],
    "steps": [1, 9],
    "further": [],
    "composed": {"generator": {"source": "tests/hostile/one_generator.py", "law": "generators", "values": VALUES}},
}
CLAIM = claim("k_diffusion/euler", "one_generator")


def behave(run, *, each):
    """The original's run; in a seeded one, the first noise comes from the generators that the case wants."""
    import torch

    kind, size = run.case.composed.get("generator"), run.case.shape[0]
    if kind is None or not run.seeded:
        return faithful(run)
    seeds = [run.case.seed + index for index in range(size if kind == "list" else 1)]
    made = [torch.Generator().manual_seed(seed) for seed in seeds]
    shape = (1, *run.case.shape[1:]) if kind == "list" else run.case.shape
    drawn = torch.cat([torch.randn(shape, generator=one) for one in (made if each else made[:1])])
    run.start_noise = lambda: drawn.expand(run.case.shape)
    return faithful(run)


def port(name, *, each):
    """A port that heeds `each` generator of a list, or the first only."""
    there = replace(CLAIM, id=f"{CLAIM.reference}@{name}", settings={**CLAIM.settings, "domain": DOMAIN})
    return there, lambda run: behave(run, each=each)


ADAPTER = Port("one_generator", [port("one_generator", each=False), port("each_generator", each=True)])
