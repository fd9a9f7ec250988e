"""Walls around a run: what cannot be read or written behind them, and that everything else can."""

import os
import subprocess
import sys

import pytest

from trueto.settings import data_root
from trueto.workers.walls import Walls

GOLDEN = "references/k_diffusion/goldens/euler.safetensors"
pytestmark = pytest.mark.skipif(not Walls().stand, reason="this kernel has no Landlock")

HEAD = "from trueto.workers.walls import Walls; walls = Walls(); walls.enter(); import pathlib, os, subprocess, tempfile; "


def behind(line, *arguments):
    """A process that goes behind the walls and does something there; its last words."""
    done = subprocess.run([sys.executable, "-c", HEAD + line, *map(str, arguments)], capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or [done.stdout.strip()])[-1]


@pytest.mark.parametrize(
    "line",
    [
        f"open({str(data_root() / GOLDEN)!r}, 'rb')",
        f"subprocess.run(['cat', {str(data_root() / GOLDEN)!r}], check=True)",
        f"os.link({str(data_root() / GOLDEN)!r}, tempfile.mkdtemp() + '/stolen'); open('/dev/null')",
        f"pathlib.Path({str(data_root() / 'references/k_diffusion/new.py')!r}).write_text('x')",
        f"pathlib.Path({str(data_root() / 'fixtures/new.toml')!r}).write_text('x')",
        "import trueto.judge; open(trueto.judge.__file__, 'a')",
        "import trueto.judge; os.unlink(trueto.judge.__file__)",
    ],
)
def test_what_is_refused(line):
    """Goldens cannot be opened, copied by another program or linked; neither X nor trueto itself can be written or removed."""
    said = behind(line)
    assert "Permission" in said or "returned non-zero" in said or "cross-device" in said, said
    assert not (data_root() / "references/k_diffusion/new.py").exists()


@pytest.mark.parametrize(
    "line",
    [
        f"open({str(data_root() / 'references/k_diffusion/euler.py')!r}).read()",
        "from trueto.fixtures import tape; tape(0, (2, 4, 4, 3))",
        "import torch, tempfile; torch.randn(3); pathlib.Path(tempfile.mkdtemp(), 'x').write_text('x')",
        "subprocess.run(['true'], check=True); open('/proc/self/statm').read(); open('/dev/null', 'w').write('x')",
        "pathlib.Path(os.environ['MINE'], 'x').write_text('x')",
    ],
)
def test_what_is_still_there(line, tmp_path, monkeypatch):
    """Specs and X can be read, and a run can write anywhere else."""
    monkeypatch.setitem(os.environ, "MINE", str(tmp_path))
    assert "" == behind(line)
