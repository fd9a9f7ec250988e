"""All the hostile candidates of this folder in one, each beside a faithful claim that is judged right after it."""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from base import Port, claim, faithful  # noqa: E402

ALONE = ("base", "everyone", "not_installed", "raises_at_import", "no_adapter")  # those that fail before any run
DRAWN = ("eleven", "no_domain", "lawless")  # those that only laws tell from a faithful one


def pairs():
    """Every behaviour of the folder, and after each a faithful one."""
    for path in sorted(HERE.glob("*.py")):
        if path.stem in (*ALONE, *DRAWN):
            continue
        found = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        yield from module.ADAPTER.pairs
        yield claim("k_diffusion/euler", f"after_{path.stem}"), faithful


ADAPTER = Port("everyone", list(pairs()))
