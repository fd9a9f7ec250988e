"""What runs as control: `python -m trueto.running.control_arm ANSWER [PROFILE]...` writes what came of it (trueto.running.control)."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trueto.errors import TruetoError
from trueto.model import Verdict
from trueto.references import reference, sampler_names
from trueto.running.certify import certify
from trueto.running.control import original
from trueto.running.entry import judged_run
from trueto.running.releases import missing
from trueto.settings import GATE_OPTIONS

__all__ = ["Arm", "main", "of_original", "of_specs"]


@dataclass(frozen=True, slots=True)
class Arm:
    """What one control came to: `apart` are the checks that moved, `absent` is why it could not run."""

    arm: str
    checks: int = 0
    same: int = 0
    apart: tuple[str, ...] = ()
    absent: str = ""


def of_specs(names: Sequence[str]) -> Arm:
    """The specs of these references on their quick cases against what the originals returned, in both precisions."""
    apart, checks = list[str](), 0
    for ref in map(reference, names):
        for case in (case.id for case in ref.cases if case.quick):
            for seen in certify(ref, case):
                checks += 1
                apart += [] if seen.passed else [f"{ref.id}:{seen.layer}:{case}"]
    return Arm("trueto's specs", checks, checks - len(apart), tuple(apart))


def of_original(spec: str, profiles: Sequence[str]) -> Arm:
    """The original's own package against what is recorded of it; a profile that cannot run here says nothing."""
    try:
        if missing(spec):
            return Arm(spec, absent=f"trueto env {spec}")
        options = {option.name: () if option.multiple else option.default for option in GATE_OPTIONS}
        with tempfile.TemporaryDirectory(prefix="trueto-control-") as folder:
            run = judged_run(spec, Path(folder) / "run.jsonl", {**options, "quick": True, "jobs": "1", "profile": tuple(profiles)})
    except TruetoError as error:
        return Arm(spec, absent=error.message)
    judged = [cell for cell in run.cells if not Verdict(cell["verdict"]).unknown]
    apart = [f"{cell['claim']}:{cell['layer']}:{cell['case']}" for cell in judged if not Verdict(cell["verdict"]).same]
    return Arm(spec, len(judged), len(judged) - len(apart), tuple(apart)) if judged else Arm(spec, absent="it cannot be judged here")


def main(answer: str, *profiles: str) -> None:
    """Run both, and write what came of them."""
    found = [of_specs(sampler_names()), of_original(original(), profiles)]
    Path(answer).write_text(json.dumps([asdict(arm) for arm in found]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
