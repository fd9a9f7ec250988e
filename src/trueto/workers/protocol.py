"""The worker protocol, version 1: JSON lines on standard input and output, tensors in safetensors files.

The harness sends one request a line and gets one reply a line, with the same `id`. Operations: `describe` (name, version,
claims; must not import the library), `load` (import it), `run` (one case). docs/worker-protocol.md and
protocol.schema.json describe every field. Tensors travel in the file that the request names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueto.errors import DataError
from trueto.model import Case, Claim
from trueto.observe import Observation, StepError
from trueto.store import read_header, read_tensors, write_tensors

__all__ = ["VERSION", "claim_from_json", "claim_to_json", "read_observation", "run_request", "write_observation"]

VERSION = 1


def claim_to_json(claim: Claim) -> dict[str, Any]:
    """A claim as JSON data."""
    return dataclasses.asdict(claim)


def claim_from_json(data: Mapping[str, Any]) -> Claim:
    """The inverse; DataError when fields are missing or unknown."""
    try:
        return Claim(**{**data, "cases": tuple(data["cases"])})
    except (TypeError, KeyError) as error:
        raise DataError(f"a claim of the candidate cannot be read: {error}", "docs/worker-protocol.md") from error


def run_request(number: int, claim: Claim, case: Case, net: str, profile: Mapping[str, Any], *, twin: bool, output: Path, limits: Mapping[str, float]) -> dict[str, Any]:
    """The request for one run. It holds X by name and nothing of any golden."""
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
    }


def write_observation(path: Path, seen: Observation) -> None:
    """Write what was seen of a run to the file that the request named."""
    write_tensors(path, seen.tensors(), {"level_kind": seen.level_kind})


def read_observation(path: Path, error: StepError | None, meta: Mapping[str, Any]) -> Observation:
    """Read it back; DataError when the file is missing or not what was agreed."""
    kind = read_header(path).get("level_kind", "")
    return Observation.from_tensors(read_tensors(path), kind, error, meta)
