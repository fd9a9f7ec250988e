"""An independent list of faults through the machinery of `trueto power`: python benchmarks/independent_faults.py DIRECTORY.

DIRECTORY holds open.jsonl: a fault a line, with the file in the package, character offsets, the original and the changed text. Nothing of
it is kept here. Two figures come out: the share of faults within the domain of a claim (a claim executes the place, and the output of a
case or of a drawn configuration changes), and the share of those that a cell of the gate sees.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from trueto.candidates import ledger_path
from trueto.ledger import load_ledger
from trueto.power import Fault
from trueto.power.fault import spliced
from trueto.running.client import Worker
from trueto.running.profiles import profile
from trueto.running.seeded import Checks, Found, timed
from trueto.running.seeded_outputs import checks_of
from trueto.workers.protocol import claim_from_json

SEEN = ("killed", "crash", "time-out")
PACKAGE = "diffusers"


def fault_of(entry: dict[str, Any], package: Path) -> Fault:
    """One line of the list as a fault of the installed package; refuses another source than the one that it was written for."""
    source = (package / entry["file"]).read_text(encoding="utf-8")
    if hashlib.sha256(source.encode()).hexdigest() != entry["file_sha256"] or source[entry["start"] : entry["end"]] != entry["original"]:
        raise SystemExit(f"{entry['file']} is not that of {PACKAGE} {entry['diffusers_version']}, for which the list was written")
    module = ".".join((PACKAGE, *Path(entry["file"]).with_suffix("").parts))
    return spliced(module, source, entry["start"], entry["end"], entry["mutated"], entry["id"])


class Measure:
    """The faults that are left, by scheduler, and the file that outcomes are appended to."""

    def __init__(self, entries: list[dict[str, Any]], output: Path, draws: int) -> None:
        self.output, self.draws = output, draws
        package = importlib.util.find_spec(PACKAGE)
        assert package is not None
        assert package.origin is not None
        self.package = Path(package.origin).parent
        self.done = {r["id"]: r for r in map(json.loads, output.read_text().splitlines())} if output.exists() else {}
        self.groups: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            if entry["id"] not in self.done:
                self.groups.setdefault(entry["scheduler"], []).append(entry)
        self.lock = threading.Lock()

    def serve(self) -> None:
        """Take one scheduler after another; its claims are opened once."""
        worker = Worker(PACKAGE, profile("default"))
        try:
            while True:
                with self.lock:
                    if not self.groups:
                        return
                    scheduler, entries = self.groups.popitem()
                checks = self.opened(worker, scheduler)
                for entry in entries:
                    self.keep({"id": entry["id"], "scheduler": scheduler, **self.one(entry, checks)})
        finally:
            worker.close()

    def opened(self, worker: Worker, scheduler: str) -> list[Checks]:
        """The claims that are implemented by the scheduler."""
        said = worker.describe()
        ledger = load_ledger(ledger_path(PACKAGE), PACKAGE)
        claims = [claim for claim in map(claim_from_json, said["claims"]) if claim.implementation == scheduler]
        found = [checks_of(worker, PACKAGE, said["version"], claim, ledger, self.draws, 0) for claim in claims]
        for checks in found:
            checks.open()
        return found

    def one(self, entry: dict[str, Any], every: list[Checks]) -> dict[str, Any]:
        """Asked of each claim until one sees it; only then whether it lies in the domain of any at all."""
        fault, cpu = fault_of(entry, self.package), 0.0
        asked: list[tuple[Checks, Found]] = []
        for checks in every:
            found, seconds = timed(checks.worker, partial(checks.judge, fault))
            cpu += seconds
            asked.append((checks, found))
            if found.outcome in SEEN:
                break
        checks, found = asked[-1] if asked else (None, Found("outside", note="no claim uses this scheduler"))
        if asked and found.outcome not in SEEN:
            checks, found = self.unseen(fault, asked)
        claim = {} if checks is None else {"claim": checks.claim.id}
        return {**claim, **found.to_json(), "cpu_seconds": round(cpu, 3)}

    def unseen(self, fault: Fault, asked: list[tuple[Checks, Found]]) -> tuple[Checks | None, Found]:
        """A fault that no claim sees: survived where it changes a configuration of one of them, else outside of all domains."""
        notes: list[str] = []
        for checks, found in asked:
            if found.outcome == "not made":
                return checks, found
            compared = checks.equivalent(fault)
            if compared.outcome == "survived":
                return checks, compared
            notes.append(f"{checks.claim.id}: {compared.note}")
        return None, Found("outside", note="; ".join(notes))

    def keep(self, record: dict[str, Any]) -> None:
        """Append an outcome; what was done is not done again."""
        with self.lock:
            self.done[record["id"]] = record
            with self.output.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
            print(f"{len(self.done)} {record['id']}: {record['outcome']}", flush=True)


def text_of(records: list[dict[str, Any]]) -> str:
    """The two figures, and the survivors by id."""
    count = Counter(record["outcome"] for record in records)
    seen, made = sum(count[name] for name in SEEN), len(records) - count["not made"]
    inside = seen + count["survived"]
    seconds = sorted(record["cpu_seconds"] for record in records)
    lines = [
        f"faults asked about: {len(records)} (could not be put in place: {count['not made']})",
        f"within the domain of a claim: {inside} of {made} ({100 * inside / max(made, 1):.0f} %)",
        f"of those seen: {seen} of {inside} ({100 * seen / max(inside, 1):.0f} %): "
        + ", ".join(f"{name} {count[name]}" for name in (*SEEN, "survived")),
        f"median CPU seconds a fault, over all its claims: {seconds[len(seconds) // 2]:.2f}",
    ]
    lines += [f"survived {r['id']} ({r['claim']}): {r.get('note', '')}" for r in records if r["outcome"] == "survived"]
    lines += [f"outside {r['id']}: {r.get('note', '')}" for r in records if r["outcome"] == "outside"]
    return "\n".join(lines)


def main() -> None:
    """Read the list, measure what is not measured yet, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--sample", type=int, default=0, help="only so many, drawn with --seed (0: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=500, help="random configurations a claim")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--output", type=Path, default=Path("independent_faults.jsonl"), help="outcomes, a line each; continued if it exists"
    )
    chosen = parser.parse_args()
    entries = [json.loads(line) for line in (chosen.directory / "open.jsonl").read_text().splitlines()]
    if chosen.sample:
        entries = random.Random(chosen.seed).sample(entries, chosen.sample)  # noqa: S311 - seeded, not secret
    measure = Measure(entries, chosen.output, chosen.draws)
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for job in [pool.submit(measure.serve) for _ in range(chosen.jobs)]:
            job.result()
    print(text_of([measure.done[entry["id"]] for entry in entries]))


if __name__ == "__main__":
    main()
