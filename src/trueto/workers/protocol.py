"""The worker protocol, version 1: JSON lines on standard input and output, tensors in safetensors files.

The harness sends one request a line and gets one reply a line, with the same `id`. Operations: `describe` (name, version,
claims; must not import the library), `load` (import it), `fork` (one more worker that has it), `run` (one case), and for `trueto power`
`reach` (which faults could be seeded) and `differs` (whether one does anything). docs/worker-protocol.md and protocol.schema.json
describe every field. Tensors travel in the file that the request names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueto.errors import DataError
from trueto.model import Case, Claim, Layer
from trueto.observe import LEVEL_KINDS, Observation, StepError
from trueto.outputs import Outputs
from trueto.store import map_tensors, read_header, read_tensors, write_tensors

__all__ = [
    "FEATURE",
    "NETS",
    "PLAIN",
    "VERSION",
    "check_form",
    "claim_from_json",
    "claim_to_json",
    "read_observation",
    "read_outputs",
    "run_request",
    "write_observation",
    "write_outputs",
]

VERSION = 1
HINT = "docs/worker-protocol.md"
# What a run is asked for (`net`): the network that a sampler meets, or which outputs of a function; with PLAIN a feature under test is off.
CALLED, FEATURE, PLAIN = "outputs", "feature", "plain"
NETS = {
    Layer.SCHEDULE: "closed",
    Layer.START: "closed",
    Layer.UPDATE: "open",
    Layer.TRAJECTORY: "closed",
    Layer.NOISE: "seeded",
    **{layer: CALLED for layer in Layer if layer.of_outputs},
    Layer.INVARIANCE: FEATURE,
}
FORM = {"told": 1, "step": 1, "states": 5, "levels": 1, "start": 4, "sample": 4, "noise": 5}  # number of axes


def claim_to_json(claim: Claim) -> dict[str, Any]:
    """A claim as JSON data."""
    return dataclasses.asdict(claim)


def claim_from_json(data: Mapping[str, Any]) -> Claim:
    """The inverse; DataError when fields are missing or unknown."""
    try:
        fields: dict[str, Any] = {**data, "cases": tuple(data["cases"])}
        return Claim(**fields)
    except (TypeError, KeyError) as error:
        raise DataError(f"a claim of the candidate cannot be read: {error}", "docs/worker-protocol.md") from error


def run_request(  # noqa: PLR0913 - every field of a request
    number: int,
    claim: Claim,
    case: Case,
    net: str,
    profile: Mapping[str, Any],
    *,
    twin: bool,
    output: Path,
    limits: Mapping[str, float],
    fault: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The request for one run. It holds X by name and nothing of any golden; `fault` is a seeded fault to put in place first."""
    return {
        "protocol": VERSION,
        "id": number,
        "op": "run",
        "claim": claim_to_json(claim),
        "case": case.to_json(),
        "net": net,
        "profile": dict(profile),
        "twin": twin,
        "output": str(output),
        "limits": dict(limits),
        **({} if fault is None else {"fault": dict(fault)}),
    }


def write_observation(path: Path, seen: Observation) -> None:
    """Write what was seen of a run to the file that the request named."""
    write_tensors(path, seen.tensors(), {"level_kind": seen.level_kind})


def write_outputs(path: Path, seen: Outputs) -> None:
    """Write named outputs to the file that the request named."""
    write_tensors(path, seen.tensors(), seen.header())


def read_outputs(path: Path, meta: Mapping[str, Any]) -> Outputs:
    """Read them back; DataError when the file is missing or not what was agreed."""
    return Outputs.read(map_tensors(path), read_header(path), meta)


def read_observation(path: Path, error: StepError | None, meta: Mapping[str, Any]) -> Observation:
    """Read it back; DataError when the file is missing or not what was agreed."""
    kind = read_header(path).get("level_kind", "")
    seen = Observation.from_tensors(read_tensors(path), kind, error, meta)
    check_form(seen)
    return seen


def check_form(seen: Observation) -> None:
    """DataError when an answer is not made as agreed (docs/worker-protocol.md), so that the judge need not expect the impossible."""
    if seen.level_kind not in LEVEL_KINDS:
        raise DataError(f"level_kind is {seen.level_kind!r}, expected {', '.join(LEVEL_KINDS)}", HINT)
    for name, rank in FORM.items():
        values = getattr(seen, name)
        if values.ndim != rank and not (name == "noise" and values.shape == (0,)):
            raise DataError(f"{name} has shape {values.shape}, expected {rank} axes", HINT)
        if values.dtype.kind != ("i" if name == "step" else "f"):
            raise DataError(f"{name} has dtype {values.dtype}", HINT)
    if not len(seen.levels):
        raise DataError("levels is empty: there is one before each step and one at the end", HINT)
    calls = {len(seen.told), len(seen.step), len(seen.states) or len(seen.told)}  # a seeded run may leave its states out
    if len(calls) > 1:
        raise DataError(f"told, step and states speak of {sorted(calls)} network calls", HINT)
