"""A faithful port that takes long to build, and claims that differ from it in how they build and run (tests/test_halls.py)."""

import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "hostile"))

from base import Port, claim, faithful

from trueto.workers import halls


def spoils(run):
    """Answers well, then changes what was built and what everybody stands on."""
    import torch

    if run.built["spoiled"]:
        raise ValueError("another case was here")
    faithful(run, "dpmpp_2m")
    run.built["spoiled"] = True
    torch.cat = None


def hangs_at_two(run):
    """Never answers where two steps are asked for."""
    while run.case.steps == 2:
        time.sleep(1)
    faithful(run, "dpmpp_2m")


def sound(run):
    """What the original does."""
    faithful(run, "dpmpp_2m")


BEHAVIOUR = {"sound": sound, "fast": sound, "spoils": spoils, "dies_in_a_hall": sound, "hangs_at_two": hangs_at_two}


class SlowBuilder(Port):
    """The adapter: it tells in its settings which process built."""

    builder = 0

    def build(self, claim, case):  # noqa: ARG002 - the protocol's signature
        """Take longer than a hall would cost, unless the claim is fast."""
        name = claim.id.partition("@")[2]
        in_a_hall = halls._serve.__code__ in [frame.f_code for frame, _ in traceback.walk_stack(None)]  # a fork keeps its stack
        if name == "dies_in_a_hall" and in_a_hall:
            os._exit(1)
        begun = time.process_time()
        while name != "fast" and time.process_time() - begun < 1.5 * halls.SLOW:
            pass
        return {"pid": os.getpid(), "spoiled": False}

    def alike(self, claim, case):  # noqa: ARG002 - as build
        """Cases on one grid are built alike."""
        return case.grid

    def settings(self, claim, case):
        """The process that built."""
        return {**super().settings(claim, case), "builder": self.builder}

    def sample(self, claim, run, flags):
        """One run with what was built."""
        self.builder = run.built["pid"]
        super().sample(claim, run, flags)


ADAPTER = SlowBuilder("slow_builder", [(claim("k_diffusion/dpmpp_2m", name), behave) for name, behave in BEHAVIOUR.items()])
