"""The certificate: which seeded faults a claim's checks see, as JSON that is written, read, counted and resumed."""

from __future__ import annotations

import json
import os
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trueto.errors import DataError

__all__ = ["SEEN", "Certificate", "counts_of", "read_certificate", "said_of", "write_certificate"]

SCHEMA = 1
SEEN = ("killed", "crash", "time-out")
OUTCOMES = (*SEEN, "survived", "equivalent", "not made")
FIELDS = ("schema", "candidate", "version", "trueto", "suite", "seed", "faults", "equivalence", "claims")


@dataclass(slots=True)
class Certificate:
    """What was asked (`header`) and, for each claim, what became of each of its faults."""

    header: dict[str, Any]
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)

    def known(self, claim: str) -> dict[str, dict[str, Any]]:
        """The faults of a claim that have an outcome, by id."""
        return {fault["id"]: fault for fault in self.claims.get(claim, {}).get("faults", [])}

    def to_json(self) -> dict[str, Any]:
        """The whole file; counts are worked out anew."""
        claims = {name: {**counts_of(entry["faults"]), **entry} for name, entry in sorted(self.claims.items())}
        for name, entry in claims.items():
            entry.update(counts_of(self.claims[name]["faults"]))
        everything = [fault for entry in self.claims.values() for fault in entry["faults"]]
        seconds = [fault["cpu_seconds"] for fault in everything if fault.get("cpu_seconds") is not None]
        median = round(statistics.median(seconds), 3) if seconds else None
        return {"schema": SCHEMA, **self.header, "total": counts_of(everything), "median_cpu_seconds": median, "claims": claims}


def counts_of(faults: list[dict[str, Any]]) -> dict[str, Any]:
    """How many faults ended how, and which layer saw those that were seen."""
    outcomes = Counter(fault["outcome"] for fault in faults)
    layers = Counter(fault["layer"] for fault in faults if fault["outcome"] in SEEN)
    return {
        "seen": sum(outcomes[name] for name in SEEN),
        "real": sum(outcomes[name] for name in (*SEEN, "survived")),
        **{name: outcomes[name] for name in OUTCOMES},
        "by_layer": dict(sorted(layers.items())),
    }


def said_of(entry: Mapping[str, Any]) -> str:
    """One claim's counts as a sentence."""
    seen, real = int(entry["seen"]), int(entry["real"])
    apart = ", ".join(f"{entry[name]} by a {name}" for name in ("crash", "time-out") if entry[name])
    equal = entry["equivalent"]
    return (
        f"{seen} of {real} seeded {'fault is' if real == 1 else 'faults are'} seen"
        + (f" ({apart})" if apart else "")
        + (f"; {equal} more change nothing that the claim speaks of" if equal else "")
    )


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write it as a whole or not at all."""
    text = json.dumps(certificate.to_json(), indent=1, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def read_certificate(path: Path) -> Certificate:
    """Read and check it; DataError for anything else."""
    again = "trueto power diffusers --fresh"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"certificate {path} cannot be read: {error}", again) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or any(name not in data for name in FIELDS):
        raise DataError(f"{path} is no certificate of schema {SCHEMA}: expected {', '.join(FIELDS)}", again)
    header = {name: data[name] for name in FIELDS if name not in ("schema", "claims")}
    claims = data["claims"]
    if not isinstance(claims, dict) or not all(
        isinstance(entry, dict) and isinstance(entry.get("faults"), list) for entry in claims.values()
    ):
        raise DataError(f"{path}: its claims are not lists of faults", again)
    return Certificate(header, claims)
