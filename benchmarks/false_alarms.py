"""False alarms of the gate: harmless rewrites of the installed library, each judged like the library itself.

python benchmarks/false_alarms.py [--cells 10000] writes reports/false_alarms.json and its section of RESULTS-power.md. A cell counts where
the rewrite changed a bit of what its layer looks at; an alarm is a verdict that was good without the rewrite and is not with it.
It goes on where it was stopped: claims that the file has are not judged again (--fresh: all of them).
"""

from __future__ import annotations

import argparse
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from trueto import __version__
from trueto.candidates import ledger_path
from trueto.events import SUITE
from trueto.ledger import load_ledger
from trueto.model import Claim
from trueto.running.alarms import Cell, judged_profile, judged_rewrites, summary
from trueto.running.client import Worker
from trueto.running.profiles import absent, profile
from trueto.running.seeded_outputs import checks_of
from trueto.workers.protocol import claim_from_json

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS-power.md"
BEGIN, END = "<!-- false alarms: written by benchmarks/false_alarms.py -->", "<!-- end of false alarms -->"
PROFILES = ("threads-2", "isa-default", "isa-avx2", "onednn-off", "compile")
SCHEMA = 1
COUNTED = ("cells", "alarms")
NOTHING: dict[str, Any] = {
    **dict.fromkeys(COUNTED, 0),
    **{name: {} for name in ("by_kind", "apart", "claims_by_profile")},
    "largest_ratio": 0.0,
    "list": [],
    "judged": [],
}


