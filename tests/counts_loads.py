"""A faithful port that notes each process in which it is loaded (tests/test_forked.py)."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "hostile"))

from base import Port, claim, faithful


class Counted(Port):
    """The adapter: it writes a line when it is loaded, and tells in its settings where temporary files go."""

    def load(self):
        """As a library is imported."""
        super().load()
        with Path(os.environ["COUNTED"]).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")

    def settings(self, claim, case):
        """Where temporary files of this process go."""
        return {**super().settings(claim, case), "temporary": tempfile.gettempdir()}


ADAPTER = Counted("counts_loads", [(claim("k_diffusion/euler"), faithful)])
