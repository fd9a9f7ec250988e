"""Driving diffusers' schedulers as its own pipelines do, and its networks; imported in a worker, where alone diffusers is imported."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import importlib.util
import inspect
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers import loops, older
from trueto.candidates.diffusers.claims import CLAIMS, NO_CLAIMS
from trueto.candidates.diffusers.networks import OUTPUTS
from trueto.errors import UnknownName
from trueto.fixtures import schedule
from trueto.model import Case, Claim
from trueto.observe import Probe

if TYPE_CHECKING:
    from trueto.torch_run import Run
    from trueto.torch_task import Task

__all__ = ["ADAPTER", "DiffusersAdapter"]

PROCESSOR, ITS_HOME = "VaeImageProcessor", "diffusers.image_processor"


class DiffusersAdapter:
    """The adapter of diffusers (see `trueto.candidates.Adapter`)."""

    name = "diffusers"
    claims = CLAIMS
    no_claims = NO_CLAIMS
    modules = ("diffusers.schedulers",)
    computing = tuple(
        f"diffusers.{part}" for part in ("models", "pipelines", "image_processor", "loaders.single_file", "training_utils", "hooks")
    )

    def version(self) -> str:
        """The installed version, without importing the library."""
        return version("diffusers")

    def load(self) -> None:
        """Import every scheduler that a claim names and this release has; the rest is for `prepare`."""
        for claim in self.claims:
            self.lacks(claim)
        logging = importlib.import_module("diffusers.utils.logging")
        logging.set_verbosity_error()

    def lacks(self, claim: Claim) -> str:
        """What this release has not: the scheduler that a claim names, or has only in name, for want of a package."""
        place = _place(claim)
        if not place:
            return f"has no such class: {claim.implementation}"
        if "dummy_" in place:
            return f"has no such class without packages that it cannot have here: {claim.implementation}"
        if claim.reference in OUTPUTS:
            return older.lacks_name(claim)
        return older.lacks(getattr(importlib.import_module("diffusers.schedulers"), claim.implementation), claim)

    def ignored(self, claim: Claim, case: Case) -> list[str]:
        """Settings that the claim's class does not know, and passes over in silence."""
        known = inspect.signature(_class(claim).__init__).parameters
        return sorted(name for name in self.settings(claim, case) if name not in known)

    def prepare(self, claim: Claim) -> None:
        """Import what else a claim names: a network."""
        if claim.reference in OUTPUTS:
            _class(claim)

    def owns(self, filename: str) -> bool:
        """Whether a source file is diffusers' own."""
        return "/diffusers/" in filename and "/trueto/" not in filename

    def source(self, claim: Claim) -> str:
        """File and line of the claimed scheduler's step, or of what the claimed network does."""
        claimed = _class(claim)
        names = ("step", "step_pred", "forward", "preprocess", "__call__")  # predictor and corrector step apart in score_sde's
        step = next((getattr(claimed, name) for name in names if hasattr(claimed, name)), claimed) if inspect.isclass(claimed) else claimed
        code = inspect.unwrap(step).__code__
        return f"diffusers/{code.co_filename.rpartition('/diffusers/')[2]}:{code.co_firstlineno}"

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:
        """The configuration: the released one that the claim names, the case's betas, what the claim says, then what the case does."""
        chosen = claim.settings
        if case.of_outputs:
            return {**chosen["network"], **({"step": f"{chosen['network']['example']} itself"} if case.source else {})}
        targets = {k: chosen["options"][k].partition(":") for k in case.options}
        options = {there or k: case.options[k] for k, (kind, _, there) in targets.items() if kind == "init"}
        axes = chosen.get("domain", {}).get("composed", {})
        composed = {k: v for axis, value in case.composed.items() for k, v in axes[axis]["values"][value]["settings"].items()}
        if composed.get("trained_betas"):
            composed["trained_betas"] = schedule(case.schedule).betas.tolist()
        return {
            **chosen["config"],
            **schedule(case.schedule).settings,
            "prediction_type": chosen["parameterizations"][case.parameterization],
            **chosen["base"],
            **chosen["grids"][case.grid],
            **options,
            **translated(claim, case),
            **composed,
        }

    def build(self, claim: Claim, case: Case) -> Any:
        """The claimed scheduler in its configuration; some take longer to build than to run."""
        return _class(claim).from_config(self.settings(claim, case))

    def alike(self, claim: Claim, case: Case) -> str:
        """What a scheduler is built from."""
        return json.dumps(self.settings(claim, case), sort_keys=True)

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
        """The claimed scheduler in the loop that its claim names."""
        scheduler = self.build(claim, run.case) if run.built is None else copy.deepcopy(run.built)
        if "used_before" in flags:
            use(scheduler, claim, run, flags["used_before"])
        loops.drive(scheduler, claim, run, flags)

    def outputs(self, claim: Claim, task: Task, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns a network
        """What the claimed network gives, part by part."""
        torch = importlib.import_module("torch")
        with torch.no_grad():
            OUTPUTS[claim.reference](_class(claim), task, **claim.settings.get("chosen", {}))


def _place(claim: Claim) -> str:
    """The module that has what a claim names, and nothing where this release has it not; no network is imported to see that."""
    if claim.implementation.startswith("create_"):
        return "diffusers.loaders.single_file_utils"  # a function inside the library, for which the run itself has to look
    home = importlib.import_module("diffusers" if claim.reference in OUTPUTS else "diffusers.schedulers")
    lazy: Mapping[str, str] = getattr(home, "_class_to_module", {}) if claim.reference in OUTPUTS else {}
    if claim.implementation == PROCESSOR:  # named at the top of the library in later releases only
        return ITS_HOME if importlib.util.find_spec(ITS_HOME) else ""
    return lazy.get(claim.implementation) or getattr(getattr(home, claim.implementation, None), "__module__", "")


def _class(claim: Claim) -> Any:
    """What a claim names: a scheduler, a network, or a function that makes one of an original's checkpoint."""
    apart = {PROCESSOR: ITS_HOME}.get(claim.implementation, "diffusers")
    network = "diffusers.loaders.single_file_utils" if claim.implementation.startswith("create_") else apart
    module = importlib.import_module(network if claim.reference in OUTPUTS else "diffusers.schedulers")
    return older.as_today(getattr(module, claim.implementation))


def use(scheduler: Any, claim: Claim, run: Run, steps: int) -> None:
    """Take a whole sample of another step count with the same object first, which is not observed: nothing of it may be left over."""
    torch = importlib.import_module("torch")
    state = torch.get_rng_state()
    before = copy.copy(run)
    before.case = dataclasses.replace(run.case, steps=steps if run.case.steps != steps else steps + 1)
    before.probe = Probe(run.probe.net)
    loops.drive(scheduler, claim, before, {})
    run.noise.begin_again()
    torch.set_rng_state(state)


def translated(claim: Claim, case: Case) -> dict[str, Any]:
    """What the case's options are called in diffusers, where a claim's `translated` says so: option to (value as text to settings)."""
    found: dict[str, Any] = {}
    for option, meanings in claim.settings.get("translated", {}).items():
        if option not in case.options:
            continue
        value = str(case.options[option])
        if value not in meanings:
            raise UnknownName(
                f"value of {option} in claim {claim.id}", value, meanings, "the claim's module in candidates/diffusers/claims"
            )
        found.update(meanings[value])
    return found


ADAPTER = DiffusersAdapter()
