"""A faithful port of two of k-diffusion's samplers in plain torch, and what the hostile candidates beside it are made of.

`trueto gate tests/hostile/base.py` judges it: every cell is the same as the original. The other files of this folder each
do one thing wrong, so that a test can see what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trueto.model import Case, Claim

SETTINGS = {"grids": {"model": {}, "karras": {}}, "parameterizations": {"eps": "eps"}, "options": {}}


def claim(reference: str, name: str = "") -> Claim:
    """A claim of this port."""
    quote = f"this is {reference}"
    identity = f"{reference}@{name}" if name else reference
    return Claim(identity, reference, name or "Port", "tests/hostile/base.py", quote, settings=SETTINGS)


def training_sigmas(run: Any) -> Any:
    """Sigma of every training time."""
    table = run.table(run.schedule.alphas_cumprod)
    return ((1 - table) / table) ** 0.5


def grid(run: Any, table: Any) -> Any:
    """The levels, from noisy to 0."""
    import torch

    n = run.case.steps
    if run.case.grid == "karras":
        low, high = table[0].item() ** (1 / 7), table[-1].item() ** (1 / 7)
        sigmas = (high + torch.linspace(0, 1, n) * (low - high)) ** 7
    else:
        t = torch.linspace(len(table) - 1, 0, n)
        low, high, weight = t.floor().long(), t.ceil().long(), t.frac()
        sigmas = ((1 - weight) * table.log()[low] + weight * table.log()[high]).exp()
    return torch.cat([sigmas, sigmas.new_zeros([1])])


def denoised(run: Any, table: Any, x: Any, sigma: Any) -> Any:
    """The clean picture that the network sees in x."""
    distance = sigma.log() - table.log()
    low = distance.ge(0).sum().clamp(1, len(table) - 1) - 1
    weight = ((table.log()[low] - sigma.log()) / (table.log()[low] - table.log()[low + 1])).clamp(0, 1)
    t = (1 - weight) * low + weight * (low + 1)
    return x - sigma * run.network(x / (sigma**2 + 1) ** 0.5, t.reshape(1))


def euler(x: Any, sigmas: Any, clean: Callable[[Any, Any], Any], run: Any) -> Any:
    """Karras et al. 2022, algorithm 2 without its correction."""
    for i in range(len(sigmas) - 1):
        run.step = run.noise.step = i
        slope = (x - clean(x, sigmas[i])) / sigmas[i]
        x = x + slope * (sigmas[i + 1] - sigmas[i])
    return x


def dpmpp_2m(x: Any, sigmas: Any, clean: Callable[[Any, Any], Any], run: Any) -> Any:
    """Lu et al. 2022, algorithm 2."""
    old, h_last = None, None
    for i in range(len(sigmas) - 1):
        run.step = run.noise.step = i
        now = clean(x, sigmas[i])
        h = sigmas[i].log() - sigmas[i + 1].log()
        direction = now if old is None or sigmas[i + 1] == 0 else now + (now - old) * h / (2 * h_last)
        x = sigmas[i + 1] / sigmas[i] * x - (-h).expm1() * direction
        old, h_last = now, h
    return x


def faithful(run: Any, algorithm: str = "euler", *, shift: float = 0.0) -> None:
    """One whole run that does what the original does; `shift` is added to the sample."""
    table = training_sigmas(run)
    sigmas = grid(run, table)
    x = run.start_noise() * sigmas[0]
    start = x / (sigmas[0] ** 2 + 1) ** 0.5
    sampler = euler if algorithm == "euler" else dpmpp_2m
    sample = sampler(x, sigmas, lambda x, sigma: denoised(run, table, x, sigma), run)
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=sample + shift)


class Port:
    """An adapter around pairs of a claim and a function `run -> None` that behaves somehow."""

    no_claims: Mapping[str, str] = {"k_diffusion/lms": "not ported"}
    modules = ("trueto_candidate_",)

    def __init__(self, name: str, pairs: Sequence[tuple[Claim, Callable[[Any], None]]], load: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.pairs = tuple(pairs)
        self.claims = tuple(claim for claim, _ in pairs)
        self._load = load

    def version(self) -> str:
        """The version of the port."""
        return "1.0"

    def load(self) -> None:
        """Import torch, as any library would."""
        __import__("torch")
        self._load()

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """Nothing to configure."""
        return {"steps": case.steps}

    def owns(self, filename: str) -> bool:
        """Whether an exception started in this folder."""
        return "/hostile/" in filename

    def sample(self, claim: Claim, run: Any, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - as settings
        """Run the claimed behaviour."""
        next(behaviour for known, behaviour in self.pairs if known.id == claim.id)(run)


def one(name: str, behaviour: Callable[[Any], None], load: Callable[[], None] = lambda: None) -> Port:
    """An adapter that claims to be Euler and behaves so."""
    return Port(name, [(claim("k_diffusion/euler", name), behaviour)], load)


ADAPTER = Port("base", [(claim("k_diffusion/euler"), faithful), (claim("k_diffusion/dpmpp_2m"), lambda run: faithful(run, "dpmpp_2m"))])
