"""Ports of k-diffusion's samplers, faithful but for one seeded mistake each: what `trueto explain` has to find out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))

from base import Port, claim, denoised, euler, grid, training_sigmas

from trueto.model import Claim


def told_rounded(run: Any, table: Any, x: Any, sigma: Any) -> Any:
    """The clean picture, from a network that is told whole times."""
    distance = sigma.log() - table.log()
    low = distance.ge(0).sum().clamp(1, len(table) - 1) - 1
    weight = ((table.log()[low] - sigma.log()) / (table.log()[low] - table.log()[low + 1])).clamp(0, 1)
    t = (1 - weight) * low + weight * (low + 1)
    return x - sigma * run.network(x / (sigma**2 + 1) ** 0.5, t.round().reshape(1))


def clipped(run: Any, table: Any, x: Any, sigma: Any) -> Any:
    """The clean picture, clipped to [-1, 1]."""
    return denoised(run, table, x, sigma).clamp(-1, 1)


def squashed(run: Any, table: Any, x: Any, sigma: Any) -> Any:
    """The clean picture, its values bent smoothly into [-1, 1]: no knob does that."""
    return denoised(run, table, x, sigma).tanh()


def multistep(share: Callable[[Any, Any], Any], *, lowered: int = 1) -> Callable[..., Any]:
    """Lu et al. 2022, algorithm 2, with `share` (h, h_last) of the difference of two answers added; the last `lowered` steps without."""

    def sample(x: Any, sigmas: Any, clean: Callable[[Any, Any], Any], run: Any) -> Any:
        old, h_last = None, None
        for i in range(len(sigmas) - 1):
            run.step = run.noise.step = i
            now = clean(x, sigmas[i])
            h = sigmas[i].log() - sigmas[i + 1].log()
            direction = now if old is None or i >= len(sigmas) - 1 - lowered else now + (now - old) * share(h, h_last)
            x = sigmas[i + 1] / sigmas[i] * x - (-h).expm1() * direction
            old, h_last = now, h
        return x

    return sample


def ancestral(late: int) -> Callable[..., Any]:
    """Euler ancestral; the noise of step i is what the original draws in step i + `late`."""

    def sample(x: Any, sigmas: Any, clean: Callable[[Any, Any], Any], run: Any) -> Any:
        for i in range(len(sigmas) - 1):
            run.step = i
            now = clean(x, sigmas[i])
            up = (sigmas[i + 1] ** 2 * (sigmas[i] ** 2 - sigmas[i + 1] ** 2) / sigmas[i] ** 2) ** 0.5
            down = (sigmas[i + 1] ** 2 - up**2) ** 0.5
            x = x + (x - now) / sigmas[i] * (down - sigmas[i])
            if sigmas[i + 1] > 0:
                x = x + run.draw(i + late) * up
        return x

    return sample


def port(sampler: Callable[..., Any] = euler, *, clean: Callable[..., Any] = denoised, start: str = "sigma_max", steps: str = "all") -> Any:
    """One whole run; `start` and `steps` ("dropped": without the last) are where it can be wrong before the sampler begins."""

    def behave(run: Any) -> None:
        table = training_sigmas(run)
        sigmas = grid(run, table)[: -1 if steps == "dropped" else None]
        scale = (sigmas[0] ** 2 + 1) ** 0.5
        x = run.start_noise() * (sigmas[0] if start == "sigma_max" else scale)
        begin = x / scale
        sample = sampler(x, sigmas, lambda x, sigma: clean(run, table, x, sigma), run)
        run.finish(levels=sigmas, level_kind="sigma", start=begin, sample=sample / (sigmas[-1] ** 2 + 1) ** 0.5)

    return behave


EULER, MULTISTEP, ANCESTRAL = "k_diffusion/euler", "k_diffusion/dpmpp_2m", "k_diffusion/euler_ancestral"
MISTAKES: Mapping[str, tuple[str, Any]] = {
    "none": (EULER, port()),
    "unit_start": (EULER, port(start="unit")),
    "rounded": (EULER, port(clean=told_rounded)),
    "rounded_and_unit": (EULER, port(clean=told_rounded, start="unit")),
    "dropped": (EULER, port(steps="dropped")),
    "clipped": (EULER, port(clean=clipped)),
    "squashed": (EULER, port(clean=squashed)),
    "plain_midpoint": (MULTISTEP, port(multistep(lambda h, _: 0.5 + 0 * h))),
    "whole": (MULTISTEP, port(multistep(lambda h, h_last: h / h_last))),
    "sign": (MULTISTEP, port(multistep(lambda h, h_last: -h / (2 * h_last)))),
    "lowered": (MULTISTEP, port(multistep(lambda h, h_last: h / (2 * h_last), lowered=2))),
    "first_order": (MULTISTEP, port(multistep(lambda h, _: 0 * h))),
    "right_noise": (ANCESTRAL, port(ancestral(0))),
    "late_noise": (ANCESTRAL, port(ancestral(1))),
    "raises": (EULER, lambda _: 1 // 0),
}


class Mistaken(Port):
    """Says besides where its samplers are."""

    def source(self, claim: Claim) -> str:
        """File and line of what a claim runs."""
        behave = next(behave for known, behave in self.pairs if known.id == claim.id)
        return f"tests/mistaken/ports.py:{behave.__code__.co_firstlineno}"

    def owns(self, filename: str) -> bool:
        """Its own files are these."""
        return "/mistaken/" in filename


ADAPTER = Mistaken("ports", [(claim(reference, name), behave) for name, (reference, behave) in MISTAKES.items()])
