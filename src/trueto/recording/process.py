"""The process in which an original runs: `python -m trueto.recording.process JOB.json`.

It prints one JSON line a finished case on its own standard output; whatever the original prints goes to standard error.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trueto.checkpoints import open_checkpoint
from trueto.distances import measure
from trueto.errors import DataError, TruetoError
from trueto.fixtures import fixture_digest, network, schedule, start_noise, tape
from trueto.interpose import TORCH_OF, Interposer, NoiseSource
from trueto.judge import Spread, expect, spread_of
from trueto.model import Case
from trueto.observe import EMPTY, Observation, StepError
from trueto.recording.harness import Run, as_users_do
from trueto.recording.memory import no_memory, out_of_memory
from trueto.recording.outputs import record_outputs
from trueto.references.library import PARAMETERS, Reference, reference
from trueto.references.spec import LEVEL_NUDGES, NUDGES, nudged
from trueto.store import write_tensors

__all__ = ["main", "observe_original", "record_case"]

Array = np.ndarray[Any, np.dtype[Any]]

LOW = ("float16", "bfloat16")
LOW_LIMIT = 0.1
LIMIT = 1e-3
QUICK_STEPS = 7
READERS = frozenset({"PIL", "torchvision", "transformers"})  # packages by which originals read pictures and prompts
_OURS = frozenset(str(Path(__file__).parents[1] / name) for name in ("interpose.py", "torch_run.py", "observe.py"))


Original = tuple[Any, Any, Reference]


def observe_original(  # noqa: PLR0913 - a run of an original has that many sides, and names keep them apart
    module: Any,
    original: Any,
    ref: Reference,
    case: Case,
    net: str,
    dtype: str,
    *,
    start: Array | None = None,
    seeded: bool = False,
    bump: int | None = None,
    promote: str | None = None,
    nudge: int | None = None,
) -> tuple[Observation, NoiseSource]:
    """Run the original once. `promote` (default: the dtype itself for float64) is what float32 means inside it.

    `nudge` numbers a repetition in which noise levels are moved by one unit in the last place.
    """
    levels = schedule(case.schedule)
    closed = network(case.network if net != "open" else "open", levels, case.parameterization)
    source = NoiseSource(None if seeded else tape(case.seed, case.shape), bump)
    noise = start_noise(case.seed, case.shape) if start is None else start
    run = Run(case, closed, levels, TORCH_OF[dtype], noise, source, seeded=seeded, nudge=nudge)
    lift = promote or (dtype if dtype == "float64" else None)
    torch.set_default_dtype(torch.float64 if dtype == "float64" else torch.float32)
    torch.manual_seed(case.seed)
    try:
        with Interposer(source, None if lift is None else TORCH_OF[lift]):
            module.drive(original, ref.name, run)
    except Exception as error:  # noqa: BLE001 - "F raises on X" is a legal golden
        return _raised(run, ref, error), source
    finally:
        torch.set_default_dtype(torch.float32)
    if run.observation is None:
        raise DataError(f"references/{ref.codebase.name}/record.py ended {ref.id} without run.finish(...)")
    return run.observation, source


def _starts_in(ref: Reference, error: Exception) -> str:
    """Where an exception starts; raised again where that is not a file of the original, or something that it called or is made of.

    Memory that runs out says nothing of the original either.
    """
    traced = traceback.extract_tb(error.__traceback__)
    frames = [f for f in traced if f.filename not in _OURS and READERS.isdisjoint(Path(f.filename).parts)]
    files = {Path(f).name for f in ref.codebase.files}
    own = frames and (Path(frames[-1].filename).name in files or frames[-1].name == as_users_do.__name__)
    if out_of_memory(error) or not own:
        raise error
    return f"{Path(frames[-1].filename).name}: {frames[-1].name}"


def _raised(run: Run, ref: Reference, error: Exception) -> Observation:
    where = _starts_in(ref, error)
    blank = np.zeros(run.case.shape, np.float64)
    failed = StepError(type(error).__name__, str(error).replace("|", "/"), where, own=True, at_call=len(run.probe.told))
    states = np.stack(run.probe.states) if run.probe.states else np.zeros((0, *run.case.shape))
    told, steps = np.asarray(run.probe.told, np.float64), np.asarray(run.probe.steps, np.int64)
    return Observation(told, steps, states, EMPTY, ref.codebase.level_kind, blank, blank, error=failed)


def _repeat(args: Original, case: Case, net: str, dtype: str, base: Observation) -> Spread:
    starts = nudged(start_noise(case.seed, case.shape).astype(dtype), NUDGES).reshape(NUDGES, *case.shape)
    runs = [observe_original(*args, case, net, dtype, start=start, nudge=n)[0].path for n, start in enumerate(starts)]
    if any(run.shape != base.path.shape for run in runs):
        raise DataError(
            f"{args[2].id} case {case.id}: a nudge of one unit in the last place changes its number of network calls: choose another case"
        )
    return spread_of(np.stack(runs), base.path)


def _refuse(ref: Reference, case: Case, net: str, exact: Observation, native: Observation, spread: Spread) -> None:
    expected = expect(exact.path, native.path, spread=spread)
    signal = measure(exact.path[-1], np.zeros_like(exact.path[-1]))[0]
    if not expected.floor_rms[-1] <= LIMIT * signal:  # so that a spread that is not a number is refused too
        raise DataError(
            f"{ref.id} case {case.id} ({net}) is ill-conditioned: its own rounding moves the sample by "
            f"{expected.floor_rms[-1] / signal:.1e} of its size; the limit is {LIMIT:.0e}",
            f"choose another network, grid or seed in references/{ref.codebase.name}",
        )


class CaseWriter:
    """Collects the tensors and outcomes of one reference."""

    def __init__(self) -> None:
        self.tensors: dict[str, Array] = {}
        self.outcomes: dict[str, str] = {}
        self.parameters: dict[str, dict[str, list[int]]] = {}

    def raised(self, ref: Reference, error: Exception) -> str:
        """How the header says that the original raises."""
        _starts_in(ref, error)
        return f"{type(error).__name__}|{str(error).replace('|', '/')}|0"

    def observation(self, case: str, net: str, dtype: str, seen: Observation) -> None:
        """Keep one run."""
        prefix = f"{case}/{net}/{dtype}/"
        self.tensors.update({prefix + name: value for name, value in seen.tensors().items()})
        error = seen.error
        self.outcomes[f"outcome.{case}.{net}.{dtype}"] = "ok" if error is None else f"{error.type}|{error.message}|{error.at_call}"

    def spread(self, case: str, net: str, dtype: str, spread: Spread) -> None:
        """Keep how far nudged repetitions ended up."""
        prefix = f"{case}/{net}/{dtype}/spread_"
        self.tensors[prefix + "rms"], self.tensors[prefix + "max"] = spread.rms, spread.maximum

    def own_error(self, case: str, net: str, dtype: str, exact: Observation, low: Observation) -> None:
        """Keep the original's own error in a 16-bit dtype, unless it raised or lost the sample there."""
        key = f"outcome.{case}.{net}.{dtype}"
        if low.error is not None:
            self.outcomes[key] = f"{low.error.type}|{low.error.message}|{low.error.at_call}"
            return
        if low.path.shape != exact.path.shape or not np.isfinite(low.path).all():
            self.outcomes[key] = "ill-conditioned"
            return
        expected = expect(exact.path, low.path, dtype=dtype)
        signal = measure(exact.path[-1], np.zeros_like(exact.path[-1]))[0]
        self.outcomes[key] = "ill-conditioned" if expected.floor_rms[-1] > LOW_LIMIT * signal else "ok"
        prefix = f"{case}/{net}/{dtype}/error_"
        self.tensors[prefix + "rms"], self.tensors[prefix + "max"] = expected.floor_rms, expected.floor_max


