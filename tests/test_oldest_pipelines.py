"""Of the oldest releases of diffusers the adapter's loops make the network calls of their own pipelines, bit for bit.

Each runs in its own environment, which `trueto env diffusers==0.2.4` makes; where there is none nothing is run.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from trueto.errors import UsageError
from trueto.running.releases import release_folders

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPT = Path(__file__).parent / "driving_oldest.py"
BY_THEMSELVES = (("ermongroup/ddim", 20), ("pndm/pndm", 20), ("ermongroup/ddpm", 1000))
IN_STABLE_DIFFUSION = (("compvis/ddim", 20), ("compvis/plms", 20), ("k_diffusion/lms", 20))
CASES = [
    *(("0.1.3", *case) for case in BY_THEMSELVES),
    *(("0.2.4", *case) for case in (*BY_THEMSELVES, *IN_STABLE_DIFFUSION)),
    *(("0.3.0", *case) for case in (*BY_THEMSELVES[:2], *IN_STABLE_DIFFUSION)),
]


@cache
def path_of(release: str) -> str:
    """What comes first on the path of a release; skips where that is not here."""
    try:
        return os.pathsep.join(map(str, [*release_folders(f"diffusers=={release}"), ROOT / "src"]))
    except UsageError as error:
        pytest.skip(f"{error.message} ({error.hint})")


@pytest.mark.parametrize(("release", "claim", "steps"), CASES)
def test_the_adapter_asks_as_the_release_did(release: str, claim: str, steps: int) -> None:
    """From one seed the network is told the same times about the same states, in the same order, as often."""
    environment = {**os.environ, "PYTHONPATH": path_of(release), "HF_HUB_OFFLINE": "1"}
    asked = [sys.executable, str(SCRIPT), claim, str(steps)]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert steps <= len(found["pipeline"]) == len(found["adapter"])
    assert [] == [place for place, (own, asked) in enumerate(zip(found["pipeline"], found["adapter"], strict=True)) if own != asked]
