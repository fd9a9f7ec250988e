"""What documents say is so, where a machine can see it."""

import re
from pathlib import Path

from trueto.references import reference
from trueto.running.circumstances import environment

DOCS = Path(__file__).parents[1] / "docs"


def test_the_environment_is_described_as_it_is_recorded():
    """docs/run-record.md names what the header of a record says of the environment, neither more nor less."""
    named = re.search(r"`environment` \(([^;)]*);", (DOCS / "run-record.md").read_text())[1]
    assert list(environment()) == named.split(", ")


def test_the_place_of_the_original_is_described_as_it_is_recorded():
    """The same of where the original stands."""
    row = next(line for line in (DOCS / "run-record.md").read_text().splitlines() if line.startswith("| `original_source` |"))
    assert ["original_source", *reference("k_diffusion/euler").origin] == re.findall(r"`(\w+)`", row)
