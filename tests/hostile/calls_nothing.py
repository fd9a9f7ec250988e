"""Never calls the network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import one


def behave(run):
    """Never calls the network."""
    x = run.start_noise()
    run.finish(levels=x.new_ones([run.case.steps + 1]), level_kind="sigma", start=x, sample=x)


ADAPTER = one("calls_nothing", behave)