def record_case(module: Any, original: Any, ref: Reference, case: Case, writer: CaseWriter, *, quick: bool = False) -> None:
    """Record one case of one reference on both networks, in every precision; `quick` does only what is quick."""
    args = (module, original, ref)
    for net in ("closed", "open"):
        native, _ = observe_original(*args, case, net, "float32")
        exact, _ = observe_original(*args, case, net, "float64")
        writer.observation(case.id, net, "float32", native)
        writer.observation(case.id, net, "float64", exact)
        if native.error is not None or quick:
            continue
        spread = _repeat(args, case, net, "float32", native)
        _refuse(ref, case, net, exact, native, spread)
        writer.spread(case.id, net, "float32", spread)
        writer.spread(case.id, net, "float64", _repeat(args, case, net, "float64", exact))
        for dtype in LOW:
            writer.own_error(case.id, net, dtype, exact, observe_original(*args, case, net, dtype)[0])
    if "noise" in case.layers and not (quick and case.steps > QUICK_STEPS):
        _seeded(args, case, writer, quick=quick)


def _seeded(args: Original, case: Case, writer: CaseWriter, *, quick: bool) -> None:
    """Keep the draws that move Y when the original draws its own noise from the case's seed, in order.

    Their spread is how far they move when levels move by one unit in the last place: nothing for plain draws, much for a Brownian path.
    """
    seen, source = observe_original(*args, case, "closed", "float32", seeded=True)
    if seen.error is not None:
        writer.observation(case.id, "seeded", "float32", seen)
        return
    effective = []
    for index in range(len(source.draws)):
        moved, _ = observe_original(*args, case, "closed", "float32", seeded=True, bump=index)
        if moved.path.tobytes() != seen.path.tobytes():
            effective.append(index)
    noise = np.stack([source.draws[index] for index in effective])
    kept = Observation(seen.told[:0], seen.step[:0], seen.states[:0], seen.levels[:0], seen.level_kind, seen.start, seen.sample, noise)
    writer.observation(case.id, "seeded", "float32", kept)
    if not quick:
        runs = [observe_original(*args, case, "closed", "float32", seeded=True, nudge=n)[1].draws for n in range(LEVEL_NUDGES)]
        writer.spread(case.id, "seeded", "float32", spread_of(np.stack([[run[index] for index in effective] for run in runs]), noise))


