"""Wall time and memory of what users type: python benchmarks/gate_time.py. Commands run in this process's environment."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from figures import Figure, text_of

from trueto.references import reference

__all__ = ["figures"]

ROOT = Path(__file__).parent.parent
GIB, MB = 1 << 30, 1_000_000
EVERY = 0.2  # seconds between two looks at the memory
TURNS = 2
CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


def _tree(root: int) -> list[int]:
    """A process and everything that descends from it."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _pss(pid: int) -> int:
    """Bytes of a process, shared pages counted by their share; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


class _Memory(threading.Thread):
    """Looks at the memory of a process tree until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self._end = pid, 0, threading.Event()

    def run(self) -> None:
        """Keep the highest sum."""
        while not self._end.wait(EVERY):
            self.peak = max(self.peak, sum(map(_pss, _tree(self.pid))))

    def stop(self) -> int:
        """The highest sum seen."""
        self._end.set()
        self.join()
        return self.peak


def _run(command: list[str], *, memory: bool = False) -> tuple[float, float, int, int]:
    """Wall seconds, CPU seconds of all processes, peak bytes (0 where not asked for), and the exit status.

    Time is counted where a process is waited for, and nobody waits for a fork of a fork that has ended: it is left to this process here.
    """
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1)
    before, began = os.times(), time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = _Memory(process.pid) if memory else None
    if watch is not None:
        watch.start()
    status = process.wait()
    wall = time.perf_counter() - began
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0):
            pass
    after = os.times()
    peak = 0 if watch is None else watch.stop()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system, peak, status


def _gate(*options: str, program: tuple[str, str] = ("-m", "trueto")) -> tuple[float, float, int, int]:
    with tempfile.TemporaryDirectory() as folder:
        record = ["--record", str(Path(folder) / "run.jsonl")]
        return _run([sys.executable, *program, "gate", "diffusers", *record, *options], memory=True)


TWO = ("--reference", "k_diffusion/*", "--reference", "compvis/*")
GATES = {  # what is typed after `trueto gate diffusers`, and the seconds that it may take on two cores
    "two codebases, --quick": (("--quick", *TWO), 20),
    "two codebases": (TWO, 60),
    "all, --quick": (("--quick",), 30),
    "all": ((), 300),
}


def _gates() -> list[Figure]:
    found = []
    for name, (options, limit) in GATES.items():
        wall, cpu, peak, status = _gate(*options)
        title = f"trueto gate diffusers ({name})"
        found.append(Figure(title, wall, "s", at_most=limit, note=f"CPU {cpu:.0f} s, exit status {status}"))
        found.append(Figure(f"{title}, memory of all processes", peak / GIB, "GiB", at_most=1.5, note="highest sum of PSS seen"))
    return found


def _forks() -> list[Figure]:
    """What it saves that the workers of a gate are forks of one, against the same gate whose workers each import the library; in turns."""
    alone = "from trueto.running.client import Worker as W; W.fork = lambda w: W(w.spec, w.profile); from trueto.cli import main; main()"
    runs = [[_gate("--quick", *TWO, program=program)[:3] for program in (("-c", alone), ("-m", "trueto"))] for _ in range(TURNS)]
    names = ("wall time", "CPU time", "memory")
    sums = [[sum(turn[way][place] for turn in runs) for way in (0, 1)] for place in range(len(names))]
    return [
        Figure(f"two codebases, --quick, {name} with workers that import by themselves over that with forks", own / forked, "x")
        for name, (own, forked) in zip(names, sums, strict=True)
    ]


def _help() -> Figure:
    wall, cpu, _, _ = min(_run([sys.executable, "-m", "trueto", "--help"]) for _ in range(7))
    return Figure("trueto --help", wall, "s", at_most=0.3, note=f"least of 7; CPU {cpu:.2f} s")


def _repro() -> Figure:
    """`make repro` with nothing to do. Never starts one that has: it would rewrite dvc.lock and reports/ of whoever measures."""
    name = "make repro with nothing to do"
    dvc = ROOT / ".venv" / "bin" / "dvc"
    if not dvc.is_file():
        return Figure(name, None, "s", at_most=10, note="there is no .venv with dvc here")
    if subprocess.run([dvc, "status", "-q", "gate", "report"], cwd=ROOT, check=False, capture_output=True).returncode:
        return Figure(name, None, "s", at_most=10, note="it has work to do here: run make repro first")
    wall, _, _, status = _run(["make", "repro"])
    return Figure(name, wall, "s", at_most=10, note=f"exit status {status}")


def _sizes() -> list[Figure]:
    sizes = {file: file.stat().st_size / MB for file in ROOT.glob("references/*/goldens/*.safetensors")}
    two = [size for file, size in sizes.items() if file.parts[-3] in ("k_diffusion", "compvis")]
    later = [size for file, size in sizes.items() if reference(f"{file.parts[-3]}/{file.stem}").of_outputs]
    shapes = [file.stat().st_size / MB for file in ROOT.glob("references/*/parameters.json")]
    note = f"{len(later)} files, and {len(shapes)} with the shapes of seeded weights"
    return [
        Figure("goldens of two codebases", sum(two), "MB", at_most=15, note=f"{len(two)} files"),
        Figure(
            "goldens and weights of networks, pipelines, preprocessing and training", sum(later) + sum(shapes), "MB", at_most=10, note=note
        ),
        Figure("goldens", sum(sizes.values()), "MB", at_most=50, note=f"{len(sizes)} files"),
    ]


def figures() -> list[Figure]:
    """The figures that users feel."""
    return [_help(), *_gates(), *_forks(), _repro(), *_sizes()]


if __name__ == "__main__":
    print(text_of(figures()))