class Measure:
    """Claims that are left, and the cells that were judged."""

    def __init__(
        self, spec: str, claims: Sequence[str], cells: int, seed: int, profiles: Sequence[str], before: Mapping[str, Any] | None = None
    ) -> None:
        self.spec, self.seed, self.profiles = spec, seed, [name for name in profiles if not absent(profile(name))]
        worker = Worker(spec, profile("default"))
        said = worker.describe()
        worker.close()
        self.name, self.version = str(said["candidate"]), str(said["version"])
        every = [claim_from_json(claim) for claim in said["claims"]]
        chosen = [c for c in every if not claims or any(fnmatchcase(c.id, pattern) for pattern in claims)]
        same = before is not None and all(before.get(name) == value for name, value in self.header.items())
        self.before: Mapping[str, Any] = before if same and before is not None else NOTHING
        self.judged: list[str] = [*self.before["judged"]]
        self.queue = [c for c in chosen if c.id not in self.judged]
        self.wanted, self.of_claims = cells, len(every)
        self.ledger = load_ledger(ledger_path(spec), self.name)
        self.cells: list[Cell] = []
        self.progress: Callable[[dict[str, Any]], None] = print
        self.lock = threading.Lock()

    def serve(self) -> None:
        """Take one claim after another, in workers that import the library once."""
        workers = {name: Worker(self.spec, profile(name)) for name in ("default", *self.profiles)}
        try:
            while (taken := self._next()) is not None:
                claim, share = taken
                found = self.one(workers, claim, share)
                with self.lock:
                    self.cells += found
                    self.judged.append(claim.id)
                    self.progress(self.report())
                    bad = sum(cell.worse for cell in found if cell.bound and not cell.computes)
                    print(f"{claim.id}: {len(found)} cells, {bad} alarms; {len(self.queue)} claims left", flush=True)
        finally:
            for worker in workers.values():
                worker.close()

    def _next(self) -> tuple[Claim, int] | None:
        """The next claim, and its share of the cells that are still wanted."""
        with self.lock:
            if not self.queue:
                return None
            left = self.wanted - self.before["cells"] - sum(cell.bound and not cell.computes for cell in self.cells)
            claim = self.queue.pop(0)
            return claim, max(1, -(-max(left, 0) // (len(self.queue) + 1)))

    def one(self, workers: dict[str, Worker], claim: Claim, share: int) -> list[Cell]:
        """The cells of one claim: rewrites of its source, then other ways of running it."""
        checks = checks_of(workers["default"], self.name, self.version, claim, self.ledger, 0, self.seed, rewrites=True)
        checks.open()
        chance = random.Random(f"{self.seed}:{claim.id}:rewrites")  # noqa: S311 - seeded, not secret
        found = list(judged_rewrites(checks, share, chance))
        for name in self.profiles:
            found += judged_profile(checks, workers[name])
        return found

    @property
    def header(self) -> dict[str, Any]:
        """What must be the same where a measurement goes on."""
        return {
            "schema": SCHEMA,
            "candidate": self.name,
            "version": self.version,
            "trueto": __version__,
            "suite": SUITE,
            "seed": self.seed,
        }

    def report(self) -> dict[str, Any]:
        """Everything that was measured, as reports/false_alarms.json keeps it."""
        now = len(self.judged) - len(self.before["judged"])
        return {
            **self.header,
            "claims": len(self.judged),
            "of_claims": self.of_claims,
            "command": "python benchmarks/false_alarms.py",
            **added(self.before, {**summary(self.cells), "claims_by_profile": dict.fromkeys(self.profiles, now)}),
            "judged": self.judged,
        }


def added(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of two measurements of different claims together."""

    def both(name: str) -> dict[str, dict[str, int]]:
        kinds = [*first[name], *(kind for kind in second[name] if kind not in first[name])]
        return {kind: {what: sum(one[name].get(kind, {}).get(what, 0) for one in (first, second)) for what in COUNTED} for kind in kinds}

    profiles = Counter(first["claims_by_profile"]) + Counter(second["claims_by_profile"])
    return {
        **{what: first[what] + second[what] for what in COUNTED},
        "largest_ratio": max(first["largest_ratio"], second["largest_ratio"]),
        "by_kind": both("by_kind"),
        "apart": both("apart"),
        "claims_by_profile": dict(profiles),
        "list": [*first["list"], *second["list"]],
    }


def section(found: dict[str, Any]) -> str:
    """The figures as a section of RESULTS-power.md."""
    rows = {**{f"profile {name}": dict.fromkeys(COUNTED, 0) for name in found["claims_by_profile"]}, **found["by_kind"]}
    lines = [
        BEGIN,
        "# False alarms",
        "",
        f"`{found['command']}`: harmless rewrites of {found['candidate']} {found['version']}, {found['claims']} of {found['of_claims']} claims, seed {found['seed']}.",  # noqa: E501 - one sentence
        "A cell counts where a bit of what its layer looks at changed (0 cells: none did). What each rewrite is: docs/power.md.",
        "",
        f"**{found['alarms']} false alarms in {found['cells']:,} cells**; the largest ratio that passed is {found['largest_ratio']:.2f}.",
        "",
        "| rewrite | cells | alarms |",
        "|---|---|---|",
        *(f"| {kind}{_of(kind, found)} | {counts['cells']:,} | {counts['alarms']} |" for kind, counts in sorted(rows.items())),
        "",
        "Apart, as no harmless rewrites, each with the cells whose verdict turned bad:",
        "",
        *(f"* {name}: {counts['alarms']} of {counts['cells']:,}" for name, counts in found["apart"].items()),
        END,
    ]
    return "\n".join(lines)


def _of(kind: str, found: dict[str, Any]) -> str:
    """On how many claims, for a profile that was not asked of all."""
    claims = found["claims_by_profile"].get(kind.removeprefix("profile "), found["claims"])
    return "" if claims == found["claims"] else f" ({claims} claims)"


def written(text: str, new: str) -> str:
    """A text with its section replaced, or appended where it has none."""
    before, begin, rest = text.partition(BEGIN)
    return f"{before}{new}{rest.partition(END)[2]}" if begin else f"{text.rstrip()}\n\n{new}\n"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, write, and print the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="diffusers")
    parser.add_argument("--claim", action="append", default=[], help="only this claim (glob allowed)")
    parser.add_argument("--cells", type=int, default=10_000, help="cells under rewrites of the source, shared among the claims")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--profile", action="append", help=f"other ways of running it  [default: {' '.join(PROFILES)}]")
    parser.add_argument("--fresh", action="store_true", help="all claims, also those that the output has")
    parser.add_argument("--output", type=Path, default=Path("reports/false_alarms.json"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    before = None if chosen.fresh or not chosen.output.exists() else json.loads(chosen.output.read_text(encoding="utf-8"))
    profiles = PROFILES if chosen.profile is None else chosen.profile
    if before is not None and "judged" not in before:
        before = None
    measure = Measure(chosen.candidate, chosen.claim, chosen.cells, chosen.seed, profiles, before)

    def keep(found: dict[str, Any]) -> None:
        chosen.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        old = chosen.results.read_text(encoding="utf-8") if chosen.results.exists() else ""
        chosen.results.write_text(written(old, section(found)), encoding="utf-8")

    measure.progress = keep
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for job in [pool.submit(measure.serve) for _ in range(chosen.jobs)]:
            job.result()
    found = measure.report()
    keep(found)
    for cell in found["list"]:
        print(
            f"alarm: {cell['claim']}:{cell['layer']}:{cell['case']}, {cell['kind']} at {cell['where']}: {cell['after']} ({cell['ratio']})"
        )
    print(f"{found['alarms']} false alarms in {found['cells']} cells")
    return found


if __name__ == "__main__":
    main()