def header_of(ref: Reference, source: str) -> dict[str, str]:
    """Provenance: flat strings, as safetensors keeps them."""
    return {
        "schema": "1",
        "recorder": "1",
        "codebase": ref.codebase.name,
        "repository": ref.codebase.repository,
        "commit": ref.codebase.commit,
        "source": source,
        "reference": ref.id,
        "fixture": fixture_digest(),
        "level_kind": ref.codebase.level_kind,
        "dtypes": "float32,float64 (states); float16,bfloat16 (own error)",
        "device": "cpu",
        "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        **{name: importlib.metadata.version(name) for name in ref.codebase.packages},
    }


def main(job_file: str) -> int:
    """Record the references that the job names into its output folder; what is refused on purpose is said in a line of its own."""
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    try:
        _record(json.loads(Path(job_file).read_text()), reply)
    except TruetoError as error:
        refused = error
    except Exception as error:
        if not out_of_memory(error):
            raise
        refused = no_memory(traceback.format_exception_only(error)[0].splitlines()[0])
    else:
        return 0
    reply.write(json.dumps({"refused": refused.message, "hint": refused.hint}) + "\n")
    reply.flush()
    return 1


def _record(job: dict[str, Any], reply: Any) -> None:
    refs = [reference(name) for name in job["references"]]
    module = importlib.import_module(f"{refs[0].codebase.package}.record")
    parameters: dict[str, Any] = {}
    original = module.load(Path(job["source"]))
    for ref in refs:
        about_all = {**header_of(ref, job["provenance"]), **job.get("header", {})}
        if "earlier" in job:
            _expect_as_earlier(about_all, **job["earlier"])
        writer = CaseWriter()
        for case in _cases(ref, job):
            recorded = record_outputs if ref.of_outputs else record_case
            recorded(module, original, ref, case, writer, quick=job["quick"])
            reply.write(json.dumps({"reference": ref.id, "case": case.id}) + "\n")
            reply.flush()
        write_tensors(Path(job["output"]) / f"{ref.name}.safetensors", writer.tensors, {**about_all, **writer.outcomes})
        parameters |= writer.parameters
    if parameters:
        (Path(job["output"]) / PARAMETERS).write_text(json.dumps(parameters, indent=1) + "\n")


def _expect_as_earlier(now: dict[str, str], header: dict[str, str], said: str, hint: str) -> None:
    """DataError where what was recorded before of other cases cannot be kept under the header that these will have."""
    keys = [key for key in sorted({**header, **now}) if key != "weights_form" and header.get(key) != now.get(key)]
    if differ := [f"{key} was {header.get(key, 'none')} and is {now.get(key, 'none')}" for key in keys]:
        raise DataError(f"{said}, recorded otherwise ({'; '.join(differ)}): one file cannot say both, and nothing of it was touched", hint)


def _cases(ref: Reference, job: dict[str, Any]) -> list[Case]:
    """The cases to record: all, or on a checkpoint of the user's those that the job names, fitted to it."""
    if "weights" not in job:
        return list(ref.cases)
    checkpoint = open_checkpoint(Path(job["weights"]))
    return [checkpoint.fitted(ref.case(name)) for name in job["cases"][ref.id]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
