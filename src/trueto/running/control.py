"""The control arm: what is no candidate, run where a candidate runs, so that a change of torch, numpy, CPU or CUDA is told from its own.

Two things: our specs, which have to be what certified them, and the originals that are published as a package, which have to compute what
was recorded of them (trueto.running.control_arm). They run in a process that finds first what a release of a candidate is run with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trueto.errors import WorkerError
from trueto.running.releases import release_folders, written_for
from trueto.settings import offline_environment

__all__ = ["control", "original"]

ORIGINAL = "k_diffusion"  # the candidate whose package is the original itself
SECONDS = 600.0


def original() -> str:
    """The original that is run, as a candidate is named."""
    return f"{ORIGINAL}=={written_for(ORIGINAL)[-1]}"


def control(spec: str, profiles: Sequence[str] = ("default",)) -> list[dict[str, Any]]:
    """Run the control arm with what a release of a candidate is run with, as plain data; WorkerError where it does not come to its end."""
    beside = [str(folder) for folder in release_folders(spec)[1:]]
    environment = offline_environment()
    environment["PYTHONPATH"] = os.pathsep.join([*beside, *filter(None, [environment.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory(prefix="trueto-control-") as folder:
        answer = Path(folder) / "arms.json"
        command = [sys.executable, "-m", "trueto.running.control_arm", str(answer), *profiles]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise WorkerError(f"the control arm took longer than {SECONDS:.0f} s", f"trueto gate {original()} --quick") from error
        if done.returncode != 0 or not answer.is_file():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise WorkerError(f"the control arm did not come to its end: {last[:200]}", f"trueto gate {original()} --quick")
        return json.loads(answer.read_text(encoding="utf-8"))
