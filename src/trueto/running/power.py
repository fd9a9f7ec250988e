"""Measuring the power of a candidate's checks: faults are drawn claim by claim, judged, and kept in a certificate that can be resumed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from trueto import __version__
from trueto.candidates import ledger_path
from trueto.errors import UnknownName, UsageError
from trueto.events import SUITE
from trueto.ledger import Ledger, load_ledger
from trueto.model import Claim
from trueto.power import Certificate, Fault, read_certificate, write_certificate
from trueto.running.client import Worker
from trueto.running.profiles import profile
from trueto.running.seeded import Checks, timed
from trueto.running.seeded_outputs import checks_of
from trueto.workers.protocol import claim_from_json

__all__ = ["Power", "Progress", "judged"]

EVERY = 10  # faults between two times that the certificate is written
Progress = Callable[[str, int, int, str], None]


@dataclass(slots=True)
class Power:
    """One measurement: who is measured, how many faults a claim gets, and where the certificate lies."""

    spec: str
    path: Path
    faults: int = 40
    seed: int = 0
    equivalence: int = 500
    jobs: int = 2
    chosen: tuple[str, ...] = ()
    fresh: bool = False
    name: str = ""
    version: str = ""
    claims: tuple[Claim, ...] = ()
    certificate: Certificate = field(default_factory=lambda: Certificate({}))
    resumed: int = 0
    _ledger: Ledger | None = None
    _lock: Any = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Ask the candidate who it is, choose its claims, and take up the certificate where it was left."""
        worker = Worker(self.spec, profile("default"))
        try:
            said = worker.describe()
        finally:
            worker.close()
        self.name, self.version = str(said["candidate"]), str(said["version"])
        every = tuple(claim_from_json(claim) for claim in said["claims"])
        for pattern in self.chosen:
            if not any(fnmatchcase(claim.id, pattern) for claim in every):
                raise UnknownName("claim", pattern, [claim.id for claim in every], f"trueto list claims {self.spec}")
        self.claims = tuple(c for c in every if not self.chosen or any(fnmatchcase(c.id, pattern) for pattern in self.chosen))
        self._ledger = load_ledger(ledger_path(self.spec), self.name)
        header = {
            "candidate": self.name,
            "version": self.version,
            "trueto": __version__,
            "suite": SUITE,
            "seed": self.seed,
            "faults": self.faults,
            "equivalence": self.equivalence,
        }
        self.certificate = Certificate(header)
        if self.path.exists() and not self.fresh:
            self._go_on(read_certificate(self.path))

    def _go_on(self, found: Certificate) -> None:
        """Take up what is known; UsageError where it was measured otherwise, so that no certificate is lost by a typed number."""
        header = self.certificate.header
        if other := [f"{name} {found.header.get(name)}, not {value}" for name, value in header.items() if found.header.get(name) != value]:
            said = f"{self.path} is a certificate of {', '.join(other)}"
            raise UsageError(said, "--output OTHER.json, or --fresh to measure all of it anew, or the same as then to go on with it")
        self.certificate = Certificate(header, found.claims)
        self.resumed = sum(len(entry["faults"]) for entry in found.claims.values())

    def measure(self, progress: Progress) -> Certificate:
        """Every claim, a few at a time, each group in a worker that imports the library once."""
        queue = list(self.claims)
        with ThreadPoolExecutor(self.jobs) as pool:
            for done in as_completed([pool.submit(self._serve, queue, progress) for _ in range(self.jobs)]):
                done.result()
        self._write()
        return self.certificate

    def _serve(self, queue: list[Claim], progress: Progress) -> None:
        worker = Worker(self.spec, profile("default"))
        try:
            while True:
                with self._lock:
                    if not queue:
                        return
                    claim = queue.pop(0)
                self._claim(worker, claim, progress)
        finally:
            worker.close()

    def _claim(self, worker: Worker, claim: Claim, progress: Progress) -> None:
        assert self._ledger is not None
        checks = checks_of(worker, self.name, self.version, claim, self._ledger, self.equivalence, self.seed)
        checks.open()
        chance = random.Random(f"{self.seed}:{claim.id}")  # noqa: S311 - seeded, not secret
        drawn, own = checks.draw(self.faults, chance)
        known = self.certificate.known(claim.id)
        entry: dict[str, Any] = {"reference": claim.reference, "possible": len(checks.faults), "faults": list(known.values())}
        if own:  # a switch: how many lie in lines that run only while it is on
            entry["own"] = own
        with self._lock:
            self.certificate.claims[claim.id] = entry
        for number, fault in enumerate(drawn, 1):
            if fault.id not in known:
                record = judged(checks, fault)
                with self._lock:
                    entry["faults"].append(record)
                progress(claim.id, number, len(drawn), record["outcome"])
                if number % EVERY == 0:
                    self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            write_certificate(self.path, self.certificate)


def judged(checks: Checks, fault: Fault) -> dict[str, Any]:
    """What became of one fault, as the certificate keeps it; CPU seconds are those until it was seen or had passed every cell."""
    found, seconds = timed(checks.worker, lambda: checks.judge(fault))
    if found.outcome == "survived":
        found = checks.equivalent(fault)
    return {
        "id": fault.id,
        "module": fault.module,
        "function": fault.function,
        "line": fault.first,
        "operator": fault.operator,
        "what": fault.what,
        **found.to_json(),
        "cpu_seconds": round(seconds, 3),
    }
