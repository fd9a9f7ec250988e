"""Is right on every recorded case, and wrong only where the number of steps divides by eleven."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import Port, claim, faithful

DOMAIN = {"schedules": ["sd_v1"], "steps": [1, 50], "further": []}
CLAIM = claim("k_diffusion/euler", "eleven")


def behave(run):
    """Is off by a thousandth on 11, 22, 33 and 44 steps, none of which is recorded."""
    faithful(run, shift=0.0 if run.case.steps % 11 else 1e-3)


ADAPTER = Port("eleven", [(replace(CLAIM, settings={**CLAIM.settings, "domain": DOMAIN}), behave)])
