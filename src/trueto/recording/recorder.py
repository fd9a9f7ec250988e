"""Recording a codebase: the original in its own process, then either new goldens or a comparison with the old ones."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trueto.distances import measure, same_bits
from trueto.errors import DataError, UnknownName
from trueto.judge import compare
from trueto.model import SAMPLER_LAYERS, Layer
from trueto.outputs import Outputs
from trueto.recording.interpreter import recording_command
from trueto.recording.lines import check_lines
from trueto.recording.memory import no_memory
from trueto.references import Codebase, Golden, Reference, load_golden, reference, reference_names
from trueto.references.golden import golden_path, manifest_of
from trueto.references.library import PARAMETERS
from trueto.running.likewise import compare_outputs
from trueto.running.truth import golden_truth, parts
from trueto.settings import offline_environment
from trueto.store import read_header, read_tensors

__all__ = ["Change", "Original", "check", "record", "references_of", "run_original"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(slots=True)
class Change:
    """What a recording says about one reference: tensors that are the same bits, that moved, that are new, that are gone."""

    reference: str
    same: int = 0
    moved: dict[str, float] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    beyond_floor: list[str] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        """Whether every tensor has the same bits."""
        return not (self.moved or self.new or self.gone)


@dataclass(frozen=True, slots=True)
class Original:
    """Where an original comes from, its line of provenance, and the interpreter given for it (None: trueto's own)."""

    source: Path
    provenance: str
    python: str | None = None


def run_original(
    base: Codebase,
    names: list[str],
    original: Original,
    output: Path,
    *,
    quick: bool,
    progress: Callable[[str], None],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Record references in a process of the original's own into the folder `output`; `more` is what the job says besides."""
    if not original.provenance.startswith("pypi:"):  # a package may lack lines of the pinned commit
        check_lines(names, original.source)
    job = {
        "codebase": base.name,
        "references": names,
        "source": str(original.source),
        "provenance": original.provenance,
        "output": str(output),
        "quick": quick,
        **(more or {}),
    }
    job_file = output / "job.json"
    job_file.write_text(json.dumps(job))
    command = recording_command(base, original.python, job_file)
    with (output / "stderr.txt").open("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=offline_environment())
        assert process.stdout is not None
        refused: dict[str, str] = {}
        for line in process.stdout:
            said = json.loads(line)
            if "refused" in said:
                refused = said
            else:
                progress(f"{said['reference']} {said['case']}")
        if process.wait() != 0 and refused:
            raise DataError(refused["refused"], refused["hint"])
        if process.returncode == -signal.SIGKILL:
            raise no_memory("the system killed its process")
        if process.returncode != 0:
            errors.seek(0)
            tail = errors.read().strip().splitlines()[-6:]
            raise DataError(
                f"the original's process ended with status {process.returncode}:\n    " + "\n    ".join(tail),
                f"references/{base.name}/record.py",
            )


def references_of(base: Codebase, only: tuple[str, ...]) -> list[str]:
    """The references of a codebase, or those named, with or without its name; UnknownName for one of another codebase."""
    names = [name for name in reference_names() if name.startswith(f"{base.name}/")]
    chosen = [name.removeprefix(f"{base.name}/") for name in only]
    for name in chosen:
        if f"{base.name}/{name}" not in names:
            known = [known.partition("/")[2] for known in names]
            raise UnknownName(f"reference of {base.name}", name, known, f"trueto list references {base.name}")
    return [f"{base.name}/{name}" for name in chosen] or names


def record(base: Codebase, names: list[str], original: Original, progress: Callable[[str], None]) -> list[Change]:
    """Write new goldens and the manifest; what they change against the old ones is returned."""
    with tempfile.TemporaryDirectory(prefix="trueto-record-") as folder:
        output = Path(folder)
        run_original(base, names, original, output, quick=False, progress=progress)
        changes = [_changes(name, output / f"{name.partition('/')[2]}.safetensors") for name in names]
        goldens = base.folder / "goldens"
        goldens.mkdir(exist_ok=True)
        for name in names:
            golden_path(name).write_bytes((output / golden_path(name).name).read_bytes())
        _keep_parameters(base, output / PARAMETERS)
    manifest_of(base.name).write(goldens, only=[golden_path(name).name for name in names])
    return changes


def _keep_parameters(base: Codebase, new: Path) -> None:
    """Names and shapes of the parameters of the toy networks, those just recorded in place of the old ones."""
    if not new.is_file():
        return
    file = base.folder / PARAMETERS
    old = json.loads(file.read_text()) if file.is_file() else {}
    merged = {**old, **json.loads(new.read_text())}
    lines = [f"  {json.dumps(model)}: {json.dumps(shapes)}" for model, shapes in sorted(merged.items())]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def check(base: Codebase, names: list[str], original: Original, progress: Callable[[str], None]) -> list[Change]:
    """Record again into a temporary folder and compare: bits first; where they differ, floors. Writes nothing."""
    with tempfile.TemporaryDirectory(prefix="trueto-check-") as folder:
        output = Path(folder)
        run_original(base, names, original, output, quick=True, progress=progress)
        found = []
        for name in names:
            file = output / f"{name.partition('/')[2]}.safetensors"
            change = _changes(name, file, partial=True)
            change.beyond_floor = _other_outcomes(name, file)
            if not change.identical:
                change.beyond_floor += _beyond_floor(name, file)
            found.append(change)
        return found


def _changes(name: str, file: Path, *, partial: bool = False) -> Change:
    change = Change(name)
    new, old_path = read_tensors(file), golden_path(name)
    try:
        old = read_tensors(old_path) if old_path.is_file() else {}
    except DataError:  # a damaged golden is what recording makes good; `check` refuses it when it is loaded
        old = {}
    for key, value in new.items():
        if key not in old:
            change.new.append(key)
        elif same_bits(old[key], value):
            change.same += 1
        else:
            shapes = old[key].shape == value.shape
            change.moved[key] = measure(value, old[key])[1] if shapes else float("inf")
    if not partial:
        change.gone = [key for key in old if key not in new]
    return change


def _other_outcomes(name: str, file: Path) -> list[str]:
    """Runs in which the original now raises and did not, or the other way round."""
    old, new = load_golden(name).header, read_header(file)
    keys = [key for key, said in new.items() if key.startswith("outcome.") and old.get(key, said) != said]
    return [f"{key.removeprefix('outcome.')}: ends with {new[key]}, the golden says {old[key]}" for key in keys]


def _beyond_floor(name: str, file: Path) -> list[str]:
    """Layers of the new recording that are farther from the old one than its floors allow."""
    ref, old = reference(name), load_golden(name)
    new = Golden(name, read_header(file), read_tensors(file), "")
    if ref.of_outputs:
        return _outputs_beyond_floor(ref, old, new)
    found = []
    for case in ref.cases:
        for layer in SAMPLER_LAYERS:
            net = "open" if layer is Layer.UPDATE else "closed"
            truth = golden_truth(old, case.id, net)
            if layer is Layer.NOISE or truth.native.error is not None:
                continue
            for dtype in ("float32", "float64"):
                seen = new.observation(case.id, net, dtype)
                if seen.error is not None:
                    continue
                comparisons = [compare(got, expected, what) for what, expected, got in parts(layer, truth, seen, dtype)]
                found += [f"{case.id} {layer} {dtype}: {c.what} by {c.ratio:.2g} floors" for c in comparisons if not c.agrees]
    return found


def _outputs_beyond_floor(ref: Reference, old: Golden, new: Golden) -> list[str]:
    """The same of named outputs: cases whose values are farther away than the old recording's rounding."""
    found = []
    for case in ref.cases:
        if old.refusal(case.id) is not None or new.refusal(case.id) is not None:
            continue
        truth = {dtype: old.outputs(case.id, dtype) for dtype in ("float32", "float64")}
        for dtype in truth:
            seen = compare_outputs(Outputs(new.values(case.id, dtype)), truth["float64"], truth["float32"], dtype)
            if isinstance(seen, str):
                found.append(f"{case.id} {dtype}: {seen}")
            elif not seen.agrees:
                found.append(f"{case.id} {dtype}: {seen.what} by {seen.ratio:.2g} floors")
    return found
