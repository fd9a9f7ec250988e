"""States a domain in which there is nothing to draw."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import Port, claim, faithful

CLAIM = claim("k_diffusion/euler", "no_domain")
ADAPTER = Port("no_domain", [(replace(CLAIM, settings={**CLAIM.settings, "domain": {"schedules": []}}), faithful)])
